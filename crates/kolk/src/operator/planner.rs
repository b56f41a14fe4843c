//! Columns of a query's nodes → numbered slots: where each is read, and what has to be computed.

use crate::codec::{delimited, kafka};
use crate::expression::{Expression, Kind};
use crate::operator::PlanError;
use crate::operator::plan::{Bound, EventTimeColumn, Field, Origin, Part, Slot, Step, Written};
use crate::schema::{Column as SchemaColumn, DataType, Role, Schema};
use crate::topology::{EventTime, Format, Payload, Source};

/// What a column of the schema at hand is.
#[derive(Debug, Clone)]
pub(super) enum Definition {
    /// A column of the source that may not be read at all.
    Source(usize),
    Slot(usize),
}

/// Gives numbers to the columns that a query reads.
pub(super) struct Planner<'a> {
    pub(super) source: &'a Source,
    pub(super) schema: &'a Schema,
    pub(super) slots: Vec<Slot>,
}

impl Planner<'_> {
    pub(super) fn event_time(&mut self) -> Result<Option<EventTimeColumn>, PlanError> {
        let EventTime::Column { index, format } = &self.source.event_time else { return Ok(None) };
        let slot = self.source_slot(*index, &[])?;
        let Slot { data_type, name, .. } = &self.slots[slot];
        match data_type {
            DataType::Timestamp | DataType::Bigint | DataType::String => {
                Ok(Some(EventTimeColumn { slot, format: format.clone() }))
            }
            other => Err(PlanError::Column {
                column: name.clone(),
                why: format!("the event time is a TIMESTAMP, BIGINT or STRING column, not {other}"),
            }),
        }
    }

    /// The slot of a field below a column of the source.
    pub(super) fn source_slot(
        &mut self,
        index: usize,
        fields: &[&str],
    ) -> Result<usize, PlanError> {
        let Some(column) = self.schema.columns.get(index) else {
            let column = format!("number {index}");
            return Err(PlanError::Column {
                column,
                why: "the source has fewer columns".to_owned(),
            });
        };
        let refuse = |why: String| PlanError::Column { column: column.name.clone(), why };
        let mut data_type = &column.data_type;
        for field in fields {
            let DataType::Struct(of) = data_type else {
                return Err(refuse(format!("{data_type} has no field {field}")));
            };
            let found = of.iter().find(|(name, _)| name == field);
            let found = found.ok_or_else(|| refuse(format!("there is no field {field}")))?;
            data_type = &found.1;
        }
        let mut name = column.name.clone();
        for field in fields {
            name.push_str("->");
            name.push_str(field);
        }
        let origin = self.origin(column, fields)?;
        let data_type = data_type.clone();
        Ok(self.slot(Slot { origin, data_type, name }))
    }

    fn origin(&self, column: &SchemaColumn, fields: &[&str]) -> Result<Origin, PlanError> {
        let (part, format) = match &column.role {
            Role::Key => (Part::Key, self.source.key_format),
            Role::Value => (Part::Value, self.source.value_format),
            Role::Header(name) => return Ok(Origin::Header(name.clone())),
            Role::WindowStart => return Ok(Origin::Window(Bound::Start)),
            Role::WindowEnd => return Ok(Origin::Window(Bound::End)),
        };
        let mut fields_of_part =
            self.schema.columns.iter().filter(|other| other.role == column.role);
        let alone = fields_of_part.clone().count() == 1;
        let refuse = |why: String| Err(PlanError::Column { column: column.name.clone(), why });
        match format {
            Format::None => {
                refuse("format NONE reads no columns: declare JSON, DELIMITED or KAFKA".to_owned())
            }
            Format::Kafka if !alone => refuse("format KAFKA holds one column".to_owned()),
            Format::Kafka if kafka::has(&column.data_type) => Ok(Origin::Kafka(part)),
            Format::Kafka => refuse(format!("format KAFKA has no {}", column.data_type)),
            Format::Delimited { .. } if !delimited::has(&column.data_type) => {
                refuse(format!("format DELIMITED has no {}", column.data_type))
            }
            Format::Delimited { delimiter } => {
                let of = fields_of_part.clone().count();
                let number = fields_of_part.position(|other| other.name == column.name);
                let number = number.unwrap_or_default();
                Ok(Origin::Delimited { part, field: Field { number, of, delimiter } })
            }
            Format::BareJson if !alone => refuse("a bare JSON value is one column".to_owned()),
            Format::Json | Format::BareJson => {
                // A single key column is the document itself, as ksqlDB has it; a value only if it has no name.
                let bare = format == Format::BareJson
                    || alone && (part == Part::Key || column.name.is_empty());
                let outer = (!bare).then(|| column.name.clone());
                let inner = fields.iter().map(|field| (*field).to_owned());
                Ok(Origin::Json { part, names: outer.into_iter().chain(inner).collect() })
            }
        }
    }

    /// The number of a slot like this one.
    pub(super) fn slot(&mut self, slot: Slot) -> usize {
        if slot.origin != Origin::Computed
            && let Some(at) = self.slots.iter().position(|other| *other == slot)
        {
            return at;
        }
        self.slots.push(slot);
        self.slots.len() - 1
    }

    pub(super) fn slot_of(
        &mut self,
        at: usize,
        current: &[Definition],
    ) -> Result<usize, PlanError> {
        match current.get(at) {
            Some(Definition::Source(index)) => self.source_slot(*index, &[]),
            Some(Definition::Slot(slot)) => Ok(*slot),
            None => Err(PlanError::Column {
                column: format!("number {at}"),
                why: "the node's input has fewer columns".to_owned(),
            }),
        }
    }

    /// The definition of a projected column: a slot that there is, or one that a new step computes.
    pub(super) fn define(
        &mut self,
        expression: &Expression,
        name: &str,
        current: &[Definition],
        steps: &mut Vec<Step>,
    ) -> Result<Definition, PlanError> {
        if let Kind::Column { index, .. } = &expression.kind
            && let Some(definition) = current.get(*index)
        {
            return Ok(definition.clone());
        }
        let expression = self.resolve(expression, current)?;
        if let Kind::Column { index, .. } = expression.kind {
            return Ok(Definition::Slot(index));
        }
        let data_type = expression.data_type.clone();
        let slot = self.slot(Slot { origin: Origin::Computed, data_type, name: name.to_owned() });
        steps.push(Step::Compute { slot, expression });
        Ok(Definition::Slot(slot))
    }

    /// The same expression over slots.
    pub(super) fn resolve(
        &mut self,
        expression: &Expression,
        current: &[Definition],
    ) -> Result<Expression, PlanError> {
        let column = |slot: usize, slots: &[Slot]| Expression {
            kind: Kind::Column { index: slot, name: slots[slot].name.clone() },
            data_type: expression.data_type.clone(),
        };
        match &expression.kind {
            Kind::Column { index, .. } => {
                let slot = self.slot_of(*index, current)?;
                return Ok(column(slot, &self.slots));
            }
            Kind::Pseudo(pseudo) => {
                let (origin, data_type) = (Origin::Pseudo(*pseudo), expression.data_type.clone());
                let slot = self.slot(Slot { origin, data_type, name: expression.to_string() });
                return Ok(column(slot, &self.slots));
            }
            Kind::Field { .. } => {
                if let Some(slot) = self.field_slot(expression, current)? {
                    return Ok(column(slot, &self.slots));
                }
            }
            _ => {}
        }
        let mut resolved = expression.clone();
        let mut failed = None;
        resolved.each_operand_mut(&mut |operand| match self.resolve(operand, current) {
            Ok(done) => *operand = done,
            Err(error) => failed = Some(error),
        });
        failed.map_or(Ok(resolved), Err)
    }

    /// The slot of `column->a->b`, read straight from the text without building the structs.
    fn field_slot(
        &mut self,
        expression: &Expression,
        current: &[Definition],
    ) -> Result<Option<usize>, PlanError> {
        let (mut at, mut fields) = (expression, Vec::new());
        while let Kind::Field { of, name } = &at.kind {
            fields.push(name.as_str());
            at = of;
        }
        fields.reverse();
        let Kind::Column { index, .. } = &at.kind else { return Ok(None) };
        match current.get(*index) {
            Some(Definition::Source(index)) => self.source_slot(*index, &fields).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn written(
        &mut self,
        payload: &Payload,
        schema: &Schema,
        current: &[Definition],
    ) -> Result<Written, PlanError> {
        let Payload::Encoded { format, columns } = payload else { return Ok(Written::Unchanged) };
        let mut written = Vec::with_capacity(columns.len());
        for at in columns {
            let name = schema.columns.get(*at).map_or("", |column| &column.name);
            let slot = self.slot_of(*at, current)?;
            let data_type = &self.slots[slot].data_type;
            let refuse = |why: String| PlanError::Column { column: name.to_owned(), why };
            match format {
                Format::None => return Err(refuse("format NONE writes no columns".to_owned())),
                Format::Kafka if columns.len() > 1 => {
                    return Err(refuse("format KAFKA holds one column: write JSON".to_owned()));
                }
                Format::Kafka if !kafka::has(data_type) => {
                    return Err(refuse(format!("format KAFKA has no {data_type}: write JSON")));
                }
                Format::Delimited { .. } if !delimited::has(data_type) => {
                    return Err(refuse(format!("format DELIMITED has no {data_type}: write JSON")));
                }
                Format::BareJson if columns.len() > 1 => {
                    return Err(refuse("a bare JSON value is one column".to_owned()));
                }
                Format::Kafka | Format::Json | Format::BareJson | Format::Delimited { .. } => {}
            }
            written.push((name.to_owned(), slot));
        }
        Ok(Written::Encoded { format: *format, columns: written })
    }
}
