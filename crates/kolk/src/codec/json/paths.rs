//! The fields that a scan looks for, as a tree of names.

/// Most paths of one scan.
const PATHS_MAX: usize = u16::MAX as usize;

/// A tree of field names. Each path has a number, in the order in which paths were added; every object on the way to a
/// nested field has one too.
///
/// A field matches by its exact name; when there is none, one that differs only in the case of ASCII letters does. Of
/// fields that match equally well the last one counts.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The fields of each object level; 0 is the document's.
    pub(super) levels: Vec<Vec<Field>>,
    count: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Box<[u8]>,
    /// The path's number.
    pub(super) path: usize,
    /// The level of the fields below, if any are looked for.
    pub(super) below: Option<usize>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { levels: vec![Vec::new()], count: 0 }
    }
}

impl Paths {
    /// Adds the path of these names, from the outside in, and tells its number; `None` for no names, or too many paths.
    pub fn add<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Option<usize> {
        let (mut level, mut path) = (0, None);
        let mut names = names.into_iter().peekable();
        while let Some(name) = names.next() {
            let at = match self.levels[level].iter().position(|f| *f.name == *name.as_bytes()) {
                Some(at) => at,
                None => self.add_field(level, name)?,
            };
            path = Some(self.levels[level][at].path);
            if names.peek().is_some() {
                let below = self.levels[level][at].below.unwrap_or(self.levels.len());
                if below == self.levels.len() {
                    self.levels.push(Vec::new());
                    self.levels[level][at].below = Some(below);
                }
                level = below;
            }
        }
        path
    }

    fn add_field(&mut self, level: usize, name: &str) -> Option<usize> {
        if self.count == PATHS_MAX {
            return None;
        }
        let field = Field { name: name.as_bytes().into(), path: self.count, below: None };
        self.count += 1;
        self.levels[level].push(field);
        Some(self.levels[level].len() - 1)
    }

    /// How many paths there are: tokens of one text.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The names of the document's own fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.levels.first().into_iter().flatten().map(|field| &*field.name)
    }

    /// The field of a level that `name` stands for, and whether it is spelled the same.
    #[inline]
    pub(super) fn find(&self, level: usize, name: &[u8]) -> Option<(&Field, bool)> {
        let fields = &self.levels[level];
        if let Some(field) = fields.iter().find(|field| *field.name == *name) {
            return Some((field, true));
        }
        fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| (field, false))
    }

    /// Calls `forget` for every path below a level.
    pub(super) fn each_below(&self, level: usize, forget: &mut impl FnMut(usize)) {
        for field in &self.levels[level] {
            forget(field.path);
            if let Some(below) = field.below {
                self.each_below(below, forget);
            }
        }
    }
}
