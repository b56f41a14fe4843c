//! A query as steps over numbered columns: which fields are read, what is computed in which order, what is written.

use crate::expression::{Expression, Kind, Pseudo};
use crate::operator::PlanError;
use crate::operator::evaluate::mark_columns;
use crate::schema::{Column as SchemaColumn, DataType, Role, Schema};
use crate::topology::{
    BinPacking, Delivery, EventTime, Format, Operator, Payload, Query, Sink, Source,
};

/// Where the values of a column come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// The fields of these names, from the outside in, of the record's key or value, which is JSON. Without names: the
    /// document itself.
    Json { part: Part, names: Vec<String> },
    /// The whole key or value, as Kafka's serializers write it.
    Kafka(Part),
    /// The last header of this name, or all of them.
    Header(Option<String>),
    /// What every record has.
    Pseudo(Pseudo),
    /// A step computes it.
    Computed,
}

/// A part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Value,
}

/// A numbered column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    pub(crate) origin: Origin,
    pub(crate) data_type: DataType,
    /// Its name, for messages.
    pub(crate) name: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Only rows for which it is true go on.
    Filter(Expression),
    /// Computes a column.
    Compute { slot: usize, expression: Expression },
}

/// The event time's column and the format of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventTimeColumn {
    pub(crate) slot: usize,
    pub(crate) format: Option<String>,
}

/// Key or value of the output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    Unchanged,
    /// Columns with the names that they have in the output.
    Encoded {
        format: Format,
        columns: Vec<(String, usize)>,
    },
}

/// The columns of bin-packed delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BinColumns {
    pub(crate) key: usize,
    pub(crate) order_by: usize,
}

/// A query, resolved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) slots: Vec<Slot>,
    pub(crate) steps: Vec<Step>,
    /// For each step the slots that nothing behind it decodes or computes with: their columns need not be kept.
    pub(crate) last_read: Vec<Vec<usize>>,
    pub(crate) event_time: Option<EventTimeColumn>,
    pub(crate) key: Written,
    pub(crate) value: Written,
    /// The column that gives the output record's time-stamp.
    pub(crate) timestamp: Option<usize>,
    pub(crate) bins: Option<BinColumns>,
    /// The column whose text the record's key must be.
    pub(crate) key_text: Option<usize>,
}

/// Resolves a query.
pub(crate) fn plan(query: &Query) -> Result<Plan, PlanError> {
    let chain = chain(query)?;
    let mut planner = Planner { source: chain.source, schema: chain.schema, slots: Vec::new() };
    let event_time = planner.event_time()?;
    let columns = chain.schema.columns.len();
    let mut current: Vec<Definition> = (0..columns).map(Definition::Source).collect();
    let mut steps = Vec::new();
    for (operator, schema) in chain.steps {
        match operator {
            Operator::Filter(predicate) => {
                steps.push(Step::Filter(planner.resolve(predicate, &current)?));
            }
            Operator::Project(expressions) => {
                let mut next = Vec::with_capacity(expressions.len());
                for (i, expression) in expressions.iter().enumerate() {
                    let name = schema.columns.get(i).map_or("", |column| &column.name);
                    next.push(planner.define(expression, name, &current, &mut steps)?);
                }
                current = next;
            }
            Operator::Source(_) | Operator::Sink(_) => {}
        }
    }
    let sink = chain.sink;
    let key = planner.written(&sink.key, chain.output, &current)?;
    let value = planner.written(&sink.value, chain.output, &current)?;
    let timestamp = sink.timestamp.map(|at| planner.slot_of(at, &current)).transpose()?;
    let bins = match &sink.delivery {
        Delivery::BinPacked(BinPacking { key, order_by, .. }) => Some(BinColumns {
            key: planner.slot_of(*key, &current)?,
            order_by: planner.slot_of(*order_by, &current)?,
        }),
        _ => None,
    };
    // Only there does it matter in which partition a row lies.
    let key_column = chain.source.key_column.filter(|_| bins.is_some());
    let key_text = key_column.map(|at| planner.source_slot(at, &[])).transpose()?;
    let slots = planner.slots;
    let mut plan = Plan {
        slots,
        steps,
        last_read: Vec::new(),
        event_time,
        key,
        value,
        timestamp,
        bins,
        key_text,
    };
    plan.drop_unused();
    Ok(plan)
}

impl Plan {
    /// Which columns the output takes.
    pub(crate) fn written_slots(&self) -> impl Iterator<Item = usize> {
        let of = |written: &Written| match written {
            Written::Unchanged => Vec::new(),
            Written::Encoded { columns, .. } => columns.iter().map(|(_, slot)| *slot).collect(),
        };
        let bins = self.bins.map(|bins| [bins.key, bins.order_by]).into_iter().flatten();
        let mut all = of(&self.key);
        all.extend(of(&self.value));
        all.extend(self.timestamp);
        all.extend(self.key_text);
        all.extend(bins);
        all.into_iter()
    }

    /// Takes out steps that compute what nobody reads.
    fn drop_unused(&mut self) {
        let mut used = vec![false; self.slots.len()];
        for slot in self.written_slots() {
            used[slot] = true;
        }
        let mut kept = Vec::with_capacity(self.steps.len());
        while let Some(step) = self.steps.pop() {
            match &step {
                Step::Filter(expression) => mark_columns(expression, &mut used),
                Step::Compute { slot, .. } if !used[*slot] => continue,
                Step::Compute { expression, .. } => mark_columns(expression, &mut used),
            }
            kept.push(step);
        }
        kept.reverse();
        self.steps = kept;
    }

    /// The slots that a step is the last to read.
    pub(crate) fn last_read_by(&self, step: usize) -> &[usize] {
        self.last_read.get(step).map_or(&[], Vec::as_slice)
    }

    /// Notes which slots are not read any more behind each step; `written` are those that the output decodes.
    pub(crate) fn note_last_reads(&mut self, written: &[usize]) {
        let mut live = vec![false; self.slots.len()];
        written.iter().for_each(|slot| live[*slot] = true);
        self.last_read = vec![Vec::new(); self.steps.len()];
        for (step, last_read) in self.steps.iter().zip(&mut self.last_read).rev() {
            last_read.extend((0..live.len()).filter(|slot| !live[*slot]));
            let (Step::Filter(expression) | Step::Compute { expression, .. }) = step;
            mark_columns(expression, &mut live);
        }
    }
}

/// What a column of the schema at hand is.
#[derive(Debug, Clone)]
enum Definition {
    /// A column of the source that may not be read at all.
    Source(usize),
    Slot(usize),
}

/// A query's nodes, from source to sink.
struct Chain<'a> {
    source: &'a Source,
    schema: &'a Schema,
    steps: Vec<(&'a Operator, &'a Schema)>,
    sink: &'a Sink,
    /// The schema of the sink's input.
    output: &'a Schema,
}

fn chain(query: &Query) -> Result<Chain<'_>, PlanError> {
    let graph = |why: &str| PlanError::Graph { query: query.name.clone(), why: why.to_owned() };
    let sink = query.sink().ok_or_else(|| graph("its last node is no sink"))?;
    let mut at = query.nodes.len() - 1;
    let mut steps = Vec::new();
    let mut output = None;
    loop {
        let node = &query.nodes[at];
        if let Operator::Source(source) = &node.operator {
            steps.reverse();
            let output = output.unwrap_or(&node.schema);
            return Ok(Chain { source, schema: &node.schema, steps, sink, output });
        }
        let [input] = *node.inputs else {
            return Err(graph("a filter, projection or sink needs exactly one input"));
        };
        if input >= at {
            return Err(graph("a node stands before its input"));
        }
        if let Operator::Filter(_) | Operator::Project(_) = &node.operator {
            steps.push((&node.operator, &node.schema));
        }
        output.get_or_insert(&query.nodes[input].schema);
        at = input;
    }
}

struct Planner<'a> {
    source: &'a Source,
    schema: &'a Schema,
    slots: Vec<Slot>,
}

impl Planner<'_> {
    fn event_time(&mut self) -> Result<Option<EventTimeColumn>, PlanError> {
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
    fn source_slot(&mut self, index: usize, fields: &[&str]) -> Result<usize, PlanError> {
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
        };
        let alone =
            self.schema.columns.iter().filter(|other| other.role == column.role).count() == 1;
        let refuse = |why: String| Err(PlanError::Column { column: column.name.clone(), why });
        match format {
            Format::None => {
                refuse("format NONE reads no columns: declare JSON or KAFKA".to_owned())
            }
            Format::Kafka if !alone => refuse("format KAFKA holds one column".to_owned()),
            Format::Kafka => match &column.data_type {
                DataType::Integer
                | DataType::Bigint
                | DataType::Double
                | DataType::String
                | DataType::Bytes
                | DataType::Boolean => Ok(Origin::Kafka(part)),
                other => refuse(format!("format KAFKA has no {other}")),
            },
            Format::Json => {
                // A single key column is the document itself, as ksqlDB has it; a value only if it has no name.
                let bare = alone && (part == Part::Key || column.name.is_empty());
                let outer = (!bare).then(|| column.name.clone());
                let inner = fields.iter().map(|field| (*field).to_owned());
                Ok(Origin::Json { part, names: outer.into_iter().chain(inner).collect() })
            }
        }
    }

    /// The number of a slot like this one.
    fn slot(&mut self, slot: Slot) -> usize {
        if slot.origin != Origin::Computed
            && let Some(at) = self.slots.iter().position(|other| *other == slot)
        {
            return at;
        }
        self.slots.push(slot);
        self.slots.len() - 1
    }

    fn slot_of(&mut self, at: usize, current: &[Definition]) -> Result<usize, PlanError> {
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
    fn define(
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
    fn resolve(
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
        each_operand_mut(&mut resolved, &mut |operand| match self.resolve(operand, current) {
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

    fn written(
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
                Format::Kafka if !is_kafka_type(data_type) => {
                    return Err(refuse(format!("format KAFKA has no {data_type}: write JSON")));
                }
                Format::Kafka | Format::Json => {}
            }
            written.push((name.to_owned(), slot));
        }
        Ok(Written::Encoded { format: *format, columns: written })
    }
}

fn is_kafka_type(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(data_type, T::Integer | T::Bigint | T::Double | T::String | T::Bytes | T::Boolean)
}

/// Calls `visit` with each direct operand.
pub(crate) fn each_operand_mut(
    expression: &mut Expression,
    visit: &mut impl FnMut(&mut Expression),
) {
    match &mut expression.kind {
        Kind::Column { .. } | Kind::Pseudo(_) | Kind::Literal(_) => {}
        Kind::Field { of: operand, .. }
        | Kind::Unary { operand, .. }
        | Kind::Cast(operand)
        | Kind::IsNull(operand) => visit(operand),
        Kind::Element { of: left, index: right }
        | Kind::Binary { left, right, .. }
        | Kind::Like { value: left, pattern: right, .. } => {
            visit(left);
            visit(right);
        }
        Kind::Case { branches, otherwise } => {
            for (when, then) in branches {
                visit(when);
                visit(then);
            }
            otherwise.iter_mut().for_each(|otherwise| visit(otherwise));
        }
        Kind::In { value, list } => {
            visit(value);
            list.iter_mut().for_each(visit);
        }
        Kind::Call { arguments, .. } => arguments.iter_mut().for_each(visit),
    }
}
