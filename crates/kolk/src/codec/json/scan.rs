//! The scan: checks the grammar of a whole text and notes where the wanted fields are.
//!
//! A text that passes is a JSON document of RFC 8259 in valid UTF-8 with no more than [`DEPTH_MAX`] levels. Not looked at:
//! whether a number is in anyone's range, and whether the names of an object differ (the last one counts); and, in texts that are
//! laid out as those before them, what stands behind all wanted fields (see [`super::shape`]).

use super::cursor::{Cursor, Why};
use super::paths::Paths;
use super::quoted::unescape;
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
    /// Texts are wanted as a whole, so that all of them is looked at.
    to_the_end: bool,
}

impl Scanner {
    /// For these fields.
    #[must_use]
    pub fn new(paths: Paths) -> Self {
        Self { paths, shape: Shape::default(), to_the_end: false }
    }

    /// The same, and every byte of each text is looked at, for those who take texts as a whole for sound.
    #[must_use]
    pub fn to_the_end(self) -> Self {
        Self { to_the_end: true, ..self }
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
    /// [`JsonError`] when it is no JSON document, as far as it is looked at.
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
            let cursor = Cursor { buffer, end, at: start, bits: 0 };
            self.shape.learn(cursor, &self.paths, !self.to_the_end);
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
