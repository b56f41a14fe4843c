//! PARTITION BY, and what PARTITION BY and GROUP BY have in common: the parts of a key.

use super::Planner;
use super::rows::{KeyOrigin, KeyPart, RecordKey, Rows};
use crate::ast::{Expr, Select};
use crate::error::{Problem, Result};
use crate::typing::{Calls, Typing, is_null};
use kolk::expression::Kind;
use kolk::topology::Collection;

impl Planner<'_> {
    /// PARTITION BY: rows get another key.
    pub(super) fn partitioned(&self, mut rows: Rows, select: &Select) -> Result<Rows> {
        let Some(clause) = &select.partition_by else { return Ok(rows) };
        if rows.collection == Collection::Table {
            let message = "PARTITION BY gives rows a new key, but the rows of a table are told apart by theirs";
            let label = format!("{} is a table", rows.first().name);
            return Err(Problem::new(clause.span, message, label)
                .help("GROUP BY brings rows of a table together by something else"));
        }
        let typing = self.typing(&rows.relations, "PARTITION BY");
        let mut parts = parts(&clause.content, typing, "PARTITION BY")?;
        let there = rows.key.parts.len() == parts.len()
            && rows.key.parts.iter().zip(&parts).all(|(part, new)| part.is(&new.expression));
        if !there {
            // PARTITION BY NULL: no key at all.
            parts.retain(|part| !is_null(&part.expression));
            rows.key = RecordKey { parts, origin: KeyOrigin::Partition };
            rows.window = None;
        }
        Ok(rows)
    }
}

/// The parts of a key that a clause names; `typing` knows the rows.
pub(super) fn parts(by: &[Expr], typing: Typing<'_>, clause: &'static str) -> Result<Vec<KeyPart>> {
    let typing = Typing { calls: Calls::Refused(clause), ..typing };
    let mut parts: Vec<KeyPart> = Vec::with_capacity(by.len());
    for (number, expr) in by.iter().enumerate() {
        let expression = typing.expression(expr)?;
        if let Some(same) = parts.iter().position(|part| part.expression == expression) {
            let message = format!("{clause} names the same expression twice");
            return Err(Problem::new(expr.span, message, "the second time")
                .label(by[same].span, "the first time"));
        }
        if is_null(&expression) && (clause == "GROUP BY" || by.len() > 1) {
            let message = format!("{clause} does not take NULL among its expressions");
            return Err(Problem::new(expr.span, message, "NULL groups nothing"));
        }
        let name = match &expression.kind {
            Kind::Column { name, .. } | Kind::Field { name, .. } => name.clone(),
            _ => format!("key_{number}"),
        };
        let shown = expression.to_string();
        parts.push(KeyPart::new(name, shown, expression));
    }
    Ok(parts)
}
