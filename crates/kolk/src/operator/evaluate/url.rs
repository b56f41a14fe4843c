//! Functions of URLs and form parameters.

use super::Batch;
use super::rows::{Arguments, Failed, Outcome, each, or_null};
use crate::codec::url::{Url, decoded_parameter, encoded_parameter, parameter, unescaped};
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
    each(arguments, data_type, batch, |row, _| match function {
        Function::UrlEncodeParam => {
            or_null(row.text(0).map(|text| Value::Text(encoded_parameter(text).into())))
        }
        Function::UrlDecodeParam => match row.text(0) {
            Some(text) => {
                decoded_parameter(text).map(|text| Value::Text(text.into())).ok_or(Failed)
            }
            None => Ok(Value::Null),
        },
        _ => part(function, &row),
    })
}

/// A part of a URL, its escapes taken out; NULL where it has none.
fn part<'v>(function: Function, row: &Arguments<'_>) -> Outcome<'v> {
    use Function as F;
    let Some(text) = row.text(0) else { return Ok(Value::Null) };
    let url = Url::parse(text).ok_or(Failed)?;
    let plain = |part: Option<&str>| match part {
        Some(part) => unescaped(part).map(Some).ok_or(Failed),
        None => Ok(None),
    };
    let text = match function {
        F::UrlExtractPort => {
            return or_null(url.port.map(|port| Value::Integer(port.into())));
        }
        F::UrlExtractParameter => {
            url.query.zip(row.text(1)).and_then(|(query, name)| parameter(query, name))
        }
        F::UrlExtractFragment => plain(url.fragment)?,
        F::UrlExtractHost => url.host.map(ToOwned::to_owned),
        F::UrlExtractPath => plain(Some(url.path))?,
        F::UrlExtractProtocol => url.scheme.map(ToOwned::to_owned),
        _ => plain(url.query)?,
    };
    or_null(text.map(|text| Value::Text(text.into())))
}
