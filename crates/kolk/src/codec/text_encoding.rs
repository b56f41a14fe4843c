//! Bytes ↔ text in an encoding that a query names: hex, utf8, ascii or base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextEncoding {
    /// Two hexadecimal digits for each byte.
    Hex,
    /// The text's own bytes.
    Utf8,
    /// A byte for each character, those beyond 127 are lost.
    Ascii,
    /// Base64 with padding.
    Base64,
}

impl TextEncoding {
    /// The encoding of this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match &*name.to_ascii_lowercase() {
            "hex" => Self::Hex,
            "utf8" => Self::Utf8,
            "ascii" => Self::Ascii,
            "base64" => Self::Base64,
            _ => return None,
        })
    }

    /// The bytes that a text stands for; `None` when it is not of this encoding.
    #[must_use]
    pub fn bytes(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex(text),
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Ascii => Some(
                text.chars()
                    .map(|letter| if letter.is_ascii() { letter as u8 } else { b'?' })
                    .collect(),
            ),
            Self::Base64 => STANDARD.decode(text).ok(),
        }
    }

    /// The text that stands for bytes. What is no character becomes U+FFFD.
    #[must_use]
    pub fn text(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => {
                let mut text = String::with_capacity(bytes.len() * 2);
                for byte in bytes {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{byte:02x}");
                }
                text
            }
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Ascii => {
                bytes
                    .iter()
                    .map(|byte| {
                        if byte.is_ascii() {
                            char::from(*byte)
                        } else {
                            char::REPLACEMENT_CHARACTER
                        }
                    })
                    .collect()
            }
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// Digits as people write them: plain, behind `0x`, or as `X'…'`; the first byte may have one digit.
fn hex(text: &str) -> Option<Vec<u8>> {
    let quoted = text.strip_prefix("X'").or_else(|| text.strip_prefix("x'"));
    let digits = match quoted {
        Some(quoted) => quoted.strip_suffix('\'')?,
        None => text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text),
    };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (first, pairs) = digits.as_bytes().split_at(digits.len() % 2);
    let mut bytes = Vec::with_capacity(digits.len().div_ceil(2));
    for byte in first {
        bytes.push(digit(*byte)?);
    }
    for [high, low] in pairs.as_chunks::<2>().0 {
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TextEncoding::{Ascii, Base64, Hex, Utf8};

    #[test]
    fn texts_and_bytes() {
        for (encoding, text, bytes) in [
            (Hex, "48a9", Some(&[0x48, 0xa9][..])),
            (Hex, "0xF", Some(&[0xf])),
            (Hex, "X'00fF'", Some(&[0, 0xff])),
            (Hex, "4g", None),
            (Hex, "", Some(&[])),
            (Utf8, "é", Some(&[0xc3, 0xa9])),
            (Ascii, "aé", Some(b"a?")),
            (Base64, "AQI=", Some(&[1, 2])),
            (Base64, "AQI", None),
        ] {
            assert_eq!(encoding.bytes(text).as_deref(), bytes, "{encoding:?} {text}");
        }
        for (encoding, bytes, text) in [
            (Hex, &[0x48, 0xa9][..], "48a9"),
            (Utf8, &[b'a', 0xff], "a\u{fffd}"),
            (Ascii, &[b'a', 0xc3, 0xa9], "a\u{fffd}\u{fffd}"),
            (Base64, &[1, 2], "AQI="),
        ] {
            assert_eq!(encoding.text(bytes), text, "{encoding:?}");
        }
        assert_eq!(TextEncoding::named("BASE64"), Some(Base64));
        assert_eq!(TextEncoding::named("utf16"), None);
    }
}
