//! The layout that texts of a topic usually share: the same names in the same order with the same spaces.
//!
//! It is learned from a text that was scanned: the literal stretches between values, names and braces in them. A later text is
//! held against these stretches, and only its values are looked at one by one. Whatever does not fit is scanned as if nothing
//! had been learned, so the result is always the same.
//!
//! ```text
//! {"visit_id": "v1", "user": {"ip": "1.2.3.4", "age": null}}
//! └────literal─┘    └───────literal───────┘           └ … literals; between them values
//! ```

use super::cursor::{Cursor, Why};
use super::paths::Paths;
use super::quoted::plain_end;
use super::token::{Kind, Token};
use memchr::memchr;
use memchr::memmem::Finder;

/// So many values at least are worth it to look for names instead of walking through them.
const REST_MIN: usize = 4;
/// Most values of a layout.
const VALUES_MAX: usize = 512;
/// Most bytes of its literal stretches.
const LITERALS_MAX: usize = 32 << 10;
/// How many texts may not fit before another layout is learned; doubled each time, as long as that does not help.
const PATIENCE_MIN: u32 = 4;
const PATIENCE_MAX: u32 = 1 << 16;

/// A layout learned from earlier texts.
#[derive(Debug)]
pub(super) struct Shape {
    literals: Vec<u8>,
    values: Vec<Value>,
    objects: Vec<Object>,
    /// The literal behind the last value.
    last: Literal,
    /// Where the rest begins that need not be walked through.
    rest: Option<Rest>,
    known: bool,
    /// Texts that did not fit, in a row.
    misses: u32,
    /// Texts that fitted, since the layout was learned.
    pub(super) hits: u32,
    patience: u32,
    /// Where each literal of the text at hand begins.
    starts: Vec<usize>,
}

/// What stands behind everything that is wanted.
#[derive(Debug)]
struct Rest {
    /// It begins behind the literal before the value of this number.
    value: usize,
    /// The wanted names of the document's own fields, in quotes.
    names: Vec<Finder<'static>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Literal {
    start: u32,
    len: u32,
}

/// A value, and the literal before it.
#[derive(Debug, Clone, Copy)]
struct Value {
    before: Literal,
    path: Option<Wanted>,
    /// Fields below it are looked for: should it be an object, it must be walked through.
    has_fields: bool,
    depth: usize,
}

#[derive(Debug, Clone, Copy)]
struct Wanted {
    path: usize,
    exact: bool,
}

/// An object that is looked for: where it begins and ends, as literal and position in it.
#[derive(Debug, Clone, Copy)]
struct Object {
    wanted: Wanted,
    start: (usize, usize),
    end: (usize, usize),
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            literals: Vec::new(),
            values: Vec::new(),
            objects: Vec::new(),
            last: Literal::default(),
            rest: None,
            known: false,
            misses: PATIENCE_MIN,
            hits: 0,
            patience: PATIENCE_MIN,
            starts: Vec::new(),
        }
    }
}

impl Shape {
    /// Scans a text that has the learned layout; `false`, with any tokens, for one that has not.
    #[inline]
    pub(super) fn scan(&mut self, cursor: &mut Cursor<'_>, tokens: &mut [Token]) -> bool {
        if !self.known {
            return false;
        }
        tokens.fill(Token::default());
        self.starts.clear();
        let places = !self.objects.is_empty();
        let rest = self.rest.as_ref().map_or(usize::MAX, |rest| rest.value);
        for (number, value) in self.values.iter().enumerate() {
            if places {
                self.starts.push(cursor.at);
            }
            if !pass(cursor, value.before.of(&self.literals))
                || value.has_fields && cursor.peek() == b'{'
            {
                return false;
            }
            if number == rest && self.passes_rest(cursor) {
                self.fits(tokens);
                return true;
            }
            let start = cursor.at;
            let kind = match cursor.peek() {
                b'"' => match plain_end(cursor.buffer, start + 1) {
                    Some((end, bits)) if end <= cursor.end => {
                        cursor.at = end;
                        cursor.bits |= bits;
                        Ok(Kind::Text)
                    }
                    _ => cursor.kind(value.depth),
                },
                _ => cursor.kind(value.depth),
            };
            let Ok(kind) = kind else { return false };
            if let Some(Wanted { path, exact }) = value.path {
                tokens[path] = cursor.token(start, kind, exact);
            }
        }
        self.starts.push(cursor.at);
        if !pass(cursor, self.last.of(&self.literals)) || cursor.at != cursor.end {
            return false;
        }
        self.fits(tokens);
        true
    }

    fn fits(&mut self, tokens: &mut [Token]) {
        if !self.objects.is_empty() {
            self.place_objects(tokens);
        }
        self.misses = 0;
        self.hits = self.hits.saturating_add(1);
    }

    /// Moves to the end if nothing of what follows can matter.
    #[inline]
    fn passes_rest(&self, cursor: &mut Cursor<'_>) -> bool {
        let (Some(rest), Some(text)) = (&self.rest, cursor.buffer.get(cursor.at..cursor.end))
        else {
            return false;
        };
        let passes = text.ends_with(self.last.of(&self.literals))
            && memchr(b'\\', text).is_none()
            && rest.names.iter().all(|name| name.find(text).is_none());
        if passes {
            cursor.at = cursor.end;
        }
        passes
    }

    #[expect(clippy::cast_possible_truncation, reason = "slices address 32 bits")]
    fn place_objects(&self, tokens: &mut [Token]) {
        for Object { wanted, start, end } in &self.objects {
            // As many as literals, one more than values when only the last was noted.
            let at = |(literal, by): (usize, usize)| self.starts[literal] + by;
            let (start, end) = (at(*start), at(*end));
            let (kind, exact) = (Kind::Object, wanted.exact);
            let len = (end - start) as u32;
            tokens[wanted.path] = Token { start: start as u32, len, kind, exact };
        }
    }

    /// Whether it is time to learn from a text that did not fit.
    pub(super) fn missed(&mut self) -> bool {
        self.misses = self.misses.saturating_add(1);
        if self.misses <= self.patience {
            return false;
        }
        let useful = self.hits > self.patience;
        self.patience = if useful { PATIENCE_MIN } else { (self.patience * 2).min(PATIENCE_MAX) };
        (self.misses, self.hits) = (0, 0);
        true
    }

    /// Learns the layout of a sound text, from its first byte to its end.
    #[cold]
    pub(super) fn learn(&mut self, mut cursor: Cursor<'_>, paths: &Paths, skips: bool) {
        self.literals.clear();
        self.values.clear();
        self.objects.clear();
        (self.known, self.rest) = (false, None);
        let literal_start = cursor.at;
        let mut lesson = Lesson {
            shape: self,
            cursor: &mut cursor,
            paths,
            literal_start,
            taken: vec![false; paths.len()],
        };
        if lesson.cursor.skip_space() == b'{' && lesson.object(Some(0), 1).is_ok() {
            lesson.cursor.at = lesson.cursor.end;
            let known = lesson.literal();
            self.last = known.unwrap_or_default();
            self.known = known.is_some();
            self.rest = if skips { self.rest(paths) } else { None };
        }
    }

    /// Where the rest begins, if every path was found, by its exact name.
    fn rest(&self, paths: &Paths) -> Option<Rest> {
        let wanted = self.values.iter().enumerate();
        let wanted = wanted.filter_map(|(number, value)| Some((value.path?, number + 1)));
        let objects = self.objects.iter().map(|object| (object.wanted, object.end.0));
        let (mut found, mut end) = (0, 0);
        for (wanted, behind) in wanted.chain(objects) {
            if !wanted.exact {
                return None;
            }
            found += 1;
            end = end.max(behind);
        }
        if found == 0 || found < paths.len() || end + REST_MIN > self.values.len() {
            return None;
        }
        let quoted = |name: &[u8]| [b"\"", name, b"\""].concat();
        let names = paths.names().map(|name| Finder::new(&quoted(name)).into_owned());
        Some(Rest { value: end, names: names.collect() })
    }
}

impl Literal {
    #[inline]
    fn of(self, literals: &[u8]) -> &[u8] {
        literals.get(self.start as usize..(self.start + self.len) as usize).unwrap_or_default()
    }
}

/// Moves behind `literal`, if it stands here.
#[inline]
fn pass(cursor: &mut Cursor<'_>, literal: &[u8]) -> bool {
    let end = cursor.at + literal.len();
    if end > cursor.end {
        return false;
    }
    let equal = cursor.buffer.get(cursor.at..end).is_some_and(|found| equal(found, literal));
    cursor.at = end;
    equal
}

/// Compares sixteen bytes at a time: for so few bytes quicker than a call.
#[inline]
fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // The last bytes may overlap the chunk before.
    if let (Some(last_a), Some(last_b)) = (a.last_chunk::<16>(), b.last_chunk::<16>()) {
        let (of_a, of_b) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
        return of_a.iter().zip(of_b).all(|(a, b)| a == b) && last_a == last_b;
    }
    let halves = (a.first_chunk::<8>(), b.first_chunk::<8>());
    if let (Some(first_a), Some(first_b)) = halves {
        return first_a == first_b && a.last_chunk::<8>() == b.last_chunk::<8>();
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

/// A text that is being learned.
struct Lesson<'s, 'c, 'a> {
    shape: &'s mut Shape,
    cursor: &'c mut Cursor<'a>,
    paths: &'c Paths,
    /// Where the literal at hand begins in the text.
    literal_start: usize,
    /// Which paths were found: a second time, and which one counts is not told by the layout alone.
    taken: Vec<bool>,
}

impl Lesson<'_, '_, '_> {
    /// The object that begins here; fields are looked for if a level of paths belongs to it.
    fn object(&mut self, level: Option<usize>, depth: usize) -> Result<(), Why> {
        self.cursor.at += 1;
        if self.cursor.skip_space() == b'}' {
            self.cursor.at += 1;
            return Ok(());
        }
        loop {
            self.member(level, depth)?;
            match self.cursor.skip_space() {
                b',' => self.cursor.at += 1,
                _ => {
                    self.cursor.at += 1;
                    return Ok(());
                }
            }
        }
    }

    fn member(&mut self, level: Option<usize>, depth: usize) -> Result<(), Why> {
        self.cursor.skip_space();
        let start = self.cursor.at + 1;
        let quoted = self.cursor.text()?;
        if quoted.escapes {
            return Err("a name with escapes");
        }
        let name = self.cursor.buffer.get(start..quoted.end - 1).unwrap_or_default();
        let found = level.and_then(|level| self.paths.find(level, name));
        let (wanted, below) = match found {
            Some((field, exact)) => {
                if std::mem::replace(&mut self.taken[field.path], true) {
                    return Err("a field that comes twice");
                }
                (Some(Wanted { path: field.path, exact }), field.below)
            }
            None => (None, None),
        };
        self.cursor.skip_space();
        self.cursor.at += 1;
        if self.cursor.skip_space() == b'{' {
            let start = self.place();
            self.object(below, depth + 1)?;
            let end = self.place();
            if let Some(wanted) = wanted {
                self.shape.objects.push(Object { wanted, start, end });
            }
            return Ok(());
        }
        let before = self.literal().ok_or("a layout that is too long")?;
        let (path, has_fields, depth) = (wanted, below.is_some(), depth + 1);
        self.shape.values.push(Value { before, path, has_fields, depth });
        if self.shape.values.len() > VALUES_MAX {
            return Err("a layout with too many values");
        }
        self.cursor.value(depth)?;
        self.literal_start = self.cursor.at;
        Ok(())
    }

    /// The number of the literal at hand, and the position in it.
    fn place(&self) -> (usize, usize) {
        (self.shape.values.len(), self.cursor.at - self.literal_start)
    }

    /// Ends the literal at hand.
    fn literal(&mut self) -> Option<Literal> {
        let literals = &mut self.shape.literals;
        let start = u32::try_from(literals.len()).ok()?;
        let literal = self.cursor.buffer.get(self.literal_start..self.cursor.at)?;
        literals.extend_from_slice(literal);
        let len = u32::try_from(literal.len()).ok()?;
        (literals.len() <= LITERALS_MAX).then_some(Literal { start, len })
    }
}
