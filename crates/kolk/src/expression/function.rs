//! The built-in scalar functions by family. Their signatures stand in the SQL front end, their evaluation in `operator`.

macro_rules! functions {
    ($( $(#[$about:meta])* $family:ident = $title:literal {
        $( $(#[doc = $doc:literal])+ $variant:ident = $name:literal ),* $(,)?
    } )*) => {
        /// What a function is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Family { $( $(#[$about])* $family ),* }

        impl Family {
            /// Every family.
            pub const ALL: &[Self] = &[ $( Self::$family ),* ];

            /// Its heading.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $( Self::$family => $title ),* }
            }
        }

        /// A built-in scalar function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function { $( $( $(#[doc = $doc])+ $variant, )* )* }

        impl Function {
            /// Every function, family by family.
            pub const ALL: &[Self] = &[ $( $( Self::$variant, )* )* ];

            /// The name in SQL, in upper case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $( $( Self::$variant => $name, )* )* }
            }

            /// What it gives, for people.
            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $( $( Self::$variant => concat!($($doc),+), )* )* }.trim_start()
            }

            /// What it is about.
            #[must_use]
            pub fn family(self) -> Family {
                match self { $( $( Self::$variant => Family::$family, )* )* }
            }
        }
    };
}

functions! {
    /// NULL and choices between values.
    Choice = "NULL and choices" {
        /// The first that is not NULL.
        Coalesce = "COALESCE",
        /// The first, or the second where it is NULL.
        IfNull = "IFNULL",
        /// The first; NULL where both are equal.
        NullIf = "NULLIF",
        /// The greatest; NULLs are passed over.
        Greatest = "GREATEST",
        /// The least; NULLs are passed over.
        Least = "LEAST",
    }
    /// Numbers.
    Number = "Numbers" {
        /// The absolute value.
        Abs = "ABS",
        /// The least whole number that is not below.
        Ceil = "CEIL",
        /// The greatest whole number that is not above.
        Floor = "FLOOR",
        /// Rounded half up to so many places behind the point; without places a DOUBLE becomes a BIGINT.
        Round = "ROUND",
        /// −1, 0 or 1.
        Sign = "SIGN",
        /// The square root.
        Sqrt = "SQRT",
        /// e to this power.
        Exp = "EXP",
        /// The natural logarithm.
        Ln = "LN",
    }
    /// Text, and what bytes have in common with it.
    Text = "Text" {
        /// In upper case.
        Ucase = "UCASE",
        /// In lower case.
        Lcase = "LCASE",
        /// The first letter of each word in upper case, the others in lower case.
        InitCap = "INITCAP",
        /// Characters of a text, bytes of BYTES.
        Len = "LEN",
        /// Without white space at both ends.
        Trim = "TRIM",
        /// All one behind the other; NULLs are passed over.
        Concat = "CONCAT",
        /// All with the first between them; NULLs are passed over.
        ConcatWs = "CONCAT_WS",
        /// With every occurrence of the second replaced by the third.
        Replace = "REPLACE",
        /// The character with this code point.
        Chr = "CHR",
    }
    /// Positions in a text.
    Position = "Positions in text" {
        /// From a position (1 is the first, negative ones count from the end), at most so many characters or bytes.
        Substring = "SUBSTRING",
        /// Where the second stands in the first, from 1; 0 if nowhere. From a position on (backwards if negative), the n-th time.
        Instr = "INSTR",
        /// Exactly so many characters, filled from the left.
        Lpad = "LPAD",
        /// Exactly so many characters, filled from the right.
        Rpad = "RPAD",
    }
    /// Lists in text.
    List = "Lists in text" {
        /// The parts between separators; every character or byte for an empty separator.
        Split = "SPLIT",
        /// A map of `key`-separator-`value` entries: the second argument stands between entries, the third inside them.
        SplitToMap = "SPLIT_TO_MAP",
        /// The n-th of the texts, from 1; NULL if there is none.
        Elt = "ELT",
        /// Where the first stands among the others, from 1; 0 if nowhere.
        Field = "FIELD",
    }
    /// Arrays and maps.
    Collection = "Arrays and maps" {
        /// How many items.
        ArrayLength = "ARRAY_LENGTH",
        /// Whether an item is equal.
        ArrayContains = "ARRAY_CONTAINS",
        /// The items of both; of one where the other is NULL.
        ArrayConcat = "ARRAY_CONCAT",
        /// Each item once, where it came first.
        ArrayDistinct = "ARRAY_DISTINCT",
        /// The different items of the first that the second has not.
        ArrayExcept = "ARRAY_EXCEPT",
        /// The different items of the first that the second has too.
        ArrayIntersect = "ARRAY_INTERSECT",
        /// The different items of both.
        ArrayUnion = "ARRAY_UNION",
        /// The items as one text, with a separator (`,`) between them.
        ArrayJoin = "ARRAY_JOIN",
        /// The greatest item; NULLs are passed over.
        ArrayMax = "ARRAY_MAX",
        /// The least item; NULLs are passed over.
        ArrayMin = "ARRAY_MIN",
        /// Without the items that are equal to the second argument.
        ArrayRemove = "ARRAY_REMOVE",
        /// In order: `'ASC'` or `'DESC'`, NULLs last.
        ArraySort = "ARRAY_SORT",
        /// The numbers from one to another, both included, by steps of 1 or the third.
        GenerateSeries = "GENERATE_SERIES",
        /// The items from one position to another, both included, from 1; NULL where they are outside.
        Slice = "SLICE",
        /// A map of keys and the values at their positions.
        AsMap = "AS_MAP",
        /// The entries of a map as structs; ordered by key if the second is TRUE.
        Entries = "ENTRIES",
        /// The keys, in the order of the map.
        MapKeys = "MAP_KEYS",
        /// The values, in the order of the map.
        MapValues = "MAP_VALUES",
        /// The entries of both; of equal keys the second's.
        MapUnion = "MAP_UNION",
        /// The array with each item there or NULL, in all combinations.
        CubeExplode = "CUBE_EXPLODE",
    }
    /// Lambda functions and those that call them.
    Lambda = "Functions that call a function" {
        /// What the function makes of each item; for a map one function makes keys and another values.
        Transform = "TRANSFORM",
        /// The items or entries for which the function is true.
        Filter = "FILTER",
        /// What becomes of the second argument when the function is called with it and each item or entry.
        Reduce = "REDUCE",
    }
    /// JSON text.
    Json = "JSON text" {
        /// What stands at a path like `$.a.b[0]`.
        ExtractJsonField = "EXTRACTJSONFIELD",
        /// Whether it is JSON.
        IsJsonString = "IS_JSON_STRING",
        /// Whether the array has an item equal to the second argument.
        JsonArrayContains = "JSON_ARRAY_CONTAINS",
        /// How many items; NULL if it is no array.
        JsonArrayLength = "JSON_ARRAY_LENGTH",
        /// One object of the members of all, of equal ones the last; if one is no object, an array of all items.
        JsonConcat = "JSON_CONCAT",
        /// The items, each as JSON text.
        JsonItems = "JSON_ITEMS",
        /// The names of the members; NULL if it is no object.
        JsonKeys = "JSON_KEYS",
        /// The members, each value as text, or as JSON text if it is none; NULL if it is no object.
        JsonRecords = "JSON_RECORDS",
        /// Anything as JSON text.
        ToJsonString = "TO_JSON_STRING",
    }
    /// Dates and times.
    Time = "Dates and times" {
        /// Text by a format of Java's letters, local time of the zone.
        ParseTimestamp = "PARSE_TIMESTAMP",
        /// As text by a format of Java's letters, local time of the zone.
        FormatTimestamp = "FORMAT_TIMESTAMP",
        /// Milliseconds since 1970 as a time-stamp.
        FromUnixTime = "FROM_UNIXTIME",
        /// Milliseconds since 1970.
        UnixTimestamp = "UNIX_TIMESTAMP",
    }
}
