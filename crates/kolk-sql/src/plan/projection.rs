//! The select list: which columns come out, and under which names.

use super::rows::{KeyOrigin, Rows};
use crate::ast::{Expr, ExprKind, Ident, Select, SelectItem};
use crate::catalog::{self, written};
use crate::error::{Problem, Result};
use crate::resolve::{self, Relation, Visible};
use crate::settings::{ClashingNames, Names, ProjectedKeys, SelectStar, Settings};
use crate::source::Span;
use crate::typing::{Typing, is_null};
use kolk::expression::{Expression, Kind};
use kolk::schema::{Column, DataType, Role};
use kolk::topology::Format;

/// A column that a query puts out.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) column: Column,
    /// Over the columns of the rows that are projected.
    pub(super) expression: Expression,
    pub(super) span: Span,
}

/// Whether the query passes on the value's bytes: `SELECT *` alone, where the settings want that.
pub(super) fn passes_bytes(
    select: &Select,
    rows: &Rows,
    value: Format,
    settings: &Settings,
) -> bool {
    rows.bytes
        && matches!(select.items[..], [SelectItem::All { .. }])
        && settings.select_star == SelectStar::Bytes
        && value == rows.first().value_format
        && !loses_key(rows)
}

/// Whether the input's key columns would be nowhere in the output.
fn loses_key(rows: &Rows) -> bool {
    let schema = rows.first().columns.schema();
    let kept = |column: &Column| rows.key.parts.iter().any(|part| part.name == column.name);
    rows.key.origin != KeyOrigin::Input
        && schema.columns.iter().any(|column| column.role == Role::Key && !kept(column))
}

/// The select list in the making.
pub(super) struct Projection<'a> {
    select: &'a Select,
    rows: &'a Rows,
    typing: Typing<'a>,
    settings: &'a Settings,
    /// The number of the next made-up name.
    generated: usize,
    outputs: Vec<Output>,
}

impl<'a> Projection<'a> {
    /// The columns of a select list. `typing` knows what can be named, which may be more than `rows` have.
    pub(super) fn of(
        select: &'a Select,
        rows: &'a Rows,
        typing: Typing<'a>,
        settings: &'a Settings,
    ) -> Result<Vec<Output>> {
        let outputs = Vec::new();
        let mut projection = Self { select, rows, typing, settings, generated: 0, outputs };
        for item in &select.items {
            projection.item(item)?;
        }
        Ok(projection.outputs)
    }

    fn item(&mut self, item: &SelectItem) -> Result<()> {
        match item {
            SelectItem::All { qualifier, span } => self.all(qualifier.as_ref(), *span),
            SelectItem::Fields { of, .. } => self.fields(of),
            SelectItem::Value { value, alias } => {
                let name = self.name(value, alias.as_ref());
                let span = alias.as_ref().map_or(value.span, |alias| alias.span);
                let expression = self.typing.expression(value)?;
                if is_null(&expression) {
                    let message = format!("the column {name} is NULL and has no type");
                    return Err(Problem::new(value.span, message, "NULL")
                        .help("give it one: CAST(NULL AS STRING)"));
                }
                self.add(name, expression, span)
            }
        }
    }

    /// `*`, `stream.*`.
    fn all(&mut self, qualifier: Option<&Ident>, span: Span) -> Result<()> {
        let scope = self.typing.scope;
        let relations = match qualifier {
            Some(qualifier) => std::slice::from_ref(scope.relation(qualifier)?),
            None => scope.relations,
        };
        if qualifier.is_none() {
            self.partitioning_expressions(span)?;
        }
        for relation in relations {
            let Some(columns) = &relation.columns else {
                return Err(self.undeclared(relation, span));
            };
            for column in self.listed(columns) {
                let name = match self.prefixes() && !relation.is_synthetic() {
                    true => format!("{}_{}", relation.qualifier, column.name),
                    false => column.name.clone(),
                };
                self.add(name, column.expression(), span)?;
            }
        }
        Ok(())
    }

    /// The columns for which `*` stands. ksqlDB puts a key that PARTITION BY replaces behind the others.
    fn listed<'b>(&self, columns: &'b [Visible]) -> Vec<&'b Visible> {
        let mut listed: Vec<&Visible> =
            columns.iter().filter(|column| column.is_listed()).collect();
        if self.rows.key.origin == KeyOrigin::Partition
            && self.settings.projected_keys == ProjectedKeys::Key
        {
            listed.sort_by_key(|column| column.role == Role::Key);
        }
        listed
    }

    /// `*` stands for the new key too, where it is no column of the input and a key must be selected.
    fn partitioning_expressions(&mut self, span: Span) -> Result<()> {
        if self.rows.key.origin != KeyOrigin::Partition
            || self.settings.projected_keys == ProjectedKeys::Value
        {
            return Ok(());
        }
        let by = self.select.partition_by.iter().flat_map(|clause| &clause.content);
        for (expr, part) in by.zip(&self.rows.key.parts) {
            if !matches!(part.expression.kind, Kind::Column { .. }) {
                let name = self.name(expr, None);
                self.add_unique(name, part.expression.clone(), span)?;
            }
        }
        Ok(())
    }

    fn undeclared(&self, relation: &Relation, span: Span) -> Box<Problem> {
        let message = format!("the columns of {} are not declared", relation.name);
        let alone = matches!(self.select.items[..], [SelectItem::All { .. }]);
        let why = if alone && self.settings.select_star == SelectStar::Bytes {
            "so they cannot be written in another format"
        } else {
            "so they cannot be listed"
        };
        Problem::new(span, message, why).help(format!(
            "declare the columns that you use: CREATE STREAM {} (page STRING, …) WITH (…)",
            relation.name
        ))
    }

    /// `of->*`: a column for each field.
    fn fields(&mut self, of: &Expr) -> Result<()> {
        let inner = self.typing.expression(of)?;
        let DataType::Struct(fields) = inner.data_type.clone() else {
            let message = format!("->* takes the fields of a STRUCT, this is {}", inner.data_type);
            return Err(Problem::new(of.span, message, format!("{}", inner.data_type)));
        };
        for (name, data_type) in fields {
            let kind = Kind::Field { of: Box::new(inner.clone()), name: name.clone() };
            self.add(name, Expression { kind, data_type }, of.span)?;
        }
        Ok(())
    }

    fn add(&mut self, name: String, expression: Expression, span: Span) -> Result<()> {
        resolve::check_not_pseudo(&name, span).map_err(|problem| {
            problem.help(format!("give it another name: … AS my_{}", name.to_lowercase()))
        })?;
        self.add_unique(name, expression, span)
    }

    /// Adds a column, whose name may be reserved: a key may be what every record has.
    fn add_unique(&mut self, name: String, expression: Expression, span: Span) -> Result<()> {
        let others = self.outputs.iter().map(|output| (output.column.name.as_str(), output.span));
        catalog::unique(&name, span, others, self.settings.names).map_err(|problem| {
            problem.help("give one of them another name with AS, or leave it out")
        })?;
        let column = Column { name, data_type: expression.data_type.clone(), role: Role::Value };
        self.outputs.push(Output { column, expression, span });
        Ok(())
    }

    /// Whether columns of a join get the name of their side in front.
    fn prefixes(&self) -> bool {
        self.rows.streams.len() > 1 && self.settings.clashing_names == ClashingNames::Prefixed
    }

    /// The alias; else the name of the column or field; else a made-up one.
    fn name(&mut self, value: &Expr, alias: Option<&Ident>) -> String {
        let names = self.settings.names;
        if let Some(alias) = alias {
            return written(alias, names);
        }
        match &value.kind {
            ExprKind::Column { qualifier, name } => self.column_name(qualifier.as_ref(), name),
            ExprKind::Field { name, .. } => {
                let field = match self.typing.expression(value).map(|field| field.kind) {
                    Ok(Kind::Field { name, .. }) => name,
                    _ => written(name, names),
                };
                self.field_name(field)
            }
            _ => self.made_up(),
        }
    }

    /// As it was declared, whatever the case in which the query names it.
    fn column_name(&self, qualifier: Option<&Ident>, name: &Ident) -> String {
        let names = self.settings.names;
        let scope = self.typing.scope;
        let of = |relation: &&Relation| match qualifier {
            Some(qualifier) => catalog::matches(&relation.qualifier, qualifier, names),
            None => true,
        };
        let mut found = scope
            .relations
            .iter()
            .filter(of)
            .filter_map(|relation| Some((relation, relation.find(name, names)?)));
        let Some((relation, column)) = found.next() else {
            return self.pseudo_name(qualifier, name);
        };
        if !column.is_listed() {
            // What a window adds was never declared.
            return written(name, names);
        }
        let name = &column.name;
        let has = |relation: &&Relation| {
            relation.columns.iter().flatten().any(|column| column.name == *name)
        };
        if self.prefixes() && scope.relations.iter().filter(has).count() > 1 {
            return format!("{}_{name}", relation.qualifier);
        }
        name.clone()
    }

    /// What no input has among its columns, or all have beside them: that of a join's side gets its name in front.
    fn pseudo_name(&self, qualifier: Option<&Ident>, name: &Ident) -> String {
        let written_name = written(name, self.settings.names);
        match qualifier.and_then(|qualifier| self.typing.scope.relation(qualifier).ok()) {
            Some(relation) if self.prefixes() && resolve::is_pseudo(&name.text) => {
                format!("{}_{written_name}", relation.qualifier)
            }
            _ => written_name,
        }
    }

    /// A field's name, with a number behind it where there is a column called so.
    fn field_name(&self, field: String) -> String {
        if self.settings.names == Names::AsWritten || !self.is_taken(&field) {
            return field;
        }
        let numbered = (1..).map(|number| format!("{field}_{number}"));
        numbered.into_iter().find(|name| !self.is_taken(name)).unwrap_or(field)
    }

    fn is_taken(&self, name: &str) -> bool {
        let input = self.typing.scope.relations.iter().flat_map(|relation| &relation.columns);
        let named = input.flatten().any(|column| column.name == name);
        named || self.outputs.iter().any(|output| output.column.name == name)
    }

    fn made_up(&mut self) -> String {
        loop {
            let name = match self.settings.names {
                Names::AsWritten => format!("col_{}", self.generated),
                Names::UpperCase => format!("KSQL_COL_{}", self.generated),
            };
            self.generated += 1;
            // A column of the input may be called so, from an earlier query.
            let mut columns =
                self.typing.scope.relations.iter().flat_map(|relation| &relation.columns);
            if !columns.any(|columns| columns.iter().any(|column| column.name == name)) {
                return name;
            }
        }
    }
}
