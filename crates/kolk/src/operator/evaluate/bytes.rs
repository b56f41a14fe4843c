//! Functions of bytes: encodings, numbers in bytes, digests.

use super::Batch;
use super::rows::{Arguments, Failed, Outcome, each};
use crate::codec::md5;
use crate::codec::text_encoding::TextEncoding;
use crate::expression::{Expression, Function};
use crate::operator::column::Vector;
use crate::operator::value::Value;
use crate::schema::DataType;

pub(super) fn call(
    function: Function,
    arguments: &[Expression],
    data_type: &DataType,
    batch: &mut Batch<'_>,
) -> Vector {
    use Function as F;
    each(arguments, data_type, batch, |row, _| {
        if (0..row.len()).any(|at| row.get(at).is_null()) {
            return Ok(Value::Null);
        }
        match function {
            F::ToBytes => {
                let (text, encoding) = (row.text(0).ok_or(Failed)?, encoding(&row, 1)?);
                let bytes = encoding.bytes(text).ok_or(Failed)?;
                Ok(Value::Bytes(bytes.into()))
            }
            F::FromBytes => {
                let (bytes, encoding) = (row.bytes(0).ok_or(Failed)?, encoding(&row, 1)?);
                let text = encoding.text(bytes);
                let upper = encoding == TextEncoding::Hex;
                Ok(Value::Text(if upper { text.to_ascii_uppercase() } else { text }.into()))
            }
            F::Encode => {
                let (from, to) = (encoding(&row, 1)?, encoding(&row, 2)?);
                let bytes = from.bytes(row.text(0).ok_or(Failed)?).ok_or(Failed)?;
                Ok(Value::Text(to.text(&bytes).into()))
            }
            F::IntFromBytes => Ok(Value::Integer(i32::from_be_bytes(fixed(&row)?))),
            F::BigintFromBytes => Ok(Value::Bigint(i64::from_be_bytes(fixed(&row)?))),
            F::DoubleFromBytes => Ok(Value::Double(f64::from_be_bytes(fixed(&row)?))),
            F::Md5 => {
                let digest = md5::digest(row.text(0).ok_or(Failed)?.as_bytes());
                Ok(Value::Text(TextEncoding::Hex.text(&digest).into()))
            }
            _ => uuid(&row),
        }
    })
}

fn encoding(row: &Arguments<'_>, at: usize) -> Result<TextEncoding, Failed> {
    row.text(at).and_then(TextEncoding::named).ok_or(Failed)
}

/// Exactly so many bytes, the most significant first, from the order that the second argument names.
fn fixed<const N: usize>(row: &Arguments<'_>) -> Result<[u8; N], Failed> {
    let mut bytes: [u8; N] = row.bytes(0).ok_or(Failed)?.try_into().map_err(|_| Failed)?;
    match row.text(1) {
        None | Some("BIG_ENDIAN") => {}
        Some("LITTLE_ENDIAN") => bytes.reverse(),
        Some(_) => return Err(Failed),
    }
    Ok(bytes)
}

/// 16 bytes as `aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee`.
fn uuid<'v>(row: &Arguments<'_>) -> Outcome<'v> {
    let bytes: [u8; 16] = fixed(row)?;
    let digits = TextEncoding::Hex.text(&bytes);
    let mut text = String::with_capacity(36);
    for (i, range) in [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().enumerate() {
        text.push_str(if i == 0 { "" } else { "-" });
        text.push_str(&digits[range]);
    }
    Ok(Value::Text(text.into()))
}
