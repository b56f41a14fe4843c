//! The physical plan: a query is cut into stages where rows must change partitions, and its state gets names.
//!
//! A [`Stage`] reads topics, keeps state and writes one topic; it has a consumer group of its own, and its task `i` reads partition
//! `i` of each of its inputs. Where an aggregation or a join needs rows together that do not lie together, the stage before it ends in
//! a repartition topic ([`Exchange`]). Names come from the query's name and the place inside the query, so that edits of other
//! statements leave state where it is.

use crate::expression::Kind;
use crate::schema::{DataType, Role, Schema};
use crate::topology::prune::prune;
use crate::topology::{
    Aggregate, Collection, Exchange, ForeignKey, ForeignKeyStep, Format, Join, JoinWith, Node,
    OnBadRecord, Operator, Payload, Query, Sink, Source, Window,
};
use crate::topology::{foreign_key, outbox};
use std::time::Duration;

/// A part of a query between topics.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its nodes; the name is that of the query, for stages before the last one with what they feed.
    pub query: Query,
    /// Its stores, in the order of their nodes.
    pub stores: Vec<StoreSpec>,
}

impl Stage {
    /// Whether its rows pass one after the other, each for itself, from one topic to another: a stream that is filtered and projected, or
    /// a table that is projected. Nothing waits, nothing is remembered.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let is_plain = |node: usize| match &self.query.nodes[node].operator {
            Operator::Source(source) => node == 0 && source.exchange.is_none(),
            Operator::Filter(_) => self.query.collection(node) == Collection::Stream,
            Operator::Project(_) => true,
            Operator::Sink(sink) => sink.exchange.is_none() && sink.window.is_none(),
            _ => false,
        };
        (0..self.query.nodes.len()).all(is_plain)
    }
}

/// A store of a stage; each task has one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSpec {
    /// Its name, unique in the application: `QUERY-aggregate-1`.
    pub name: String,
    /// The node that it belongs to, by position in the stage's query; the stage's own state of time has none.
    pub node: Option<usize>,
    /// For how long entries matter after their event time, where they expire.
    pub retention: Option<Duration>,
}

/// Why a query has no physical plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhysicalError {
    /// The graph is not one of sources that lead to one sink.
    #[error("query {query}: {why}")]
    Graph {
        /// The query.
        query: String,
        /// What is wrong with it.
        why: String,
    },
}

/// How the rows of a node are spread over partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partitioning {
    /// The columns whose values choose the partition.
    columns: Vec<usize>,
    /// How they are written to choose it.
    format: Format,
}

/// Cuts a query into stages; the last one writes the query's sink. `application` is what the names of internal topics begin with.
///
/// # Errors
/// [`PhysicalError`].
pub fn stages(query: &Query, application: &str) -> Result<Vec<Stage>, PhysicalError> {
    check_graph(query)?;
    let query = prune(query);
    if let Some((before, out)) = outbox::split(&query, application) {
        let mut stages = stages(&before, application)?;
        stages.push(out);
        return Ok(stages);
    }
    let query = foreign_key::split(&query)
        .map_err(|why| PhysicalError::Graph { query: query.name.clone(), why })?;
    let cutter = Cutter::new(&query, application);
    let mut stages = Vec::new();
    cutter.stage(query.nodes.len() - 1, query.name.clone(), None, &mut stages);
    Ok(stages)
}

struct Cutter<'a> {
    query: &'a Query,
    application: &'a str,
    /// What each node is called in names of stores and topics: `aggregate-1`.
    labels: Vec<String>,
    /// For each node and input, the exchange that stands before it.
    exchanges: Vec<Vec<Option<Exchange>>>,
}

impl<'a> Cutter<'a> {
    fn new(query: &'a Query, application: &'a str) -> Self {
        let mut cutter = Self { query, application, labels: labels(query), exchanges: Vec::new() };
        let mut partitionings: Vec<Option<Partitioning>> = Vec::new();
        for node in &query.nodes {
            let inputs = node.inputs.iter().map(|input| partitionings[*input].as_ref());
            let inputs: Vec<Option<&Partitioning>> = inputs.collect();
            let exchanges = cutter.exchanges_of(node, &inputs);
            let partitioning = partitioning(node, &inputs, &exchanges);
            cutter.exchanges.push(exchanges);
            partitionings.push(partitioning);
        }
        cutter
    }

    /// The exchanges that a node needs before its inputs.
    fn exchanges_of(&self, node: &Node, inputs: &[Option<&Partitioning>]) -> Vec<Option<Exchange>> {
        let schema = |input: usize| &self.query.nodes[node.inputs[input]].schema;
        match (&node.operator, inputs) {
            (Operator::Aggregate(Aggregate { group_by, .. }), [input]) => {
                let there = input.is_some_and(|there| there.columns == *group_by);
                let key_format = internal_format(group_by, schema(0));
                let (keys, key_names) = (group_by.clone(), names(group_by, schema(0)));
                vec![(!there).then_some(Exchange { keys, key_names, key_format })]
            }
            (Operator::Process(process), [input]) => {
                let keys = &process.keys;
                let there = keys.is_empty() || input.is_some_and(|there| there.columns == *keys);
                let key_format = internal_format(keys, schema(0));
                let (keys, key_names) = (keys.clone(), names(keys, schema(0)));
                vec![(!there).then_some(Exchange { keys, key_names, key_format })]
            }
            (Operator::Join(join), [left, right]) => {
                let keys = [&join.left_key[..], &join.right_key];
                let streams_move = join.with == JoinWith::StreamTable;
                join_exchanges(keys, streams_move, [*left, *right], [schema(0), schema(1)])
            }
            (Operator::ForeignKey(of), inputs) => foreign_key_exchanges(of, inputs, &schema),
            _ => vec![None; inputs.len()],
        }
    }

    /// Adds the stage that ends at `root`, after those that feed it.
    fn stage(&self, root: usize, name: String, exchange: Option<Exchange>, into: &mut Vec<Stage>) {
        let mut part = Part {
            cutter: self,
            nodes: Vec::new(),
            places: vec![None; root + 1],
            before: Vec::new(),
        };
        part.add(root);
        let Part { mut nodes, places, before, .. } = part;
        let stateful: Vec<(usize, usize)> = places
            .iter()
            .enumerate()
            .filter_map(|(logical, place)| place.map(|place| (logical, place)))
            .collect();
        for (input, name, exchange) in before {
            self.stage(input, name, Some(exchange), into);
        }
        if let Some(exchange) = exchange {
            let schema = nodes[nodes.len() - 1].schema.clone();
            let sink = self.exchange_sink(&name, exchange);
            nodes.push(Node {
                inputs: vec![nodes.len() - 1],
                operator: Operator::Sink(sink),
                schema,
            });
        }
        let conventions = self.query.conventions.clone();
        let query = Query { name, nodes, conventions };
        let stores = self.stores(&query, &stateful);
        into.push(Stage { query, stores });
    }

    fn repartition_topic(&self, stage: &str) -> String {
        format!("{}-{stage}-repartition", self.application)
    }

    fn exchange_sink(&self, stage: &str, exchange: Exchange) -> Sink {
        let nothing = Payload::Encoded { format: Format::None, columns: Vec::new() };
        Sink {
            name: stage.to_owned(),
            topic_settings: vec![
                ("cleanup.policy".to_owned(), "delete".to_owned()),
                // Time decides nothing here: the stage that reads it deletes what it has committed.
                ("retention.ms".to_owned(), "-1".to_owned()),
            ],
            key: nothing.clone(),
            value: nothing,
            exchange: Some(exchange),
            ..Sink::new(&self.repartition_topic(stage))
        }
    }

    /// The source that reads what the stage `name` sends.
    fn exchange_source(&self, name: &str, input: usize, exchange: Exchange) -> Source {
        Source {
            name: name.to_owned(),
            collection: self.query.collection(input),
            exchange: Some(exchange),
            on_bad_record: self.on_refused_row(),
            ..Source::new(&self.repartition_topic(name))
        }
    }

    /// What becomes of rows that the sink refuses: as at its sources, none of which may ask to stop.
    fn on_refused_row(&self) -> OnBadRecord {
        let stops = |(source, _): (&Source, _)| source.on_bad_record == OnBadRecord::Fail;
        if self.query.sources().any(stops) { OnBadRecord::Fail } else { OnBadRecord::Skip }
    }

    /// The stores of a stage. `places` pairs nodes of the whole query with those of the stage.
    fn stores(&self, stage: &Query, places: &[(usize, usize)]) -> Vec<StoreSpec> {
        let mut stores = Vec::new();
        for (logical, place) in places {
            let Some(node) = stage.nodes.get(*place) else { continue };
            let base = format!("{}-{}", self.query.name, self.labels[*logical]);
            let mut add = |suffix: &str, retention| {
                let name = format!("{base}{suffix}");
                stores.push(StoreSpec { name, node: Some(*place), retention });
            };
            match &node.operator {
                Operator::Source(source)
                    if source.exchange.is_none() && self.needs_old(*logical) =>
                {
                    add("", None);
                }
                Operator::Aggregate(aggregate) => add("", retention(aggregate)),
                Operator::Process(process) if process.keeps_state => {
                    add("", None);
                    add("-timers", None);
                }
                Operator::Join(Join { with, .. }) => match with {
                    JoinWith::Streams { before, after, grace, .. } => {
                        let keep = Some(*before + *after + *grace);
                        add("-left", keep);
                        add("-right", keep);
                    }
                    JoinWith::StreamTable => add("-right", None),
                    // By a foreign key it is cut into steps.
                    JoinWith::Tables | JoinWith::ForeignKey => {
                        add("-left", None);
                        add("-right", None);
                    }
                },
                Operator::ForeignKey(of) => match of.step {
                    ForeignKeyStep::Ask => add("-asked", None),
                    ForeignKeyStep::Answer => {
                        add("-left", None);
                        add("-right", None);
                    }
                    ForeignKeyStep::Settle => add("-result", None),
                },
                _ => {}
            }
        }
        stores.push(StoreSpec {
            name: format!("{}-time", stage.name),
            node: None,
            retention: None,
        });
        stores
    }

    /// Whether somebody behind this node must know what a row of a table was before: aggregations do, to take it out of its group.
    /// Joins and aggregations know by themselves what they said before.
    fn needs_old(&self, node: usize) -> bool {
        if self.query.collection(node) == Collection::Stream {
            return false;
        }
        let consumers =
            self.query.nodes.iter().enumerate().filter(|(_, of)| of.inputs.contains(&node));
        consumers.into_iter().any(|(number, consumer)| match &consumer.operator {
            Operator::Aggregate(_) => true,
            Operator::Filter(_) | Operator::Project(_) => self.needs_old(number),
            _ => false,
        })
    }
}

/// A stage in the making.
struct Part<'a, 'b> {
    cutter: &'b Cutter<'a>,
    nodes: Vec<Node>,
    /// Where nodes of the whole query stand in the stage.
    places: Vec<Option<usize>>,
    /// The stages that must come before: their last node, name and exchange.
    before: Vec<(usize, String, Exchange)>,
}

impl Part<'_, '_> {
    /// Adds a node behind its inputs; its place.
    fn add(&mut self, node: usize) -> usize {
        if let Some(place) = self.places[node] {
            return place;
        }
        let of = &self.cutter.query.nodes[node];
        let mut inputs = Vec::with_capacity(of.inputs.len());
        for (number, input) in of.inputs.iter().enumerate() {
            let exchange = self.cutter.exchanges[node][number].clone();
            inputs.push(match exchange {
                None => self.add(*input),
                Some(exchange) => self.receive(node, number, *input, exchange),
            });
        }
        self.nodes.push(Node { inputs, ..of.clone() });
        let place = self.nodes.len() - 1;
        self.places[node] = Some(place);
        place
    }

    /// Adds the source that takes the place of an input on the other side of an exchange.
    fn receive(&mut self, node: usize, number: usize, input: usize, exchange: Exchange) -> usize {
        let side = match (&self.cutter.query.nodes[node].operator, number) {
            (Operator::ForeignKey(of), _) if of.step == ForeignKeyStep::Settle => "-answers",
            (Operator::Join(_) | Operator::ForeignKey(_), 0) => "-left",
            (Operator::Join(_) | Operator::ForeignKey(_), _) => "-right",
            _ => "",
        };
        let name = format!("{}-{}{side}", self.cutter.query.name, self.cutter.labels[node]);
        let source = self.cutter.exchange_source(&name, input, exchange.clone());
        let schema = self.cutter.query.nodes[input].schema.clone();
        self.nodes.push(Node { inputs: Vec::new(), operator: Operator::Source(source), schema });
        self.before.push((input, name, exchange));
        self.nodes.len() - 1
    }
}

/// For how long the groups of an aggregation matter; for ever without windows.
fn retention(aggregate: &Aggregate) -> Option<Duration> {
    let windowing = aggregate.windowing.as_ref()?;
    let length = match windowing.window {
        Window::Hopping { size, .. } => size,
        Window::Session { gap } => gap,
        // A session lives as long as rows come.
        Window::Timeout { .. } => return None,
    };
    Some((length + windowing.grace).max(windowing.retention.unwrap_or_default()))
}

/// What columns are called.
fn names(columns: &[usize], schema: &Schema) -> Vec<String> {
    let name =
        |at: &usize| schema.columns.get(*at).map_or(String::new(), |column| column.name.clone());
    columns.iter().map(name).collect()
}

/// The exchanges before a step of a join by foreign key.
fn foreign_key_exchanges<'a>(
    of: &ForeignKey,
    inputs: &[Option<&Partitioning>],
    schema: &impl Fn(usize) -> &'a Schema,
) -> Vec<Option<Exchange>> {
    match (of.step, inputs) {
        (ForeignKeyStep::Answer, [_, right]) => {
            let keys = [&of.left_key[..], &of.right_key];
            join_exchanges(keys, false, [None, *right], [schema(0), schema(1)])
        }
        (ForeignKeyStep::Settle, _) => {
            let keys = of.primary_key.clone();
            let key_format = internal_format(&keys, schema(0));
            vec![Some(Exchange { key_names: names(&keys, schema(0)), keys, key_format })]
        }
        // A table lies by its primary key.
        _ => vec![None; inputs.len()],
    }
}

/// The exchanges before a join on these columns; `streams_move` says whether the left side goes where the right one lies.
fn join_exchanges(
    keys: [&[usize]; 2],
    streams_move: bool,
    inputs: [Option<&Partitioning>; 2],
    schemas: [&Schema; 2],
) -> Vec<Option<Exchange>> {
    let names = [names(keys[0], schemas[0]), names(keys[1], schemas[1])];
    // Objects with other names are other bytes, so their rows lie elsewhere.
    let of_objects = keys[0].len() > 1;
    let lies = |side: usize| {
        let there = inputs[side].filter(|there| there.columns == keys[side])?;
        Some((there.format, if of_objects { &names[side][..] } else { &[] }))
    };
    let exchange = |side: usize, key_format: Format, named: usize| {
        let (keys, key_names) = (keys[side].to_vec(), names[named].clone());
        Some(Exchange { keys, key_names, key_format })
    };
    match (lies(0), lies(1)) {
        (Some(left), Some(right)) if left == right => vec![None, None],
        // A table cannot leave its topic's order of changes; a stream may.
        (Some(_), Some((format, _))) if streams_move => {
            vec![exchange(0, format, 1), None]
        }
        (Some((format, _)), _) => vec![None, exchange(1, format, 0)],
        (None, Some((format, _))) => vec![exchange(0, format, 1), None],
        (None, None) => {
            let format = internal_format(keys[0], schemas[0]);
            vec![exchange(0, format, 0), exchange(1, format, 0)]
        }
    }
}

/// How keys are written where only Kolk reads them.
fn internal_format(keys: &[usize], schema: &Schema) -> Format {
    let data_type = |at: &usize| schema.columns.get(*at).map(|column| &column.data_type);
    match keys {
        [key]
            if matches!(
                data_type(key),
                Some(
                    DataType::Integer
                        | DataType::Bigint
                        | DataType::Double
                        | DataType::String
                        | DataType::Bytes
                )
            ) =>
        {
            Format::Kafka
        }
        _ => Format::Json,
    }
}

/// How the rows of a node are spread, if one can tell.
fn partitioning(
    node: &Node,
    inputs: &[Option<&Partitioning>],
    exchanges: &[Option<Exchange>],
) -> Option<Partitioning> {
    let of_exchange =
        |exchange: &Option<Exchange>| exchange.as_ref().map(|exchange| exchange.key_format);
    match &node.operator {
        Operator::Source(source) => source_partitioning(source, &node.schema),
        Operator::Filter(_) | Operator::Explode(_) | Operator::Sink(_) => {
            inputs.first().copied().flatten().cloned()
        }
        // Code may give anything.
        Operator::Process(_) => None,
        Operator::ForeignKey(of) => {
            let exchange = exchanges[0].as_ref().filter(|_| of.step == ForeignKeyStep::Settle)?;
            let columns = (0..of.primary_key.len()).collect();
            Some(Partitioning { columns, format: exchange.key_format })
        }
        Operator::Merge => {
            let first = inputs.first().copied().flatten()?;
            inputs.iter().all(|input| *input == Some(first)).then(|| first.clone())
        }
        Operator::Project(expressions) => {
            let input = inputs.first().copied().flatten()?;
            let place = |column: &usize| {
                expressions.iter().position(
                    |expression| matches!(&expression.kind, Kind::Column { index, .. } if index == column),
                )
            };
            let columns = input.columns.iter().map(place).collect::<Option<Vec<usize>>>()?;
            Some(Partitioning { columns, format: input.format })
        }
        Operator::Aggregate(aggregate) => {
            let format = of_exchange(&exchanges[0]).or(inputs[0].map(|input| input.format))?;
            Some(Partitioning { columns: (0..aggregate.group_by.len()).collect(), format })
        }
        Operator::Join(join) => {
            let format = of_exchange(&exchanges[0]).or(inputs[0].map(|input| input.format))?;
            Some(Partitioning { columns: (0..join.left_key.len()).collect(), format })
        }
    }
}

fn source_partitioning(source: &Source, schema: &Schema) -> Option<Partitioning> {
    let columns = schema.columns.iter().enumerate();
    let keys: Vec<usize> =
        columns.filter(|(_, column)| column.role == Role::Key).map(|(at, _)| at).collect();
    if source.window.is_some() {
        // The window's bytes choose the partition too.
        return None;
    }
    if !keys.is_empty() && source.key_format != Format::None {
        return Some(Partitioning { columns: keys, format: source.key_format });
    }
    source.key_column.map(|column| Partitioning { columns: vec![column], format: Format::Kafka })
}

/// What nodes are called: their kind and number among their kind.
fn labels(query: &Query) -> Vec<String> {
    let mut counts = [0_usize; 4];
    let labels = query.nodes.iter().map(|node| {
        let (kind, name) = match &node.operator {
            Operator::Aggregate(_) => (0, "aggregate"),
            // The steps of one join share its number.
            Operator::ForeignKey(of) if of.step != ForeignKeyStep::Ask => {
                return format!("join-{}", counts[1]);
            }
            Operator::Join(_) | Operator::ForeignKey(_) => (1, "join"),
            Operator::Source(_) => (2, "table"),
            Operator::Process(process) if process.keeps_state => (3, "process"),
            _ => return String::new(),
        };
        counts[kind] += 1;
        format!("{name}-{}", counts[kind])
    });
    labels.collect()
}

fn check_graph(query: &Query) -> Result<(), PhysicalError> {
    let refuse =
        |why: &str| Err(PhysicalError::Graph { query: query.name.clone(), why: why.to_owned() });
    if query.sink().is_none() {
        return refuse("its last node is no sink");
    }
    for (number, node) in query.nodes.iter().enumerate() {
        if node.inputs.iter().any(|input| *input >= number) {
            return refuse("a node stands before its input");
        }
        let fits = match &node.operator {
            Operator::Source(_) => node.inputs.is_empty(),
            Operator::Merge => !node.inputs.is_empty(),
            Operator::Join(join) => {
                node.inputs.len() == 2 && join.left_key.len() == join.right_key.len()
            }
            _ => node.inputs.len() == 1,
        };
        if !fits {
            return refuse("a node has too few or too many inputs");
        }
        let known = |input: usize, columns: &[usize]| {
            let count = query.nodes[node.inputs[input]].schema.columns.len();
            columns.iter().all(|column| *column < count)
        };
        let named = match &node.operator {
            Operator::Aggregate(aggregate) => {
                known(0, &aggregate.group_by)
                    && aggregate.calls.iter().all(|call| known(0, &call.arguments))
            }
            Operator::Join(join) => known(0, &join.left_key) && known(1, &join.right_key),
            _ => true,
        };
        if !named {
            return refuse("a node names a column that its input does not have");
        }
    }
    super::origins::check(query).or_else(refuse)
}
