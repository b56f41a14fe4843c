//! ARRAY[…], MAP(…) and STRUCT(…).

use super::{Operand, Typing, convert};
use crate::ast::{Expr, Ident};
use crate::catalog::{unique, written};
use crate::error::{Problem, Result};
use crate::source::Span;
use kolk::expression::{Expression, Kind};
use kolk::schema::DataType;

impl Typing<'_> {
    /// `ARRAY[x, …]`; items are brought to one type.
    pub(super) fn array(&self, items: &[Expr], span: Span) -> Result<Expression> {
        if items.is_empty() {
            return Err(Problem::new(span, "an ARRAY cannot be built empty", "it has no type")
                .help("put at least one item into it"));
        }
        let operands = self.operands(items)?;
        let (items, item) = self.alike(operands, "the items of an ARRAY")?;
        Ok(Expression { kind: Kind::Array(items), data_type: DataType::Array(Box::new(item)) })
    }

    /// `MAP(key := value, …)`; keys are brought to one type, and so are values.
    pub(super) fn map(&self, entries: &[(Expr, Expr)], span: Span) -> Result<Expression> {
        if entries.is_empty() {
            return Err(Problem::new(span, "a MAP cannot be built empty", "it has no type")
                .help("put at least one key := value into it"));
        }
        let side = |of: fn(&(Expr, Expr)) -> &Expr| -> Result<Vec<Operand>> {
            entries.iter().map(|entry| self.operand(of(entry))).collect()
        };
        let (keys, key) = self.alike(side(|entry| &entry.0)?, "the keys of a MAP")?;
        let (values, value) = self.alike(side(|entry| &entry.1)?, "the values of a MAP")?;
        let entries = keys.into_iter().zip(values).collect();
        let data_type = DataType::Map(Box::new(key), Box::new(value));
        Ok(Expression { kind: Kind::Map(entries), data_type })
    }

    /// `STRUCT(name := value, …)`.
    pub(super) fn structure(&self, fields: &[(Ident, Expr)]) -> Result<Expression> {
        let mut known: Vec<(String, Span)> = Vec::new();
        let (mut values, mut types) = (Vec::new(), Vec::new());
        for (name, value) in fields {
            let text = written(name, self.scope.names);
            let others = known.iter().map(|(name, span)| (name.as_str(), *span));
            unique(&text, name.span, others, self.scope.names).map_err(|mut problem| {
                problem.message = format!("there are two fields {text} in the STRUCT");
                problem
            })?;
            let typed = self.expression(value)?;
            if convert::is_null(&typed) {
                let message = format!("field {name} is NULL, so it has no type");
                return Err(
                    Problem::new(value.span, message, "give it one").help("CAST(NULL AS STRING)")
                );
            }
            types.push((text.clone(), typed.data_type.clone()));
            values.push(typed);
            known.push((text, name.span));
        }
        Ok(Expression { kind: Kind::Struct(values), data_type: DataType::Struct(types) })
    }

    /// Expressions of one type; constants are read as what they stand among.
    fn alike(&self, mut operands: Vec<Operand>, what: &str) -> Result<(Vec<Expression>, DataType)> {
        convert::read_constants(&mut operands, self.timezone)?;
        self.brought_together(operands, what)
    }
}
