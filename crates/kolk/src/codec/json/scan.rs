//! The scan: checks the grammar of a whole text and notes where the wanted fields are.
//!
//! A text that passes is a JSON document of RFC 8259 in valid UTF-8 with no more than [`DEPTH_MAX`] levels. Not looked at:
//! whether a number is in anyone's range, and whether the names of an object differ (the last one counts).

use super::paths::Paths;
use super::quoted::{Quoted, end_of_text, unescape};
use super::shape::Shape;
use super::token::{Kind, Token};
use crate::record::Slice;

/// How deep arrays and objects may be nested.
pub const DEPTH_MAX: usize = 127;
/// The bits that no byte of ASCII has.
const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

/// A text that is no JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {why} at byte {at}")]
pub struct JsonError {
    /// Where, in bytes from the start of the text.
    pub at: usize,
    /// What is wrong.
    pub why: &'static str,
}

/// Scans texts for the same fields, one after the other, and learns how they are usually laid out.
#[derive(Debug)]
pub struct Scanner {
    paths: Paths,
    shape: Shape,
}

impl Scanner {
    /// For these fields.
    #[must_use]
    pub fn new(paths: Paths) -> Self {
        Self { paths, shape: Shape::default() }
    }

    /// The fields.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Scans the text at `slice` of `buffer`; `tokens`, one for each path, are overwritten. Tells what the document as a
    /// whole is.
    ///
    /// # Errors
    /// [`JsonError`] when it is no JSON document.
    #[inline]
    pub fn scan(
        &mut self,
        buffer: &[u8],
        slice: Slice,
        tokens: &mut [Token],
    ) -> Result<Token, JsonError> {
        let start = slice.start() as usize;
        let text = slice.of(buffer).unwrap_or_default();
        let end = start + text.len();
        let mut cursor = Cursor { buffer, end, at: start, bits: 0 };
        let known = self.shape.scan(&mut cursor, tokens);
        if !known {
            cursor.at = start;
            self.scan_any(&mut cursor, tokens)
                .map_err(|why| JsonError { at: cursor.at - start, why })?;
        }
        // Outside of texts the grammar has ASCII only, and learned names were checked when they were learned.
        if cursor.bits & NOT_ASCII != 0
            && let Err(error) = std::str::from_utf8(text)
        {
            return Err(JsonError { at: error.valid_up_to(), why: "text that is not UTF-8" });
        }
        if !known && self.shape.missed() {
            self.shape.learn(Cursor { buffer, end, at: start, bits: 0 }, &self.paths);
        }
        Ok(cursor.document(start))
    }

    /// How many texts had the learned layout.
    #[cfg(test)]
    pub(super) fn hits(&self) -> u32 {
        self.shape.hits
    }

    /// Any text, field by field.
    fn scan_any(&mut self, cursor: &mut Cursor<'_>, tokens: &mut [Token]) -> Result<(), Why> {
        tokens.fill(Token::default());
        let mut walk = Walk { cursor, paths: &self.paths, tokens, name: Vec::new() };
        if walk.cursor.skip_space() == b'{' {
            walk.cursor.at += 1;
            walk.object(0, 1)?;
        } else {
            walk.cursor.value(1)?;
        }
        if walk.cursor.skip_space() != 0 || cursor.at < cursor.end {
            return Err("something follows the document");
        }
        Ok(())
    }
}

/// The token of the JSON document at the start of `text`, whatever follows it.
///
/// # Errors
/// [`JsonError`] when no JSON document begins there.
pub fn document(text: &[u8]) -> Result<Token, JsonError> {
    let mut cursor = Cursor { buffer: text, end: text.len(), at: 0, bits: 0 };
    cursor.skip_space();
    let token = cursor.value(1).map_err(|why| JsonError { at: cursor.at, why })?;
    Ok(token)
}

/// Calls `visit` with each item of the array that `text` is, which a scan has found sound; not at all for anything else.
pub fn each_item(text: &[u8], mut visit: impl FnMut(Token)) {
    let mut cursor = Cursor { buffer: text, end: text.len(), at: 0, bits: 0 };
    if cursor.skip_space() == b'[' {
        // Sound text has no errors.
        let _ = cursor.items(1, |_, token| visit(token));
    }
}

/// Calls `visit` with name (quotes belong to it) and value of each member of the object that `text` is, which a scan has found
/// sound; not at all for anything else.
pub fn each_member(text: &[u8], mut visit: impl FnMut(Token, Token)) {
    let mut cursor = Cursor { buffer: text, end: text.len(), at: 0, bits: 0 };
    if cursor.skip_space() != b'{' {
        return;
    }
    cursor.at += 1;
    // Sound text has no errors.
    let _ = cursor.members(1, |cursor| {
        cursor.skip_space();
        let name = cursor.value(1)?;
        cursor.colon()?;
        visit(name, cursor.value(2)?);
        Ok(())
    });
}

pub(super) type Why = &'static str;

/// A place in a text that ends at `end`, in a buffer that may go on.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) buffer: &'a [u8],
    pub(super) end: usize,
    pub(super) at: usize,
    /// Bits of the texts so far.
    pub(super) bits: u64,
}

impl Cursor<'_> {
    /// The next byte; 0, which is not allowed anywhere, at the end.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        match self.buffer.get(self.at) {
            Some(byte) if self.at < self.end => *byte,
            _ => 0,
        }
    }

    #[inline]
    pub(super) fn skip_space(&mut self) -> u8 {
        loop {
            match self.peek() {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// The token of the value that begins here.
    #[inline]
    pub(super) fn value(&mut self, depth: usize) -> Result<Token, Why> {
        let start = self.at;
        let kind = self.kind(depth)?;
        Ok(self.token(start, kind, false))
    }

    /// Moves behind the value that begins here.
    #[inline]
    pub(super) fn kind(&mut self, depth: usize) -> Result<Kind, Why> {
        match self.peek() {
            b'"' if self.text()?.escapes => Ok(Kind::EscapedText),
            b'"' => Ok(Kind::Text),
            b'-' | b'0'..=b'9' => self.number(),
            b'n' => self.word(b"null", Kind::Null),
            b't' => self.word(b"true", Kind::True),
            b'f' => self.word(b"false", Kind::False),
            b'{' => self.skip_object(depth),
            b'[' => self.skip_array(depth),
            _ => Err("a value is missing"),
        }
    }

    /// The token from `start` to here.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "slices address 32 bits")]
    pub(super) fn token(&self, start: usize, kind: Kind, exact: bool) -> Token {
        Token { start: start as u32, len: (self.at - start) as u32, kind, exact }
    }

    /// The text whose opening quote is here.
    #[inline]
    pub(super) fn text(&mut self) -> Result<Quoted, Why> {
        let quoted = end_of_text(self.buffer, self.at + 1)?;
        if quoted.end > self.end {
            return Err("text without a closing quote");
        }
        self.at = quoted.end;
        self.bits |= quoted.bits;
        Ok(quoted)
    }

    fn word<const N: usize>(&mut self, word: &[u8; N], kind: Kind) -> Result<Kind, Why> {
        let found = self.buffer.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        if found != Some(word) || self.at + N > self.end {
            return Err("a word that is not true, false or null");
        }
        self.at += N;
        Ok(kind)
    }

    #[inline]
    fn number(&mut self) -> Result<Kind, Why> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        match self.peek() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return Err("a number without digits"),
        }
        let mut kind = Kind::Integer;
        if self.peek() == b'.' {
            kind = Kind::Number;
            self.at += 1;
            if !self.peek().is_ascii_digit() {
                return Err("a number without digits behind the point");
            }
            self.digits();
        }
        if let b'e' | b'E' = self.peek() {
            kind = Kind::Number;
            self.at += 1;
            if let b'+' | b'-' = self.peek() {
                self.at += 1;
            }
            if !self.peek().is_ascii_digit() {
                return Err("an exponent without digits");
            }
            self.digits();
        }
        Ok(kind)
    }

    #[inline]
    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn skip_object(&mut self, depth: usize) -> Result<Kind, Why> {
        self.at += 1;
        self.members(depth, |cursor| {
            if cursor.skip_space() != b'"' {
                return Err("a name is missing");
            }
            cursor.text()?;
            cursor.colon()?;
            cursor.value(depth + 1).map(|_| ())
        })?;
        Ok(Kind::Object)
    }

    /// Runs `member` at each member of an object whose opening brace was passed.
    #[inline]
    fn members(
        &mut self,
        depth: usize,
        mut member: impl FnMut(&mut Self) -> Result<(), Why>,
    ) -> Result<(), Why> {
        if depth > DEPTH_MAX {
            return Err("nested too deep");
        }
        if self.skip_space() == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            member(self)?;
            match self.skip_space() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err("a comma or a closing brace is missing"),
            }
        }
    }

    #[inline]
    fn colon(&mut self) -> Result<(), Why> {
        if self.skip_space() != b':' {
            return Err("a colon is missing");
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn skip_array(&mut self, depth: usize) -> Result<Kind, Why> {
        self.items(depth, |_, _| ())?;
        Ok(Kind::Array)
    }

    /// Runs `item` for each item of the array that begins here.
    pub(super) fn items(
        &mut self,
        depth: usize,
        mut item: impl FnMut(&Self, Token),
    ) -> Result<(), Why> {
        if depth > DEPTH_MAX {
            return Err("nested too deep");
        }
        self.at += 1;
        if self.skip_space() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            let token = self.value(depth + 1)?;
            item(self, token);
            match self.skip_space() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err("a comma or a closing bracket is missing"),
            }
        }
    }

    /// What the document that begins at `start`, and was found sound, is as a whole.
    #[expect(clippy::cast_possible_truncation, reason = "slices address 32 bits")]
    fn document(&self, start: usize) -> Token {
        let text = self.buffer.get(start..self.end).unwrap_or_default();
        let trimmed = text.trim_ascii_start();
        let start = start + text.len() - trimmed.len();
        let trimmed = trimmed.trim_ascii_end();
        let kind = match trimmed.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') if trimmed.contains(&b'\\') => Kind::EscapedText,
            Some(b'"') => Kind::Text,
            Some(b'n') => Kind::Null,
            Some(b't') => Kind::True,
            Some(b'f') => Kind::False,
            _ if trimmed.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => Kind::Number,
            _ => Kind::Integer,
        };
        Token { start: start as u32, len: trimmed.len() as u32, kind, exact: true }
    }
}

/// A walk that looks for fields.
struct Walk<'c, 'a, 't> {
    cursor: &'c mut Cursor<'a>,
    paths: &'c Paths,
    tokens: &'t mut [Token],
    /// Memory for a name with escapes.
    name: Vec<u8>,
}

impl Walk<'_, '_, '_> {
    /// The members of the object whose opening brace was passed.
    fn object(&mut self, level: usize, depth: usize) -> Result<(), Why> {
        if depth > DEPTH_MAX {
            return Err("nested too deep");
        }
        if self.cursor.skip_space() == b'}' {
            self.cursor.at += 1;
            return Ok(());
        }
        loop {
            self.member(level, depth)?;
            match self.cursor.skip_space() {
                b',' => self.cursor.at += 1,
                b'}' => {
                    self.cursor.at += 1;
                    return Ok(());
                }
                _ => return Err("a comma or a closing brace is missing"),
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "slices address 32 bits")]
    fn member(&mut self, level: usize, depth: usize) -> Result<(), Why> {
        if self.cursor.skip_space() != b'"' {
            return Err("a name is missing");
        }
        let start = self.cursor.at + 1;
        let quoted = self.cursor.text()?;
        let buffer = self.cursor.buffer;
        let name = buffer.get(start..quoted.end - 1).unwrap_or_default();
        let found = if quoted.escapes {
            self.name.clear();
            unescape(name, &mut self.name);
            self.paths.find(level, &self.name)
        } else {
            self.paths.find(level, name)
        };
        self.cursor.colon()?;
        let found = found.filter(|(field, exact)| *exact || !self.tokens[field.path].exact);
        let Some((field, exact)) = found else {
            return self.cursor.value(depth + 1).map(|_| ());
        };
        let (path, below) = (field.path, field.below);
        if let Some(below) = below {
            let tokens = &mut *self.tokens;
            self.paths.each_below(below, &mut |path| tokens[path] = Token::default());
            if self.cursor.peek() == b'{' {
                let start = self.cursor.at;
                self.cursor.at += 1;
                self.object(below, depth + 1)?;
                let len = (self.cursor.at - start) as u32;
                self.tokens[path] = Token { start: start as u32, len, kind: Kind::Object, exact };
                return Ok(());
            }
        }
        self.tokens[path] = Token { exact, ..self.cursor.value(depth + 1)? };
        Ok(())
    }
}
