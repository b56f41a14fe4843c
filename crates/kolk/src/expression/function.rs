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
    /// JSON text, arrays and maps.
    Nested = "Arrays, maps and JSON" {
        /// The parts between separators; all characters for an empty separator.
        Split = "SPLIT",
        /// What stands at a path like `$.a.b[0]` of a JSON text.
        ExtractJsonField = "EXTRACTJSONFIELD",
        /// How many items.
        ArrayLength = "ARRAY_LENGTH",
        /// Whether an item is equal.
        ArrayContains = "ARRAY_CONTAINS",
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
