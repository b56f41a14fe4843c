//! Names to what they mean: columns, pseudo columns, types.

use crate::ast::{Ident, TypeName, TypeNameKind};
use crate::catalog::{matches, written};
use crate::error::{Problem, Result, listed, nearest};
use crate::settings::Names;
use crate::source::Span;
use kolk::expression::{Expression, Kind, Pseudo};
use kolk::schema::{DataType, Schema};

/// What a record has beside its columns; no column may be called so.
const PSEUDO_COLUMNS: &[(&str, Option<(Pseudo, DataType)>)] = &[
    ("ROWTIME", Some((Pseudo::RowTime, DataType::Bigint))),
    ("ROWPARTITION", Some((Pseudo::RowPartition, DataType::Integer))),
    ("ROWOFFSET", Some((Pseudo::RowOffset, DataType::Bigint))),
    ("WINDOWSTART", None),
    ("WINDOWEND", None),
];

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

/// The columns that an expression may name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// What they are of: a stream's name, for errors.
    pub(crate) name: &'a str,
    /// The name under which they can be qualified.
    pub(crate) qualifier: &'a str,
    /// The columns; none when they are not known.
    pub(crate) schema: Option<&'a Schema>,
    /// How names are compared.
    pub(crate) names: Names,
}

impl Scope<'_> {
    /// What `qualifier.name` means.
    pub(crate) fn column(&self, qualifier: Option<&Ident>, name: &Ident) -> Result<Expression> {
        if let Some(qualifier) = qualifier {
            self.check_qualifier(qualifier)?;
        }
        if let Some(index) = self.position(name) {
            let column = &self.schema.map(|schema| &schema.columns[index]);
            if let Some(column) = column {
                let kind = Kind::Column { index, name: column.name.clone() };
                return Ok(Expression { kind, data_type: column.data_type.clone() });
            }
        }
        match pseudo(&name.text) {
            Some((_, Some((pseudo, data_type)))) => {
                return Ok(Expression {
                    kind: Kind::Pseudo(*pseudo),
                    data_type: data_type.clone(),
                });
            }
            Some((known, None)) => {
                let message = format!("{known} is known only where rows are grouped in windows");
                return Err(Problem::new(name.span, message, "there is no window here"));
            }
            None => {}
        }
        Err(self.unknown(name))
    }

    /// The position of the column that a name means.
    pub(crate) fn position(&self, name: &Ident) -> Option<usize> {
        let columns = &self.schema?.columns;
        let exact = columns.iter().position(|column| column.name == written(name, self.names));
        exact.or_else(|| columns.iter().position(|column| matches(&column.name, name, self.names)))
    }

    /// Refuses a qualifier that is not the stream's.
    pub(crate) fn check_qualifier(&self, qualifier: &Ident) -> Result<()> {
        if matches(self.qualifier, qualifier, self.names) {
            return Ok(());
        }
        let message = format!("{qualifier} is no stream of this query");
        let problem = Problem::new(qualifier.span, message, "unknown");
        // `user.name` for `user->name` is the likeliest slip.
        if self.position(qualifier).is_some() {
            return Err(problem.help(format!(
                "{qualifier} is a column; its fields are written {qualifier}->field"
            )));
        }
        Err(problem.help(format!("did you mean {}?", self.qualifier)))
    }

    fn unknown(&self, name: &Ident) -> Box<Problem> {
        let Some(schema) = self.schema else {
            let message = format!("the columns of {} are not declared", self.name);
            return Problem::new(name.span, message, "so this name means nothing").help(format!(
                "declare the columns that you use: CREATE STREAM {} ({name} STRING, …) WITH (…)",
                self.name
            ));
        };
        let message = format!("{} has no column {name}", self.name);
        let shown: Vec<String> =
            schema.columns.iter().map(|column| as_written(&column.name, self.names)).collect();
        let known = || shown.iter().map(String::as_str);
        if schema.columns.is_empty() {
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

/// How a name must be written to be meant.
fn as_written(name: &str, names: Names) -> String {
    if names == Names::UpperCase && name != name.to_uppercase() {
        return format!("`{name}`");
    }
    name.to_owned()
}

fn pseudo(name: &str) -> Option<&'static (&'static str, Option<(Pseudo, DataType)>)> {
    PSEUDO_COLUMNS.iter().find(|(pseudo, _)| pseudo.eq_ignore_ascii_case(name))
}

/// Refuses to give a column the name of something that every record has.
pub(crate) fn check_not_pseudo(name: &str, span: Span) -> Result<()> {
    match pseudo(name) {
        None => Ok(()),
        Some((known, _)) => {
            let message = format!("no column can be called {known}: every record has it already");
            Err(Problem::new(span, message, "choose another name"))
        }
    }
}

/// The type that a type's name means.
pub(crate) fn data_type(written_type: &TypeName, names: Names) -> Result<DataType> {
    Ok(match &written_type.kind {
        TypeNameKind::Named(name) => return named_type(name),
        TypeNameKind::Decimal { precision, scale } => {
            decimal(*precision, *scale, written_type.span)?
        }
        TypeNameKind::Array(item) => DataType::Array(Box::new(data_type(item, names)?)),
        TypeNameKind::Map(key, value) => {
            DataType::Map(Box::new(data_type(key, names)?), Box::new(data_type(value, names)?))
        }
        TypeNameKind::Struct(fields) => {
            let mut known: Vec<(String, Span)> = Vec::new();
            let mut types = Vec::new();
            for (name, field) in fields {
                let text = written(name, names);
                let others = known.iter().map(|(name, span)| (name.as_str(), *span));
                crate::catalog::unique(&text, name.span, others, names)?;
                types.push((text.clone(), data_type(field, names)?));
                known.push((text, name.span));
            }
            DataType::Struct(types)
        }
    })
}

fn named_type(name: &Ident) -> Result<DataType> {
    let upper = name.text.to_uppercase();
    if let Some((_, data_type)) = TYPES.iter().find(|(known, _)| *known == upper) {
        return Ok(data_type.clone());
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
