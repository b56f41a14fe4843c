//! Text with delimiters: one record on one line, fields as Apache Commons CSV reads and writes them by default.
//!
//! A field may stand in double quotes, in which quotes are doubled and everything else means itself. A field without text is
//! NULL, in quotes too. White space belongs to the field, but for that behind a closing quote.

use super::json::{Kind, Token};
use crate::codec::decimal::{self, Rounding};
use crate::codec::number;
use crate::schema::DataType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// A text that is no record of so many fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DelimitedError {
    /// There is nothing, or nothing but line ends.
    #[error("no fields, where {0} are declared")]
    Empty(usize),
    /// The number of fields is not that of the columns.
    #[error("{found} fields, where {declared} are declared")]
    Count {
        /// How many there are.
        found: usize,
        /// How many there must be.
        declared: usize,
    },
    /// A quote is not closed.
    #[error("the quote at byte {0} is not closed")]
    Open(usize),
    /// A closing quote is not followed by a delimiter.
    #[error(
        "something follows the closing quote before byte {0}; a quote inside quotes is doubled"
    )]
    Follows(usize),
    /// There is a second line.
    #[error("a second record begins at byte {0}")]
    SecondLine(usize),
    /// Bytes that are no text.
    #[error("text that is not UTF-8 at byte {0}")]
    NotUtf8(usize),
}

/// Finds the fields of the record at `start` of `buffer` that ends at `end`. Each token is what stands between the quotes, if
/// there are any: [`Kind::EscapedText`] where quotes are doubled, else [`Kind::Text`]; [`Kind::Missing`] for NULL.
///
/// # Errors
/// [`DelimitedError`]; places count from the start of the record.
#[expect(clippy::cast_possible_truncation, reason = "slices address 32 bits")]
pub fn split(
    buffer: &[u8],
    (start, end): (usize, usize),
    delimiter: char,
    fields: &mut [Token],
) -> Result<(), DelimitedError> {
    let text = buffer.get(start..end).unwrap_or_default();
    if let Err(error) = std::str::from_utf8(text) {
        return Err(DelimitedError::NotUtf8(error.valid_up_to()));
    }
    let mut utf8 = [0; 4];
    let delimiter = delimiter.encode_utf8(&mut utf8).as_bytes();
    let mut cursor = Cursor { text, at: line_ends(text), delimiter };
    if cursor.at == text.len() {
        return Err(DelimitedError::Empty(fields.len()));
    }
    let mut found = 0;
    loop {
        let field = cursor.field()?;
        if let Some(token) = fields.get_mut(found) {
            let (at, len) = (start + field.start, field.end - field.start);
            *token = Token::new(at as u32, len as u32, field.kind);
        }
        found += 1;
        if !cursor.delimiter() {
            break;
        }
    }
    let rest = cursor.at + line_ends(&text[cursor.at..]);
    if rest < text.len() {
        return Err(DelimitedError::SecondLine(rest));
    }
    if found == fields.len() {
        return Ok(());
    }
    Err(DelimitedError::Count { found, declared: fields.len() })
}

/// How many line ends stand at the front.
fn line_ends(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_line_end(**byte)).count()
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// A place in a record.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    delimiter: &'a [u8],
}

/// Where a field's text is.
struct Found {
    start: usize,
    end: usize,
    kind: Kind,
}

impl Cursor<'_> {
    fn field(&mut self) -> Result<Found, DelimitedError> {
        if self.text.get(self.at) == Some(&b'"') {
            return self.quoted();
        }
        let start = self.at;
        let first = self.delimiter.first().copied().unwrap_or_default();
        while let Some(len) = memchr::memchr3(first, b'\n', b'\r', &self.text[self.at..]) {
            self.at += len;
            if is_line_end(self.text[self.at]) || self.at_delimiter() {
                break;
            }
            self.at += 1;
        }
        if self.text.get(self.at).is_none_or(|byte| !is_line_end(*byte)) && !self.at_delimiter() {
            self.at = self.text.len();
        }
        let kind = if self.at == start { Kind::Missing } else { Kind::Text };
        Ok(Found { start, end: self.at, kind })
    }

    fn quoted(&mut self) -> Result<Found, DelimitedError> {
        let start = self.at + 1;
        let (mut end, mut kind) = (start, Kind::Text);
        loop {
            let quote = memchr::memchr(b'"', &self.text[end..]);
            end += quote.ok_or(DelimitedError::Open(start - 1))?;
            if self.text.get(end + 1) != Some(&b'"') {
                break;
            }
            kind = Kind::EscapedText;
            end += 2;
        }
        self.at = end + 1;
        loop {
            match self.text.get(self.at) {
                None => break,
                Some(_) if self.at_delimiter() => break,
                Some(byte) if is_line_end(*byte) => break,
                Some(byte) if byte.is_ascii_whitespace() => self.at += 1,
                Some(_) => return Err(DelimitedError::Follows(self.at)),
            }
        }
        Ok(Found { start, end, kind: if end == start { Kind::Missing } else { kind } })
    }

    /// Passes a delimiter, if one stands here.
    fn delimiter(&mut self) -> bool {
        let here = self.at_delimiter();
        self.at += if here { self.delimiter.len() } else { 0 };
        here
    }

    fn at_delimiter(&self) -> bool {
        self.text[self.at..].starts_with(self.delimiter)
    }
}

/// Whether there is a text for values of this type.
#[must_use]
pub fn has(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::Array(_) | DataType::Map(..) | DataType::Struct(_))
}

/// The text of a field that is not NULL.
#[must_use]
pub fn text(token: Token, buffer: &[u8]) -> Cow<'_, [u8]> {
    let inside = token.of(buffer);
    if token.kind != Kind::EscapedText {
        return Cow::Borrowed(inside);
    }
    let mut plain = Vec::with_capacity(inside.len());
    let mut quoted = false;
    for byte in inside {
        // Of two quotes the second is left out.
        quoted = *byte == b'"' && !quoted;
        if *byte != b'"' || quoted {
            plain.push(*byte);
        }
    }
    Cow::Owned(plain)
}

/// BOOLEAN: `true` or `false`, whatever the case.
#[must_use]
pub fn boolean(text: &[u8]) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case(b"true") => Some(true),
        () if text.eq_ignore_ascii_case(b"false") => Some(false),
        () => None,
    }
}

/// The digits of a DECIMAL(precision, scale); `None` also when it does not fit without rounding.
#[must_use]
pub fn decimal(text: &[u8], of: (u8, u8)) -> Option<i128> {
    decimal::fit(decimal::parse(text)?, of, Rounding::Refuse)
}

/// INTEGER and DATE (days since 1970-01-01).
#[must_use]
pub fn integer(text: &[u8]) -> Option<i32> {
    number::parse_i64(text).and_then(|value| i32::try_from(value).ok())
}

/// TIME, in milliseconds since midnight.
#[must_use]
pub fn time(text: &[u8]) -> Option<i32> {
    integer(text).filter(|ms| (0..86_400_000).contains(ms))
}

/// BYTES: base64.
#[must_use]
pub fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Appends BYTES as base64.
pub fn write_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(STANDARD.encode(bytes).as_bytes());
}

/// Where in a record a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the front.
    First,
    /// Behind another one.
    Later,
}

/// Puts what stands in `into` from `start` on, the text of a field, into quotes if it needs them. NULL is written as no text
/// at all, so an empty text at the front, which would make an empty line, is quoted.
pub fn quote(into: &mut Vec<u8>, start: usize, delimiter: char, place: Place) {
    let text = &into[start..];
    if !needs_quotes(text, delimiter, place) {
        return;
    }
    let text = text.to_vec();
    into.truncate(start);
    into.push(b'"');
    for byte in text {
        if byte == b'"' {
            into.push(b'"');
        }
        into.push(byte);
    }
    into.push(b'"');
}

/// The rules of Commons CSV's minimal quoting (version 1.4, that of ksqlDB), which are more careful than they need be at a
/// field's ends.
fn needs_quotes(text: &[u8], delimiter: char, place: Place) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else {
        return place == Place::First;
    };
    let mut utf8 = [0; 4];
    let delimiter = delimiter.encode_utf8(&mut utf8).as_bytes();
    let contains = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    (place == Place::First && !first.is_ascii_alphanumeric())
        || *first <= b'#'
        || *last <= b' '
        || text.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'"'))
        || contains(delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Fields = Vec<Option<String>>;

    fn read(record: &str, delimiter: char, fields: usize) -> Result<Fields, DelimitedError> {
        let buffer = format!("##{record}##");
        let mut tokens = vec![Token::default(); fields];
        split(buffer.as_bytes(), (2, buffer.len() - 2), delimiter, &mut tokens)?;
        let of = |token: &Token| {
            (!token.is_null())
                .then(|| String::from_utf8(text(*token, buffer.as_bytes()).into_owned()).unwrap())
        };
        Ok(tokens.iter().map(of).collect())
    }

    fn some(fields: &[&str]) -> Fields {
        fields.iter().map(|field| (!field.is_empty()).then(|| (*field).to_owned())).collect()
    }

    #[test]
    fn fields_are_found() {
        for (record, delimiter, fields) in [
            ("1,two,3.0", ',', &["1", "two", "3.0"][..]),
            ("a", ',', &["a"]),
            (" a , b ", ',', &[" a ", " b "]),
            (",,", ',', &["", "", ""]),
            ("\"\",x", ',', &["", "x"]),
            ("\"a,b\",\"c\"\"d\"", ',', &["a,b", "c\"d"]),
            ("\"a\nb\" ,c\r\n", ',', &["a\nb", "c"]),
            ("a\"b,c", ',', &["a\"b", "c"]),
            ("a|b,c", '|', &["a", "b,c"]),
            ("a\tb", '\t', &["a", "b"]),
            ("a b", ' ', &["a", "b"]),
            ("a§ü§c", '§', &["a", "ü", "c"]),
            ("\na,b", ',', &["a", "b"]),
        ] {
            assert_eq!(read(record, delimiter, fields.len()), Ok(some(fields)), "{record:?}");
        }
    }

    #[test]
    fn what_is_no_record_of_so_many_fields_is_refused() {
        for (record, error) in [
            ("", DelimitedError::Empty(2)),
            ("\r\n", DelimitedError::Empty(2)),
            ("a", DelimitedError::Count { found: 1, declared: 2 }),
            ("a,b,c", DelimitedError::Count { found: 3, declared: 2 }),
            ("\"a,b", DelimitedError::Open(0)),
            ("a,\"b\"c", DelimitedError::Follows(5)),
            ("a,b\nc,d", DelimitedError::SecondLine(4)),
        ] {
            assert_eq!(read(record, ',', 2), Err(error), "{record:?}");
        }
        let error = split(b"a,\xff", (0, 3), ',', &mut []);
        assert_eq!(error, Err(DelimitedError::NotUtf8(2)));
    }

    #[test]
    fn quotes_are_put_where_commons_csv_puts_them() {
        for (text, first, later) in [
            ("plain", "plain", "plain"),
            ("", "\"\"", ""),
            ("a,b", "\"a,b\"", "\"a,b\""),
            ("a\"b", "\"a\"\"b\"", "\"a\"\"b\""),
            ("-5", "\"-5\"", "-5"),
            ("#x", "\"#x\"", "\"#x\""),
            ("$x", "\"$x\"", "$x"),
            (" x", "\" x\"", "\" x\""),
            ("x ", "\"x \"", "\"x \""),
            ("ü", "\"ü\"", "ü"),
            ("x\ny", "\"x\ny\"", "\"x\ny\""),
        ] {
            for (place, expected) in [(Place::First, first), (Place::Later, later)] {
                let mut into = format!("..{text}").into_bytes();
                quote(&mut into, 2, ',', place);
                assert_eq!(String::from_utf8(into).unwrap(), format!("..{expected}"), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            fields in prop::collection::vec("[a\",; \n§ü#]{0,6}", 1..6),
            delimiter in prop::sample::select(vec![',', ';', '§', ' ']),
        ) {
            let mut record = Vec::new();
            for (number, field) in fields.iter().enumerate() {
                let place = if number == 0 { Place::First } else { Place::Later };
                if number > 0 {
                    record.extend_from_slice(delimiter.to_string().as_bytes());
                }
                let start = record.len();
                record.extend_from_slice(field.as_bytes());
                quote(&mut record, start, delimiter, place);
            }
            let record = String::from_utf8(record).unwrap();
            let expected: Vec<&str> = fields.iter().map(String::as_str).collect();
            prop_assert_eq!(read(&record, delimiter, fields.len()), Ok(some(&expected)), "{:?}", record);
        }

        #[test]
        fn anything_else_does_no_harm(record in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut tokens = [Token::default(); 3];
            let _ = split(&record, (0, record.len()), ',', &mut tokens);
        }
    }
}
