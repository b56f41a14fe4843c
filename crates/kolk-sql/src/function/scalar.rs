//! The signatures of the scalar functions.

use super::{Outcome, Repeats, Signature};
use kolk::expression::Function;

use super::Pattern::{
    self, Any, Array, Bigint, Boolean, Bytes, Decimal, Double, Integer, Lambda, Map, Plain, Struct,
    Text, Timestamp,
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

    Ucase(Text) -> First;
    Lcase(Text) -> First;
    InitCap(Text) -> First;
    Len(Text) -> Is(Integer);
    Len(Bytes) -> Is(Integer);
    Trim(Text) -> First;
    Concat(Text, Text) repeated -> First;
    ConcatWs(Text, Text, Text) repeated -> First;
    Replace(Text, Text, Text) -> First;
    Chr(Integer) -> Is(Text);
    Substring(Text, Integer, Integer; 1) -> First;
    Substring(Bytes, Integer, Integer; 1) -> First;
    Instr(Text, Text, Integer, Integer; 2) -> Is(Integer);
    Lpad(Text, Integer, Text) -> First;
    Rpad(Text, Integer, Text) -> First;

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
    FormatTimestamp(Timestamp, Text, Text; 1) -> Is(Text);
    FromUnixTime(Bigint) -> Is(Timestamp);
    UnixTimestamp(Timestamp) -> Is(Bigint);
}
