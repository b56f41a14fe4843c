//! The plan as text: what `kolk explain` prints, from sources down to the sink.

mod stage;
mod state;

pub use stage::Physical;

use crate::topology::{
    Collection, Delivery, EventTime, Node, OffsetReset, OnBadRecord, Operator, Payload, Query,
    Sink, Source, Topology,
};
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

impl Display for Topology {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, query) in self.queries.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{query}")?;
        }
        Ok(())
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "query {}", self.name)?;
        for (depth, node) in self.nodes.iter().enumerate() {
            let indent = "   ".repeat(depth.saturating_sub(1));
            let arrow = if depth == 0 { String::from("  ") } else { format!("  {indent}└─ ") };
            explain_node(f, node, &arrow, &format!("  {}", "   ".repeat(depth)))?;
        }
        Ok(())
    }
}

fn explain_node(f: &mut Formatter<'_>, node: &Node, arrow: &str, indent: &str) -> fmt::Result {
    match &node.operator {
        Operator::Source(source) => {
            let what = match source.collection {
                Collection::Stream => "source",
                Collection::Table => "table",
            };
            writeln!(f, "{arrow}{what} {} from topic {}", source.name, source.topic)?;
            if source.exchange.is_some() {
                return writeln!(f, "{indent}columns     {}", node.schema);
            }
            explain_source(f, source, node, indent)
        }
        Operator::Filter(predicate) => writeln!(f, "{arrow}filter {predicate}"),
        Operator::Project(expressions) => {
            writeln!(f, "{arrow}project")?;
            for (column, expression) in node.schema.columns.iter().zip(expressions) {
                writeln!(f, "{indent}  {} {} = {expression}", column.name, column.data_type)?;
            }
            Ok(())
        }
        Operator::Explode(expressions) => {
            let shown: Vec<String> = expressions.iter().map(ToString::to_string).collect();
            writeln!(f, "{arrow}explode {}", shown.join(", "))
        }
        Operator::Process(process) => state::process(f, process, node, arrow, indent),
        Operator::Merge => writeln!(f, "{arrow}merge"),
        Operator::Aggregate(aggregate) => state::aggregate(f, aggregate, node, arrow, indent),
        Operator::Join(join) => state::join(f, join, node, arrow, indent),
        Operator::ForeignKey(of) => state::foreign_key(f, of, node, arrow, indent),
        Operator::Sink(sink) => {
            if let Some(exchange) = &sink.exchange {
                let keys = exchange.key_names.join(", ");
                return writeln!(f, "{arrow}repartition by {keys} to topic {}", sink.topic);
            }
            match &sink.connector {
                Some(store) => writeln!(f, "{arrow}sink {} to {store}", sink.name)?,
                None => writeln!(f, "{arrow}sink {} to topic {}", sink.name, sink.topic)?,
            }
            explain_sink(f, sink, node, indent)
        }
    }
}

fn explain_source(
    f: &mut Formatter<'_>,
    source: &Source,
    node: &Node,
    indent: &str,
) -> fmt::Result {
    let columns = node.schema.to_string();
    let columns = if columns.is_empty() { "none: bytes pass through" } else { columns.as_str() };
    writeln!(f, "{indent}columns     {columns}")?;
    writeln!(f, "{indent}formats     key {}, value {}", source.key_format, source.value_format)?;
    let time = match &source.event_time {
        EventTime::Record => "the record's time-stamp".to_owned(),
        EventTime::Column { index, format } => {
            let name = node.schema.columns.get(*index).map_or("?", |column| column.name.as_str());
            let format = format.as_ref().map_or(String::new(), |format| format!(" as '{format}'"));
            format!("column {name}{format}")
        }
    };
    writeln!(
        f,
        "{indent}event time  {time}; watermark {} behind it",
        Pretty(source.watermark_delay)
    )?;
    let reset = match source.offset_reset {
        OffsetReset::Earliest => "at the earliest record",
        OffsetReset::Latest => "behind the latest record",
        OffsetReset::None => "nowhere: without a committed offset it stops",
    };
    writeln!(f, "{indent}starts      at the committed offsets, else {reset}")?;
    let bad = match &source.on_bad_record {
        OnBadRecord::Fail => "stops the query".to_owned(),
        OnBadRecord::Skip => "is passed over and counted".to_owned(),
        OnBadRecord::DeadLetter { topic } => format!("goes to topic {topic}"),
    };
    writeln!(f, "{indent}bad record  {bad}")
}

fn explain_sink(f: &mut Formatter<'_>, sink: &Sink, node: &Node, indent: &str) -> fmt::Result {
    let payload = |payload: &Payload| match payload {
        Payload::Unchanged => "bytes unchanged".to_owned(),
        Payload::Encoded { columns, .. } if columns.is_empty() => "none".to_owned(),
        Payload::Encoded { format, columns } => {
            let name =
                |index: &usize| node.schema.columns.get(*index).map_or("?", |c| c.name.as_str());
            let columns: Vec<&str> = columns.iter().map(name).collect();
            format!("{format} of {}", columns.join(", "))
        }
    };
    writeln!(f, "{indent}key         {}", payload(&sink.key))?;
    writeln!(f, "{indent}value       {}", payload(&sink.value))?;
    let column = |index: usize| node.schema.columns.get(index).map_or("?", |c| c.name.as_str());
    let delivery = match &sink.delivery {
        Delivery::Individual { pause } if pause.is_zero() => {
            "one record on its way per partition".to_owned()
        }
        Delivery::Individual { pause } => {
            format!("one record on its way per partition, then a pause of {}", Pretty(*pause))
        }
        Delivery::Batched => "one request on its way per connection".to_owned(),
        Delivery::Idempotent => "numbered batches, five requests on their way".to_owned(),
        Delivery::ExactlyOnce => "rows and input offsets in one transaction".to_owned(),
        Delivery::BinPacked(bins) => format!(
            "bins of one row per {}, ordered by {}, every {} or {} rows; an interval is one transaction",
            column(bins.key),
            column(bins.order_by),
            Pretty(bins.interval),
            bins.rows
        ),
    };
    writeln!(f, "{indent}delivery    {}: {delivery}", sink.delivery.name())?;
    let stamp = match (sink.timestamp, &sink.delivery) {
        (Some(index), _) => format!("column {}", column(index)),
        (None, Delivery::ExactlyOnce) => "the row's time".to_owned(),
        (None, _) => "when a record is handed over".to_owned(),
    };
    writeln!(f, "{indent}time-stamp  {stamp}")
}

/// A duration as people say it.
struct Pretty(Duration);

impl Display for Pretty {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            0 => f.write_str("0 s"),
            _ if ms.is_multiple_of(3_600_000) => write!(f, "{} h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => write!(f, "{} min", ms / 60_000),
            _ if ms.is_multiple_of(1000) => write!(f, "{} s", ms / 1000),
            _ => write!(f, "{ms} ms"),
        }
    }
}
