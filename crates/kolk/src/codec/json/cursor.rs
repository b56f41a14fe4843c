//! A place in a JSON text that moves from token to token, and checks the grammar on the way.

use super::quoted::{Quoted, end_of_text};
use super::scan::DEPTH_MAX;
use super::token::{Kind, Token};

/// What is wrong with a text.
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
    pub(super) fn members(
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
    pub(super) fn colon(&mut self) -> Result<(), Why> {
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
    pub(super) fn document(&self, start: usize) -> Token {
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
