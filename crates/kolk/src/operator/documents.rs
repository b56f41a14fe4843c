//! Keys and values that are texts of several fields: scanned once for those that the plan names.

use crate::codec::delimited;
use crate::codec::json::{JsonError, Kind, Scanner, Token};
use crate::operator::decode::{Morsel, Shown, slice_of};
use crate::operator::plan::Part;
use crate::record::Slice;
use crate::topology::KeyWindow;

/// The texts of one part of the records.
#[derive(Debug)]
pub(crate) struct Documents {
    part: Part,
    /// Bytes behind the text that are no part of it.
    window: WindowBytes,
    layout: Layout,
    /// As many for each row as [`Layout::width`] says.
    tokens: Vec<Token>,
    /// What each text is as a whole; missing for NULL.
    whole: Vec<Token>,
}

/// How fields stand in a text.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Where JSON has them: a token for each path.
    Json(Scanner),
    /// One behind the other: a token for each.
    Delimited { delimiter: char, fields: usize },
}

/// How many bytes of a key are its window's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WindowBytes(u32);

impl WindowBytes {
    pub(crate) fn of(window: Option<KeyWindow>) -> Self {
        match window {
            None => Self(0),
            Some(KeyWindow::Time { .. }) => Self(8),
            Some(KeyWindow::Session) => Self(16),
        }
    }

    /// The key's own bytes.
    ///
    /// # Errors
    /// When there are fewer than the window takes.
    #[inline]
    pub(crate) fn cut_from(self, key: Slice) -> Result<Slice, String> {
        if self.0 == 0 || key.is_null() {
            return Ok(key);
        }
        let own = u32::try_from(key.len()).ok().and_then(|len| len.checked_sub(self.0));
        own.map(|own| Slice::new(key.start(), own)).ok_or_else(|| {
            format!("key: {} bytes, where the window alone takes {}", key.len(), self.0)
        })
    }
}

impl Layout {
    /// How many tokens each text has.
    fn width(&self) -> usize {
        match self {
            Self::Json(scanner) => scanner.paths().len(),
            Self::Delimited { fields, .. } => *fields,
        }
    }
}

impl Documents {
    pub(crate) fn new(part: Part, window: Option<KeyWindow>, layout: Layout) -> Self {
        let window = if part == Part::Key { window } else { None };
        let window = WindowBytes::of(window);
        Self { part, window, layout, tokens: Vec::new(), whole: Vec::new() }
    }

    /// Scans the texts of all rows; `bad` is told the rows whose text is not what it must be, and why.
    pub(crate) fn scan(&mut self, rows: Morsel<'_>, mut bad: impl FnMut(usize, String)) {
        let width = self.layout.width();
        self.tokens.clear();
        self.tokens.resize(rows.rows.len() * width, Token::default());
        self.whole.clear();
        self.whole.reserve(rows.rows.len());
        for (number, row) in rows.rows.iter().enumerate() {
            let slice = match self.window.cut_from(slice_of(row, self.part)) {
                Ok(slice) => slice,
                Err(reason) => {
                    self.whole.push(Token::default());
                    bad(number, reason);
                    continue;
                }
            };
            if slice.is_null() {
                self.whole.push(Token::default());
                continue;
            }
            let tokens = &mut self.tokens[number * width..(number + 1) * width];
            let whole = match &mut self.layout {
                Layout::Json(scanner) => json(scanner, self.part, slice, rows.buffer, tokens),
                Layout::Delimited { delimiter, .. } => {
                    let start = slice.start() as usize;
                    let range = (start, start + slice.len());
                    delimited::split(rows.buffer, range, *delimiter, tokens)
                        .map(|()| Token::new(slice.start(), 0, Kind::Text))
                        .map_err(|error| format!("{}: {error}", self.part))
                }
            };
            self.whole.push(whole.as_ref().copied().unwrap_or_default());
            if let Err(reason) = whole {
                bad(number, reason);
            }
        }
    }

    /// A field of a row: the token of a path, or of a field's number; without one that of the text as a whole.
    #[inline]
    pub(crate) fn token(&self, row: usize, field: Option<usize>) -> Token {
        let found = match field {
            Some(field) => self.tokens.get(row * self.layout.width() + field),
            None => self.whole.get(row),
        };
        found.copied().unwrap_or_default()
    }
}

#[inline]
fn json(
    scanner: &mut Scanner,
    part: Part,
    slice: Slice,
    buffer: &[u8],
    tokens: &mut [Token],
) -> Result<Token, String> {
    match scanner.scan(buffer, slice, tokens) {
        Ok(whole) if tokens.is_empty() || matches!(whole.kind, Kind::Object | Kind::Null) => {
            Ok(whole)
        }
        found => Err(refusal(part, found, buffer)),
    }
}

#[cold]
fn refusal(part: Part, found: Result<Token, JsonError>, buffer: &[u8]) -> String {
    match found {
        Ok(whole) => format!("{part}: expected a JSON object, found {}", Shown(whole.of(buffer))),
        Err(error) => format!("{part}: {error}"),
    }
}
