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
        /// The greatest; NULLs are passed over. Columns of different kinds of numbers are to be cast.
        Greatest = "GREATEST",
        /// The least; NULLs are passed over. Columns of different kinds of numbers are to be cast.
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
        /// The logarithm to base 10, or to the first argument.
        Log = "LOG",
        /// The first to the power of the second.
        Power = "POWER",
        /// The cube root.
        Cbrt = "CBRT",
        /// Without the digits behind so many places; without places a DOUBLE becomes a BIGINT.
        Trunc = "TRUNC",
    }
    /// Angles and places.
    Geometry = "Angles and places" {
        /// The angle (radians) with this cosine.
        Acos = "ACOS",
        /// The angle (radians) with this sine.
        Asin = "ASIN",
        /// The angle (radians) with this tangent.
        Atan = "ATAN",
        /// The angle (radians) of the place (x, y), given y first.
        Atan2 = "ATAN2",
        /// The cosine.
        Cos = "COS",
        /// The hyperbolic cosine.
        Cosh = "COSH",
        /// The cotangent.
        Cot = "COT",
        /// Radians as degrees.
        Degrees = "DEGREES",
        /// π.
        Pi = "PI",
        /// Degrees as radians.
        Radians = "RADIANS",
        /// The sine.
        Sin = "SIN",
        /// The hyperbolic sine.
        Sinh = "SINH",
        /// The tangent.
        Tan = "TAN",
        /// The hyperbolic tangent.
        Tanh = "TANH",
        /// The distance of two places (latitude and longitude in degrees, each), in `'KM'` or `'MI'`.
        GeoDistance = "GEO_DISTANCE",
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
    /// Regular expressions.
    Regex = "Regular expressions" {
        /// The first match of the pattern, or a group of it; NULL if there is none.
        RegexpExtract = "REGEXP_EXTRACT",
        /// All matches of the pattern, or a group of each.
        RegexpExtractAll = "REGEXP_EXTRACT_ALL",
        /// With every match replaced; `$1` stands for a group.
        RegexpReplace = "REGEXP_REPLACE",
        /// The parts between matches.
        RegexpSplitToArray = "REGEXP_SPLIT_TO_ARRAY",
    }
    /// Masking.
    Mask = "Masking" {
        /// Upper-case letters, lower-case letters, digits and others become `X`, `x`, `n`, `-`, or what is given; NULL keeps them.
        Mask = "MASK",
        /// The first so many characters masked.
        MaskLeft = "MASK_LEFT",
        /// The last so many characters masked.
        MaskRight = "MASK_RIGHT",
        /// All but the first so many characters masked.
        MaskKeepLeft = "MASK_KEEP_LEFT",
        /// All but the last so many characters masked.
        MaskKeepRight = "MASK_KEEP_RIGHT",
    }
    /// Bytes and encodings.
    Bytes = "Bytes and encodings" {
        /// Text in `'hex'`, `'utf8'`, `'ascii'` or `'base64'` as bytes.
        ToBytes = "TO_BYTES",
        /// Bytes as text in `'hex'`, `'utf8'`, `'ascii'` or `'base64'`.
        FromBytes = "FROM_BYTES",
        /// Text from one of these encodings to another.
        Encode = "ENCODE",
        /// The number in 4 bytes, `'BIG_ENDIAN'` or `'LITTLE_ENDIAN'`.
        IntFromBytes = "INT_FROM_BYTES",
        /// The number in 8 bytes.
        BigintFromBytes = "BIGINT_FROM_BYTES",
        /// The number in 8 bytes.
        DoubleFromBytes = "DOUBLE_FROM_BYTES",
        /// The MD5 digest in hexadecimal.
        Md5 = "MD5",
        /// 16 bytes as a UUID's text.
        Uuid = "UUID",
    }
    /// URLs.
    Url = "URLs" {
        /// As a parameter of a form.
        UrlEncodeParam = "URL_ENCODE_PARAM",
        /// What a parameter of a form stands for.
        UrlDecodeParam = "URL_DECODE_PARAM",
        /// Behind `#`.
        UrlExtractFragment = "URL_EXTRACT_FRAGMENT",
        /// The host.
        UrlExtractHost = "URL_EXTRACT_HOST",
        /// The value of a parameter of the query.
        UrlExtractParameter = "URL_EXTRACT_PARAMETER",
        /// The path.
        UrlExtractPath = "URL_EXTRACT_PATH",
        /// The port; NULL if none is given.
        UrlExtractPort = "URL_EXTRACT_PORT",
        /// In front of the first colon.
        UrlExtractProtocol = "URL_EXTRACT_PROTOCOL",
        /// Behind `?`.
        UrlExtractQuery = "URL_EXTRACT_QUERY",
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
        /// The sum of the items; NULLs add nothing.
        ArraySum = "ARRAY_SUM",
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
        /// Text by a format of Java's letters; what follows it is passed over.
        ParseDate = "PARSE_DATE",
        /// Text by a format of Java's letters.
        ParseTime = "PARSE_TIME",
        /// As text by a format of Java's letters, local time of the zone.
        FormatTimestamp = "FORMAT_TIMESTAMP",
        /// As text by a format of Java's letters.
        FormatDate = "FORMAT_DATE",
        /// As text by a format of Java's letters.
        FormatTime = "FORMAT_TIME",
        /// So many units later; `YEARS`, `MONTHS`, `WEEKS`, `DAYS`, `HOURS`, `MINUTES`, `SECONDS`, `MILLISECONDS`.
        DateAdd = "DATEADD",
        /// So many units earlier.
        DateSub = "DATESUB",
        /// So many units later; midnight follows the end of the day.
        TimeAdd = "TIMEADD",
        /// So many units earlier.
        TimeSub = "TIMESUB",
        /// So many units later.
        TimestampAdd = "TIMESTAMPADD",
        /// So many units earlier.
        TimestampSub = "TIMESTAMPSUB",
        /// What clocks of the second zone show when those of the first show this.
        ConvertTz = "CONVERT_TZ",
        /// Milliseconds since 1970 as a time-stamp.
        FromUnixTime = "FROM_UNIXTIME",
        /// Milliseconds since 1970.
        UnixTimestamp = "UNIX_TIMESTAMP",
        /// Days since 1970 as a date.
        FromDays = "FROM_DAYS",
        /// Days since 1970.
        UnixDate = "UNIX_DATE",
        /// PARSE_TIMESTAMP in milliseconds since 1970.
        StringToTimestamp = "STRINGTOTIMESTAMP",
        /// FORMAT_TIMESTAMP of milliseconds since 1970.
        TimestampToString = "TIMESTAMPTOSTRING",
        /// PARSE_DATE in days since 1970.
        StringToDate = "STRINGTODATE",
        /// FORMAT_DATE of days since 1970.
        DateToString = "DATETOSTRING",
    }
}
