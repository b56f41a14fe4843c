//! The signatures of the scalar functions.

use super::{Outcome, Repeats, Signature};
use kolk::expression::Function;

use super::Pattern::{
    self, Any, Array, Bigint, Boolean, Bytes, Date, Decimal, Double, Integer, Lambda, Map, Number,
    Plain, Struct, Text, Time, Timestamp, Unit,
};
use Outcome::{First, Is, WholeDecimal};

const T: Pattern = Any('T');
const K: Pattern = Any('K');
const V: Pattern = Any('V');
/// The state of REDUCE.
const S: Pattern = Any('S');
const TS: Pattern = Array(&T);
const PLAINS: Pattern = Array(&Plain('T'));
const KV: Pattern = Map(&K, &V);
const TEXTS: Pattern = Array(&Text);

macro_rules! signatures {
    ($( $function:ident ( $($parameter:expr),* $(; $optional:literal)? ) $($repeats:ident)? -> $result:expr; )*) => {
        /// Every signature; those of one function in the order in which they are tried.
        pub const SIGNATURES: &[Signature] = &[ $( Signature {
            function: Function::$function,
            parameters: &[$($parameter),*],
            optional: signatures!(@optional $($optional)?),
            repeats: signatures!(@repeats $($repeats)?),
            result: $result,
        } ),* ];
    };
    (@optional) => { 0 };
    (@optional $optional:literal) => { $optional };
    (@repeats) => { Repeats::Once };
    (@repeats repeated) => { Repeats::Any };
}

signatures! {
    Coalesce(T) repeated -> Is(T);
    IfNull(T, T) -> Is(T);
    NullIf(T, T) -> Is(T);
    Greatest(Plain('T')) repeated -> Is(T);
    Least(Plain('T')) repeated -> Is(T);

    Abs(Integer) -> First;
    Abs(Bigint) -> First;
    Abs(Decimal) -> First;
    Abs(Double) -> First;
    Ceil(Integer) -> First;
    Ceil(Bigint) -> First;
    Ceil(Decimal) -> First;
    Ceil(Double) -> First;
    Floor(Integer) -> First;
    Floor(Bigint) -> First;
    Floor(Decimal) -> First;
    Floor(Double) -> First;
    Round(Integer) -> First;
    Round(Bigint) -> First;
    Round(Decimal) -> WholeDecimal;
    Round(Decimal, Integer) -> First;
    Round(Double) -> Is(Bigint);
    Round(Double, Integer) -> First;
    Sign(Integer) -> Is(Integer);
    Sign(Bigint) -> Is(Integer);
    Sign(Double) -> Is(Integer);
    Sqrt(Double) -> First;
    Exp(Double) -> First;
    Ln(Double) -> First;
    Log(Double) -> First;
    Log(Double, Double) -> First;
    Power(Double, Double) -> First;
    Cbrt(Double) -> First;
    Trunc(Integer) -> First;
    Trunc(Bigint) -> First;
    Trunc(Decimal) -> WholeDecimal;
    Trunc(Decimal, Integer) -> First;
    Trunc(Double) -> Is(Bigint);
    Trunc(Double, Integer) -> First;

    Acos(Double) -> First;
    Asin(Double) -> First;
    Atan(Double) -> First;
    Atan2(Double, Double) -> First;
    Cos(Double) -> First;
    Cosh(Double) -> First;
    Cot(Double) -> First;
    Degrees(Double) -> First;
    Pi() -> Is(Double);
    Radians(Double) -> First;
    Sin(Double) -> First;
    Sinh(Double) -> First;
    Tan(Double) -> First;
    Tanh(Double) -> First;
    GeoDistance(Double, Double, Double, Double, Text; 1) -> First;

    Ucase(Text) -> First;
    Lcase(Text) -> First;
    InitCap(Text) -> First;
    Len(Text) -> Is(Integer);
    Len(Bytes) -> Is(Integer);
    Trim(Text) -> First;
    Concat(Text, Text) repeated -> Is(Text);
    Concat(Bytes, Bytes) repeated -> Is(Bytes);
    ConcatWs(Text, Text, Text) repeated -> Is(Text);
    ConcatWs(Bytes, Bytes, Bytes) repeated -> Is(Bytes);
    Replace(Text, Text, Text) -> First;
    Chr(Integer) -> Is(Text);
    Chr(Text) -> Is(Text);
    Substring(Text, Integer, Integer; 1) -> First;
    Substring(Bytes, Integer, Integer; 1) -> First;
    Instr(Text, Text, Integer, Integer; 2) -> Is(Integer);
    Lpad(Text, Integer, Text) -> First;
    Lpad(Bytes, Integer, Bytes) -> First;
    Rpad(Text, Integer, Text) -> First;
    Rpad(Bytes, Integer, Bytes) -> First;

    RegexpExtract(Text, Text, Integer; 1) -> First;
    RegexpExtractAll(Text, Text, Integer; 1) -> Is(TEXTS);
    RegexpReplace(Text, Text, Text) -> First;
    RegexpSplitToArray(Text, Text) -> Is(TEXTS);

    Mask(Text) -> First;
    Mask(Text, Text, Text, Text, Text) -> First;
    MaskLeft(Text, Integer) -> First;
    MaskLeft(Text, Integer, Text, Text, Text, Text) -> First;
    MaskRight(Text, Integer) -> First;
    MaskRight(Text, Integer, Text, Text, Text, Text) -> First;
    MaskKeepLeft(Text, Integer) -> First;
    MaskKeepLeft(Text, Integer, Text, Text, Text, Text) -> First;
    MaskKeepRight(Text, Integer) -> First;
    MaskKeepRight(Text, Integer, Text, Text, Text, Text) -> First;

    ToBytes(Text, Text) -> Is(Bytes);
    FromBytes(Bytes, Text) -> Is(Text);
    Encode(Text, Text, Text) -> First;
    IntFromBytes(Bytes, Text; 1) -> Is(Integer);
    BigintFromBytes(Bytes, Text; 1) -> Is(Bigint);
    DoubleFromBytes(Bytes, Text; 1) -> Is(Double);
    Md5(Text) -> First;
    Uuid(Bytes) -> Is(Text);

    UrlEncodeParam(Text) -> First;
    UrlDecodeParam(Text) -> First;
    UrlExtractFragment(Text) -> First;
    UrlExtractHost(Text) -> First;
    UrlExtractParameter(Text, Text) -> First;
    UrlExtractPath(Text) -> First;
    UrlExtractPort(Text) -> Is(Integer);
    UrlExtractProtocol(Text) -> First;
    UrlExtractQuery(Text) -> First;

    Split(Text, Text) -> Is(TEXTS);
    Split(Bytes, Bytes) -> Is(Array(&Bytes));
    SplitToMap(Text, Text, Text) -> Is(Map(&Text, &Text));
    Elt(Integer, Text) repeated -> Is(Text);
    Elt(Integer, Bytes) repeated -> Is(Bytes);
    Field(Text, Text) repeated -> Is(Integer);
    Field(Bytes, Bytes) repeated -> Is(Integer);

    ArrayLength(TS) -> Is(Integer);
    ArrayContains(TS, T) -> Is(Boolean);
    ArrayConcat(TS, TS) -> Is(TS);
    ArrayDistinct(TS) -> Is(TS);
    ArrayExcept(TS, TS) -> Is(TS);
    ArrayIntersect(TS, TS) -> Is(TS);
    ArrayUnion(TS, TS) -> Is(TS);
    ArrayJoin(PLAINS, Text; 1) -> Is(Text);
    ArrayMax(PLAINS) -> Is(T);
    ArrayMin(PLAINS) -> Is(T);
    ArraySum(Array(&Number('T'))) -> Is(T);
    ArrayRemove(TS, T) -> Is(TS);
    ArraySort(PLAINS, Text; 1) -> Is(TS);
    GenerateSeries(Integer, Integer, Integer; 1) -> Is(Array(&Integer));
    GenerateSeries(Bigint, Bigint, Bigint; 1) -> Is(Array(&Bigint));
    Slice(TS, Integer, Integer) -> Is(TS);
    AsMap(TEXTS, Array(&V)) -> Is(Map(&Text, &V));
    Entries(Map(&Text, &V), Boolean) -> Is(Array(&Struct(&[("K", Text), ("V", V)])));
    MapKeys(KV) -> Is(Array(&K));
    MapValues(KV) -> Is(Array(&V));
    MapUnion(KV, KV) -> Is(KV);
    CubeExplode(TS) -> Is(Array(&TS));

    Transform(TS, Lambda(&[T], &Any('U'))) -> Is(Array(&Any('U')));
    Transform(KV, Lambda(&[K, V], &Any('L')), Lambda(&[K, V], &Any('W'))) -> Is(Map(&Any('L'), &Any('W')));
    Filter(TS, Lambda(&[T], &Boolean)) -> Is(TS);
    Filter(KV, Lambda(&[K, V], &Boolean)) -> Is(KV);
    Reduce(TS, S, Lambda(&[S, T], &S)) -> Is(S);
    Reduce(KV, S, Lambda(&[S, K, V], &S)) -> Is(S);

    ExtractJsonField(Text, Text) -> First;
    IsJsonString(Text) -> Is(Boolean);
    JsonArrayContains(Text, Plain('T')) -> Is(Boolean);
    JsonArrayLength(Text) -> Is(Integer);
    JsonConcat(Text) repeated -> Is(Text);
    JsonItems(Text) -> Is(TEXTS);
    JsonKeys(Text) -> Is(TEXTS);
    JsonRecords(Text) -> Is(Map(&Text, &Text));
    ToJsonString(T) -> Is(Text);

    ParseTimestamp(Text, Text, Text; 1) -> Is(Timestamp);
    ParseDate(Text, Text) -> Is(Date);
    ParseTime(Text, Text) -> Is(Time);
    FormatTimestamp(Timestamp, Text, Text; 1) -> Is(Text);
    FormatDate(Date, Text) -> Is(Text);
    FormatTime(Time, Text) -> Is(Text);
    DateAdd(Unit, Integer, Date) -> Is(Date);
    DateSub(Unit, Integer, Date) -> Is(Date);
    TimeAdd(Unit, Integer, Time) -> Is(Time);
    TimeSub(Unit, Integer, Time) -> Is(Time);
    TimestampAdd(Unit, Integer, Timestamp) -> Is(Timestamp);
    TimestampSub(Unit, Integer, Timestamp) -> Is(Timestamp);
    ConvertTz(Timestamp, Text, Text) -> First;
    FromUnixTime(Bigint) -> Is(Timestamp);
    UnixTimestamp(Timestamp) -> Is(Bigint);
    FromDays(Integer) -> Is(Date);
    UnixDate(Date) -> Is(Integer);
    StringToTimestamp(Text, Text, Text; 1) -> Is(Bigint);
    TimestampToString(Bigint, Text, Text; 1) -> Is(Text);
    StringToDate(Text, Text) -> Is(Integer);
    DateToString(Integer, Text) -> Is(Text);
}
