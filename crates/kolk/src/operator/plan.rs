//! A query as steps over numbered columns: which fields are read, what is computed in which order, what is written.

use crate::expression::{Expression, Pseudo};
use crate::operator::PlanError;
use crate::operator::evaluate::mark_columns;
use crate::operator::planner::{Definition, Planner};
use crate::schema::{DataType, Schema};
use crate::topology::{
    BinPacking, Collection, Delivery, Format, KeyWindow, Operator, Query, Sink, Source,
};

/// Where the values of a column come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// The fields of these names, from the outside in, of the record's key or value, which is JSON. Without names: the
    /// document itself.
    Json { part: Part, names: Vec<String> },
    /// A field of the key or value, which is text with delimiters.
    Delimited { part: Part, field: Field },
    /// The whole key or value, as Kafka's serializers write it.
    Kafka(Part),
    /// The last header of this name, or all of them.
    Header(Option<String>),
    /// What every record has.
    Pseudo(Pseudo),
    /// A bound of the window behind the key's own bytes.
    Window(Bound),
    /// A step computes it.
    Computed,
}

/// A field of a text with delimiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// Which, from 0.
    pub(crate) number: usize,
    /// How many there are.
    pub(crate) of: usize,
    /// What stands between them.
    pub(crate) delimiter: char,
}

/// A bound of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Start,
    End,
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
    /// Whether the source's records are facts or the rows of a table.
    pub(crate) collection: Collection,
    /// How the windows of keys are written that are read, if there are any.
    pub(crate) window: Option<KeyWindow>,
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
            // The chain holds nothing else.
            _ => {}
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
        collection: chain.source.collection,
        window: chain.source.window,
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

    /// The columns of the output's value, in order.
    pub(crate) fn value_slots(&self) -> impl Iterator<Item = usize> {
        let columns = match &self.value {
            Written::Unchanged => &[][..],
            Written::Encoded { columns, .. } => columns,
        };
        columns.iter().map(|(_, slot)| *slot)
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
        match &node.operator {
            Operator::Filter(_) | Operator::Project(_) => {
                steps.push((&node.operator, &node.schema));
            }
            Operator::Source(_) | Operator::Sink(_) => {}
            _ => return Err(graph("this pipeline filters and projects only")),
        }
        output.get_or_insert(&query.nodes[input].schema);
        at = input;
    }
}
