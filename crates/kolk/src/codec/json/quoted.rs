//! Quoted text: finding its end eight bytes at a time, taking escapes out, putting them in.

use super::token::{Kind, Token};
use std::borrow::Cow;

/// What was found out about a quoted text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted {
    /// Behind the closing quote.
    pub(super) end: usize,
    pub(super) escapes: bool,
    /// Bits of all its bytes, and perhaps others that a text of ASCII does not have.
    pub(super) bits: u64,
}

/// Finds the end of the text whose first byte behind the opening quote is at `at`; what is wrong with it otherwise.
///
/// `bytes` may go on behind the document: the caller compares the end.
#[inline]
pub(super) fn end_of_text(bytes: &[u8], at: usize) -> Result<Quoted, &'static str> {
    match plain_end(bytes, at) {
        Some((end, bits)) => Ok(Quoted { end, escapes: false, bits }),
        None => slowly(bytes, at),
    }
}

/// The end and the bits of a text without escapes; `None` for any other, at the end of the buffer, and where something is wrong.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> Option<(usize, u64)> {
    let mut bits = 0;
    loop {
        let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?);
        let special = specials(word);
        if special != 0 {
            at += special.trailing_zeros() as usize / 8;
            // Those of the bytes before it.
            bits |= word & (special ^ special.wrapping_sub(1));
            return (bytes.get(at) == Some(&b'"')).then_some((at + 1, bits));
        }
        bits |= word;
        at += 8;
    }
}

/// The high bit of the first byte that is a quote, a backslash or a control character; bits above it mean nothing.
#[inline]
fn specials(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x80 * ONES;
    let quote = (word ^ (b'"' as u64 * ONES)).wrapping_sub(ONES);
    let backslash = (word ^ (b'\\' as u64 * ONES)).wrapping_sub(ONES);
    let control = word.wrapping_sub(0x20 * ONES);
    // Below 128 a difference has its high bit only where it went below zero.
    (quote | backslash | control) & !word & HIGHS
}

/// Byte by byte: at the end of the buffer, and texts with escapes.
#[cold]
fn slowly(bytes: &[u8], mut at: usize) -> Result<Quoted, &'static str> {
    let (mut escapes, mut bits) = (false, 0);
    loop {
        match bytes.get(at) {
            None => return Err("text without a closing quote"),
            Some(b'"') => return Ok(Quoted { end: at + 1, escapes, bits }),
            Some(b'\\') => {
                escapes = true;
                at += escape(bytes.get(at + 1..).unwrap_or_default())?.1 + 1;
            }
            Some(..=0x1f) => return Err("a control character within text"),
            Some(byte) => {
                bits |= u64::from(*byte);
                at += 1;
            }
        }
    }
}

/// The character that an escape stands for, and its bytes behind the backslash.
fn escape(rest: &[u8]) -> Result<(char, usize), &'static str> {
    let plain = match rest.first() {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(rest),
        _ => return Err("an escape that does not exist"),
    };
    Ok((plain, 1))
}

fn unicode(rest: &[u8]) -> Result<(char, usize), &'static str> {
    let hex = |at: usize| -> Option<u32> {
        rest.get(at..at + 4)?
            .iter()
            .try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
    };
    let first = hex(1).ok_or("an escape \\u without four hexadecimal digits")?;
    if let Some(plain) = char::from_u32(first) {
        return Ok((plain, 5));
    }
    let second = match rest.get(5..7) {
        Some(b"\\u") => hex(7),
        _ => None,
    };
    match second {
        Some(second @ 0xdc00..=0xdfff) if first < 0xdc00 => {
            let code = 0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00));
            Ok((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11))
        }
        _ => Err("an escape \\u that is half a surrogate pair"),
    }
}

/// Appends what the inside of a quoted text stands for. Escapes that do not exist, which no scan lets through, are left out.
pub fn unescape(inside: &[u8], into: &mut Vec<u8>) {
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, from) = rest.split_at(at);
        into.extend_from_slice(before);
        let taken = match escape(from.get(1..).unwrap_or_default()) {
            Ok((character, taken)) => {
                into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                taken
            }
            Err(_) => 0,
        };
        rest = from.get(taken + 1..).unwrap_or_default();
    }
    into.extend_from_slice(rest);
}

/// What stands between the quotes of a name.
#[must_use]
pub fn plain_name(name: Token, buffer: &[u8]) -> Cow<'_, [u8]> {
    let inside = name.inside(buffer);
    if name.kind != Kind::EscapedText {
        return Cow::Borrowed(inside);
    }
    let mut plain = Vec::with_capacity(inside.len());
    unescape(inside, &mut plain);
    Cow::Owned(plain)
}

/// Appends `text` in quotes, with escapes for quotes, backslashes and control characters.
#[inline]
pub fn write_quoted(text: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
    write_escaped(text, into);
    into.push(b'"');
}

#[inline]
fn write_escaped(text: &[u8], into: &mut Vec<u8>) {
    let (chunks, tail) = text.as_chunks::<8>();
    if chunks.iter().any(|chunk| specials(u64::from_le_bytes(*chunk)) != 0)
        || tail.iter().any(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f))
    {
        return write_slowly(text, into);
    }
    into.extend_from_slice(text);
}

#[cold]
fn write_slowly(text: &[u8], into: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in text {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            0x8 => b'b',
            0xc => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            ..=0x1f => {
                into.extend_from_slice(b"\\u00");
                into.push(HEX[usize::from(byte >> 4)]);
                into.push(HEX[usize::from(byte & 15)]);
                continue;
            }
            _ => {
                into.push(*byte);
                continue;
            }
        };
        into.extend_from_slice(&[b'\\', short]);
    }
}
