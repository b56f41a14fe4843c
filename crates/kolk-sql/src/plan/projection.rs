//! The select list: which columns come out, under which names, in which part of the record.

use super::format::Formats;
use crate::ast::{Expr, ExprKind, Ident, Select, SelectItem};
use crate::catalog::{self, Columns, Stream, written};
use crate::error::{Problem, Result};
use crate::resolve;
use crate::settings::{Names, ProjectedKeys, SelectStar, Settings};
use crate::source::Span;
use crate::typing::{Typing, is_null};
use kolk::expression::{Expression, Kind};
use kolk::schema::{Column, DataType, Role, Schema};

/// What a query selects.
#[derive(Debug)]
pub(super) enum Projection {
    /// Key and value as they came, byte for byte.
    Unchanged,
    /// These columns.
    Columns(Vec<Output>),
}

/// A column that a query puts out.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) column: Column,
    /// Over the columns of the source.
    pub(super) expression: Expression,
    pub(super) span: Span,
}

/// Plans a select list. `formats` are those of the output.
pub(super) fn projection(
    select: &Select,
    input: &Stream,
    typing: Typing<'_>,
    settings: &Settings,
    formats: Formats,
) -> Result<Projection> {
    if let [SelectItem::All { qualifier, span }] = &select.items[..] {
        if let Some(qualifier) = qualifier {
            typing.scope.check_qualifier(qualifier)?;
        }
        let same = formats.value == input.value_format;
        if settings.select_star == SelectStar::Bytes && same {
            return Ok(Projection::Unchanged);
        }
        if input.columns == Columns::Unknown {
            return Err(undeclared(input, *span, same));
        }
    }
    let mut outputs = Vec::new();
    let mut generated = 0;
    for item in &select.items {
        match item {
            SelectItem::All { qualifier, span } => {
                if let Some(qualifier) = qualifier {
                    typing.scope.check_qualifier(qualifier)?;
                }
                if input.columns == Columns::Unknown {
                    return Err(undeclared(input, *span, true));
                }
                add_all(&mut outputs, &input.columns.schema(), *span, typing.scope.names)?;
            }
            SelectItem::Fields { of, .. } => add_fields(&mut outputs, of, typing)?,
            SelectItem::Value { value, alias } => {
                let name = output_name(value, alias.as_ref(), typing, &mut generated);
                let span = alias.as_ref().map_or(value.span, |alias| alias.span);
                let expression = typing.expression(value)?;
                if is_null(&expression) {
                    return Err(Problem::new(
                        value.span,
                        format!("the column {name} is NULL and has no type"),
                        "NULL",
                    )
                    .help("give it one: CAST(NULL AS STRING)"));
                }
                add(&mut outputs, name, expression, span, typing.scope.names)?;
            }
        }
    }
    if settings.projected_keys == ProjectedKeys::Key {
        move_keys(&mut outputs, input, select)?;
    }
    Ok(Projection::Columns(outputs))
}

fn undeclared(input: &Stream, span: Span, same_format: bool) -> Box<Problem> {
    let message = format!("the columns of {} are not declared", input.name);
    let why = if same_format {
        "so they cannot be listed"
    } else {
        "so they cannot be written in another format"
    };
    Problem::new(span, message, why).help(format!(
        "declare the columns that you use: CREATE STREAM {} (page STRING, …) WITH (…)",
        input.name
    ))
}

fn add_all(outputs: &mut Vec<Output>, schema: &Schema, span: Span, names: Names) -> Result<()> {
    for (index, column) in schema.columns.iter().enumerate() {
        let kind = Kind::Column { index, name: column.name.clone() };
        let expression = Expression { kind, data_type: column.data_type.clone() };
        add(outputs, column.name.clone(), expression, span, names)?;
    }
    Ok(())
}

/// `of->*`: a column for each field.
fn add_fields(outputs: &mut Vec<Output>, of: &Expr, typing: Typing<'_>) -> Result<()> {
    let inner = typing.expression(of)?;
    let DataType::Struct(fields) = &inner.data_type else {
        let message = format!("->* takes the fields of a STRUCT, this is {}", inner.data_type);
        return Err(Problem::new(of.span, message, format!("{}", inner.data_type)));
    };
    for (name, data_type) in fields {
        let kind = Kind::Field { of: Box::new(inner.clone()), name: name.clone() };
        let expression = Expression { kind, data_type: data_type.clone() };
        add(outputs, name.clone(), expression, of.span, typing.scope.names)?;
    }
    Ok(())
}

fn add(
    outputs: &mut Vec<Output>,
    name: String,
    expression: Expression,
    span: Span,
    names: Names,
) -> Result<()> {
    resolve::check_not_pseudo(&name, span).map_err(|problem| {
        problem.help(format!("give it another name: … AS my_{}", name.to_lowercase()))
    })?;
    let others = outputs.iter().map(|output| (output.column.name.as_str(), output.span));
    catalog::unique(&name, span, others, names).map_err(|problem| {
        problem.help("give one of them another name with AS, or leave it out")
    })?;
    let column = Column { name, data_type: expression.data_type.clone(), role: Role::Value };
    outputs.push(Output { column, expression, span });
    Ok(())
}

/// The alias; else the name of the column or field; else a made-up one.
fn output_name(
    value: &Expr,
    alias: Option<&Ident>,
    typing: Typing<'_>,
    generated: &mut usize,
) -> String {
    let names = typing.scope.names;
    if let Some(alias) = alias {
        return written(alias, names);
    }
    match &value.kind {
        // Written as it was declared, whatever the case in which the query names it.
        ExprKind::Column { name, .. } => match typing.scope.position(name).zip(typing.scope.schema)
        {
            Some((index, schema)) => schema.columns[index].name.clone(),
            None => written(name, names),
        },
        ExprKind::Field { name, .. } => match typing.expression(value).map(|field| field.kind) {
            Ok(Kind::Field { name, .. }) => name,
            _ => written(name, names),
        },
        _ => loop {
            let name = match names {
                Names::AsWritten => format!("col_{generated}"),
                Names::UpperCase => format!("KSQL_COL_{generated}"),
            };
            *generated += 1;
            // A column of the input may be called so, from an earlier query.
            if typing.scope.schema.and_then(|schema| schema.position(&name)).is_none() {
                return name;
            }
        },
    }
}

/// Key columns of the input become the key of the output; each must be selected.
fn move_keys(outputs: &mut [Output], input: &Stream, select: &Select) -> Result<()> {
    let schema = input.columns.schema();
    for (position, column) in schema.columns.iter().enumerate() {
        if column.role != Role::Key {
            continue;
        }
        let plain = |output: &&mut Output| matches!(output.expression.kind, Kind::Column { index, .. } if index == position);
        let mut found = outputs.iter_mut().filter(plain);
        match (found.next(), found.next()) {
            (Some(output), None) => output.column.role = Role::Key,
            (Some(_), Some(second)) => {
                let message = format!("the key column {} is selected twice", column.name);
                return Err(Problem::new(second.span, message, "the second time")
                    .help("AS_VALUE copies it to the value, when that is supported"));
            }
            _ => {
                let message = format!("the key column {} is not selected", column.name);
                return Err(Problem::new(select.span, message, "the output would have no key")
                    .help(format!("add {} to the SELECT", column.name)));
            }
        }
    }
    if outputs.iter().all(|output| output.column.role == Role::Key) {
        let message = "all selected columns are keys, so the value would be empty";
        return Err(Problem::new(select.span, message, "no value column"));
    }
    Ok(())
}
