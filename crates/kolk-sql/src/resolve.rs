//! Names to what they mean: columns, pseudo columns, types.

use crate::ast::{Ident, TypeName, TypeNameKind};
use crate::catalog::{matches, written};
use crate::error::{Problem, Result, listed, nearest};
use crate::settings::Names;
use crate::source::Span;
use kolk::expression::{Expression, Kind, Pseudo};
use kolk::schema::{Column, DataType, Role, Schema};

/// What every record has beside its columns; no column may be called so.
pub(crate) const PSEUDO_COLUMNS: &[(&str, Pseudo, DataType)] = &[
    ("ROWTIME", Pseudo::RowTime, DataType::Bigint),
    ("ROWPARTITION", Pseudo::RowPartition, DataType::Integer),
    ("ROWOFFSET", Pseudo::RowOffset, DataType::Bigint),
];

/// The start of a row's window, where rows have windows.
pub(crate) const WINDOW_START: &str = "WINDOWSTART";
/// The end of a row's window.
pub(crate) const WINDOW_END: &str = "WINDOWEND";
/// The id of a session that ends by a time-out.
pub(crate) const SESSION_ID: &str = "SESSION_ID";

/// Names of types that other systems have, and what they are called here.
const FOREIGN_TYPES: &[(&str, &str)] = &[
    ("LONG", "BIGINT"),
    ("INT64", "BIGINT"),
    ("SMALLINT", "INT"),
    ("TINYINT", "INT"),
    ("INT32", "INT"),
    ("TEXT", "STRING"),
    ("CHAR", "STRING"),
    ("FLOAT", "DOUBLE"),
    ("REAL", "DOUBLE"),
    ("NUMERIC", "DECIMAL(10, 2)"),
    ("NUMBER", "DECIMAL(10, 2)"),
    ("DECIMAL", "DECIMAL(10, 2)"),
    ("DATETIME", "TIMESTAMP"),
    ("BOOL", "BOOLEAN"),
    ("BLOB", "BYTES"),
    ("BINARY", "BYTES"),
    ("JSON", "STRING"),
    ("ARRAY", "ARRAY<STRING>"),
    ("MAP", "MAP<STRING, STRING>"),
    ("STRUCT", "STRUCT<name STRING>"),
];

const TYPES: &[(&str, DataType)] = &[
    ("BOOLEAN", DataType::Boolean),
    ("INT", DataType::Integer),
    ("INTEGER", DataType::Integer),
    ("BIGINT", DataType::Bigint),
    ("DOUBLE", DataType::Double),
    ("STRING", DataType::String),
    ("VARCHAR", DataType::String),
    ("BYTES", DataType::Bytes),
    ("TIMESTAMP", DataType::Timestamp),
    ("DATE", DataType::Date),
    ("TIME", DataType::Time),
];

/// Most digits of a DECIMAL: what fits 128 bits.
pub(crate) const PRECISION_MAX: u8 = 38;

/// What an expression may name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The inputs of the query, in the order in which it names them.
    pub(crate) relations: &'a [Relation],
    /// How names are compared.
    pub(crate) names: Names,
    /// Types of one's own.
    pub(crate) types: &'a Types,
}

/// An input of a query: a stream or table, under the name that the query gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relation {
    /// What it is, for errors.
    pub(crate) name: String,
    /// The name under which its columns can be qualified.
    pub(crate) qualifier: String,
    /// Its columns; absent when they are not declared.
    pub(crate) columns: Option<Vec<Visible>>,
    /// Where the pseudo columns of its rows stand, when rows do not come from it alone.
    pub(crate) pseudo: Vec<(Pseudo, usize)>,
}

/// A column that can be named.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Visible {
    /// Its name.
    pub(crate) name: String,
    /// Its type.
    pub(crate) data_type: DataType,
    /// Where its values come from. Bounds of windows can be named, but do not belong to `*`.
    pub(crate) role: Role,
    /// Its position in the schema of the node that the expression is computed on.
    pub(crate) index: usize,
}

impl Visible {
    /// The column as an expression.
    pub(crate) fn expression(&self) -> Expression {
        let kind = Kind::Column { index: self.index, name: self.name.clone() };
        Expression { kind, data_type: self.data_type.clone() }
    }

    /// Whether `*` stands for it too.
    pub(crate) fn is_listed(&self) -> bool {
        !matches!(self.role, Role::WindowStart | Role::WindowEnd)
    }
}

impl Relation {
    /// The columns of a schema, in the order in which they stand there.
    pub(crate) fn of(name: &str, qualifier: &str, schema: Option<&Schema>) -> Self {
        let visible = |(index, column): (usize, &Column)| Visible {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            role: column.role.clone(),
            index,
        };
        let columns = schema.map(|schema| schema.columns.iter().enumerate().map(visible).collect());
        Self { name: name.to_owned(), qualifier: qualifier.to_owned(), columns, pseudo: Vec::new() }
    }

    /// The key of a join that is in no column of an input.
    pub(crate) fn synthetic(key: Visible) -> Self {
        let nobody = String::new();
        Self {
            name: nobody.clone(),
            qualifier: nobody,
            columns: Some(vec![key]),
            pseudo: Vec::new(),
        }
    }

    /// Whether it is no input, but the key of a join.
    pub(crate) fn is_synthetic(&self) -> bool {
        self.qualifier.is_empty()
    }

    /// The same when its columns stand so much further behind.
    pub(crate) fn moved(&self, by: usize) -> Self {
        let mut moved = self.clone();
        moved.columns.iter_mut().flatten().for_each(|column| column.index += by);
        moved.pseudo.iter_mut().for_each(|(_, index)| *index += by);
        moved
    }

    /// Whether the column at this position is one of its.
    pub(crate) fn has(&self, index: usize) -> bool {
        self.columns.iter().flatten().any(|column| column.index == index)
            || self.pseudo.iter().any(|(_, place)| *place == index)
    }

    /// The column that a name means.
    pub(crate) fn find(&self, name: &Ident, names: Names) -> Option<&Visible> {
        let columns = self.columns.as_ref()?;
        let exact = columns.iter().find(|column| column.name == written(name, names));
        exact.or_else(|| columns.iter().find(|column| matches(&column.name, name, names)))
    }
}

impl<'a> Scope<'a> {
    /// What `qualifier.name` means.
    pub(crate) fn column(&self, qualifier: Option<&Ident>, name: &Ident) -> Result<Expression> {
        let relations = match qualifier {
            Some(qualifier) => std::slice::from_ref(self.relation(qualifier)?),
            None => self.relations,
        };
        let mut found = relations
            .iter()
            .filter_map(|relation| Some((relation, relation.find(name, self.names)?)));
        match (found.next(), found.next()) {
            (Some((_, column)), None) => return Ok(column.expression()),
            (Some((first, _)), Some((second, _))) => {
                return Err(ambiguous(name, &first.qualifier, &second.qualifier));
            }
            (None, _) => {}
        }
        if let Some((_, pseudo, data_type)) = pseudo(&name.text) {
            let placed = match relations {
                [only] => only.pseudo.iter().find(|(known, _)| known == pseudo),
                _ => None,
            };
            let kind = match placed {
                Some((_, index)) => Kind::Column { index: *index, name: name.text.to_uppercase() },
                None => Kind::Pseudo(*pseudo),
            };
            return Ok(Expression { kind, data_type: data_type.clone() });
        }
        if let Some(bound) = window_bound(&name.text) {
            let message = format!(
                "{bound} is unknown here: the name is reserved for windows, and rows have none before they are grouped"
            );
            return Err(Problem::new(name.span, message, "no window bounds here"));
        }
        Err(self.unknown(relations, name))
    }

    /// The column of its own that a name means, if it is one.
    pub(crate) fn find(&self, name: &Ident) -> Option<&'a Visible> {
        self.relations.iter().find_map(|relation| relation.find(name, self.names))
    }

    /// The input that a qualifier means.
    pub(crate) fn relation(&self, qualifier: &Ident) -> Result<&'a Relation> {
        let meant = |relation: &&Relation| matches(&relation.qualifier, qualifier, self.names);
        if let Some(relation) = self.relations.iter().find(meant) {
            return Ok(relation);
        }
        let message = format!("there is no stream or table {qualifier} in this query");
        let problem = Problem::new(qualifier.span, message, "unknown");
        // `user.name` for `user->name` is the likeliest slip.
        if self.find(qualifier).is_some() {
            return Err(problem.help(format!(
                "{qualifier} is a column; its fields are written {qualifier}->field"
            )));
        }
        let inputs = self.relations.iter().filter(|relation| !relation.is_synthetic());
        let known: Vec<&str> = inputs.map(|relation| relation.qualifier.as_str()).collect();
        Err(problem.help(format!("did you mean {}?", known.join(" or "))))
    }

    fn unknown(&self, relations: &[Relation], name: &Ident) -> Box<Problem> {
        if let Some(undeclared) = relations.iter().find(|relation| relation.columns.is_none()) {
            let message = format!("the columns of {} are not declared", undeclared.name);
            return Problem::new(name.span, message, "so this name means nothing").help(format!(
                "declare the columns that you use: CREATE STREAM {} ({name} STRING, …) WITH (…)",
                undeclared.name
            ));
        }
        let inputs = relations.iter().filter(|relation| !relation.is_synthetic());
        let of: Vec<&str> = inputs.map(|relation| relation.name.as_str()).collect();
        let (of, verb) = match &of[..] {
            [] => ("this query".to_owned(), "has"),
            [only] => ((*only).to_owned(), "has"),
            several => (several.join(" and "), "have"),
        };
        let message = format!("{of} {verb} no column {name}");
        let shown: Vec<String> = relations
            .iter()
            .flat_map(|relation| relation.columns.iter().flatten())
            .map(|column| as_written(&column.name, self.names))
            .collect();
        let known = || shown.iter().map(String::as_str);
        if shown.is_empty() {
            return Problem::new(name.span, message, "unknown").help("it has no columns at all");
        }
        let mut help = format!("columns: {}", listed(&name.text, known()));
        if let Some(nearest) = nearest(&name.text, known()) {
            help = format!("did you mean {nearest}? {help}");
        } else if name.quoting == crate::ast::Quoting::Quoted {
            help = format!("text stands in single quotes: '{name}'. {help}");
        }
        Problem::new(name.span, message, "unknown").help(help)
    }
}

fn ambiguous(name: &Ident, first: &str, second: &str) -> Box<Problem> {
    let message = format!("the column {name} is ambiguous: {first} and {second} both have one");
    Problem::new(name.span, message, "which of them?")
        .help(format!("write {first}.{name} or {second}.{name}"))
}

/// How a name must be written to be meant.
fn as_written(name: &str, names: Names) -> String {
    if names == Names::UpperCase && name != name.to_uppercase() {
        return format!("`{name}`");
    }
    name.to_owned()
}

fn pseudo(name: &str) -> Option<&'static (&'static str, Pseudo, DataType)> {
    PSEUDO_COLUMNS.iter().find(|(pseudo, ..)| pseudo.eq_ignore_ascii_case(name))
}

/// Whether it is the name of something that every row has beside its columns.
pub(crate) fn is_pseudo(name: &str) -> bool {
    pseudo(name).is_some()
}

fn window_bound(name: &str) -> Option<&'static str> {
    [WINDOW_START, WINDOW_END].into_iter().find(|bound| bound.eq_ignore_ascii_case(name))
}

/// Refuses to give a column the name of something that rows have beside their columns.
pub(crate) fn check_not_pseudo(name: &str, span: Span) -> Result<()> {
    let known = pseudo(name).map(|(known, ..)| *known).or_else(|| window_bound(name));
    match known {
        None => Ok(()),
        Some(known) => {
            let message = format!("no column can be called {known}: the name is reserved");
            Err(Problem::new(span, message, "choose another name"))
        }
    }
}

/// Types of one's own, made by CREATE TYPE.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Types {
    known: Vec<(String, DataType)>,
}

impl Types {
    /// The type of this name.
    pub(crate) fn find(&self, name: &Ident, names: Names) -> Option<&DataType> {
        self.known
            .iter()
            .find(|(known, _)| matches(known, name, names))
            .map(|(_, data_type)| data_type)
    }

    /// Adds a type.
    pub(crate) fn put(&mut self, name: String, data_type: DataType) {
        self.known.push((name, data_type));
    }

    /// Takes a type away; whether there was one.
    pub(crate) fn remove(&mut self, name: &Ident, names: Names) -> bool {
        let before = self.known.len();
        self.known.retain(|(known, _)| !matches(known, name, names));
        self.known.len() < before
    }

    /// Whether it is one that everybody has.
    pub(crate) fn is_built_in(name: &Ident) -> bool {
        TYPES.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name.text))
    }
}

/// The type that a type's name means.
pub(crate) fn data_type(written_type: &TypeName, names: Names, types: &Types) -> Result<DataType> {
    let data_type = |written_type: &TypeName| data_type(written_type, names, types);
    Ok(match &written_type.kind {
        TypeNameKind::Named(name) => return named_type(name, names, types),
        TypeNameKind::Decimal { precision, scale } => {
            decimal(*precision, *scale, written_type.span)?
        }
        TypeNameKind::Array(item) => DataType::Array(Box::new(data_type(item)?)),
        TypeNameKind::Map(key, value) => {
            DataType::Map(Box::new(data_type(key)?), Box::new(data_type(value)?))
        }
        TypeNameKind::Struct(fields) => {
            let mut known: Vec<(String, Span)> = Vec::new();
            let mut types = Vec::new();
            for (name, field) in fields {
                let text = written(name, names);
                let others = known.iter().map(|(name, span)| (name.as_str(), *span));
                crate::catalog::unique(&text, name.span, others, names).map_err(
                    |mut problem| {
                        problem.message = format!("there are two fields {text} in the STRUCT");
                        problem
                    },
                )?;
                types.push((text.clone(), data_type(field)?));
                known.push((text, name.span));
            }
            DataType::Struct(types)
        }
    })
}

fn named_type(name: &Ident, names: Names, types: &Types) -> Result<DataType> {
    let upper = name.text.to_uppercase();
    if let Some((_, data_type)) = TYPES.iter().find(|(known, _)| *known == upper) {
        return Ok(data_type.clone());
    }
    if let Some(own) = types.find(name, names) {
        return Ok(own.clone());
    }
    let help = FOREIGN_TYPES
        .iter()
        .find(|(foreign, _)| *foreign == upper)
        .map(|(_, here)| *here)
        .or_else(|| nearest(&upper, TYPES.iter().map(|(known, _)| *known)))
        .map_or_else(
            || {
                "types: BOOLEAN, INT, BIGINT, DOUBLE, DECIMAL(p, s), STRING, BYTES, TIMESTAMP, DATE, TIME, ARRAY<…>, \
                 MAP<STRING, …>, STRUCT<name type, …>"
                    .to_owned()
            },
            |here| format!("did you mean {here}?"),
        );
    Err(Problem::new(name.span, format!("there is no type {name}"), "unknown").help(help))
}

fn decimal(precision: i64, scale: i64, span: Span) -> Result<DataType> {
    let most = i64::from(PRECISION_MAX);
    if !(1..=most).contains(&precision) {
        let message = format!("a DECIMAL has 1 to {most} digits, not {precision}");
        return Err(Problem::new(span, message, "the first number"));
    }
    if !(0..=precision).contains(&scale) {
        let message =
            format!("{scale} digits behind the point are more than the {precision} digits of all");
        return Err(Problem::new(span, message, "DECIMAL(all digits, digits behind the point)"));
    }
    let (Ok(precision), Ok(scale)) = (u8::try_from(precision), u8::try_from(scale)) else {
        return Err(Problem::new(span, "a DECIMAL of this size is not possible", "here"));
    };
    Ok(DataType::Decimal { precision, scale })
}
