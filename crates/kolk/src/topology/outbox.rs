//! Rows of a query with state on their way to a store other than Kafka.
//!
//! State, offsets and output of such a query are one Kafka transaction, which the store cannot join. So the rows go to a topic of the
//! application first, the outbox, exactly once; a stage of its own brings them to the store and commits behind what is stored. Rows
//! that pass one by one need no state and no outbox.

use super::{Delivery, Node, Operator, Payload, Query, Sink, Source, Stage};

/// The query up to its outbox, and the stage behind it; `None` when the query needs none.
pub(super) fn split(query: &Query, application: &str) -> Option<(Query, Stage)> {
    let sink = query.sink().filter(|sink| sink.connector.is_some())?;
    if (Stage { query: query.clone(), stores: Vec::new() }).is_plain() {
        return None;
    }
    let topic = format!("{application}-{}-outbox", query.name);
    let mut before = query.clone();
    let last = before.nodes.last_mut()?;
    last.operator = Operator::Sink(Sink {
        topic: topic.clone(),
        // Its reader decides what is not needed any more.
        topic_settings: vec![
            ("cleanup.policy".to_owned(), "delete".to_owned()),
            ("retention.ms".to_owned(), "-1".to_owned()),
        ],
        delivery: Delivery::ExactlyOnce,
        connector: None,
        ..sink.clone()
    });
    let on_bad_record = query.sources().next().map(|(source, _)| source.on_bad_record.clone());
    let mut source = Source::new(&topic);
    source.is_internal = true;
    source.collection = query.collection(query.nodes.len() - 1);
    source.on_bad_record = on_bad_record.unwrap_or(source.on_bad_record);
    let schema = query.nodes.last()?.schema.clone();
    let out = Sink { key: Payload::Unchanged, value: Payload::Unchanged, ..sink.clone() };
    let nodes = vec![
        Node { inputs: Vec::new(), operator: Operator::Source(source), schema: schema.clone() },
        Node { inputs: vec![0], operator: Operator::Sink(out), schema },
    ];
    let name = format!("{}-out", query.name);
    let conventions = query.conventions.clone();
    Some((before, Stage { query: Query { name, nodes, conventions }, stores: Vec::new() }))
}
