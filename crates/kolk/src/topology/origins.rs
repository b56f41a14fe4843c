//! Which rows are known by the record that they came from: sessions with a time-out take their id from it.
//!
//! Checked on the whole query, before it is cut: behind a repartition topic every row looks as if it came from a record.

use super::{Operator, Query, Window};

const NO_ORIGINS: &str = "sessions with a time-out take their id from the place of their first record, which rows behind \
    a join or another aggregation do not have: group the topic's own rows, or write the join's result to a topic and group that";

/// Refuses sessions with a time-out of rows that no record stands for: their ids would be others when the topic is read again.
pub(super) fn check(query: &Query) -> Result<(), &'static str> {
    let lacks = query.nodes.iter().any(|node| match &node.operator {
        Operator::Aggregate(aggregate) => {
            let window = aggregate.windowing.as_ref().map(|windowing| windowing.window);
            matches!(window, Some(Window::Timeout { .. })) && !has_origins(query, node.inputs[0])
        }
        _ => false,
    });
    if lacks { Err(NO_ORIGINS) } else { Ok(()) }
}

/// Whether the rows of a node are known by the record that they came from.
pub(super) fn has_origins(query: &Query, node: usize) -> bool {
    let of = &query.nodes[node];
    match &of.operator {
        Operator::Source(_) => true,
        Operator::Filter(_) | Operator::Project(_) | Operator::Explode(_) | Operator::Merge => {
            of.inputs.iter().all(|input| has_origins(query, *input))
        }
        Operator::Process(process) => {
            !process.keeps_state && of.inputs.iter().all(|input| has_origins(query, *input))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dsl::{Program, Windows, Within};
    use crate::schema::DataType::String as Text;
    use crate::testing::TestDriver;
    use std::time::Duration;

    #[test]
    fn sessions_by_time_out_behind_a_join_are_refused_also_behind_a_repartition() {
        for by in ["page", "user"] {
            let program = Program::new();
            let columns = || [("page", Text), ("user", Text)];
            let [a, b] = ["a", "b"].map(|topic| program.stream(topic, columns()).named(topic));
            a.join(b, Within::between(Duration::ZERO, Duration::from_secs(1)))
                .on(&[("page", "page")])
                .select([("page", crate::dsl::col("a.page")), ("user", crate::dsl::col("a.user"))])
                .group_by([by])
                .windowed_by(Windows::timeout(Duration::from_secs(5)))
                .count()
                .to("out");
            let error = TestDriver::new(&program.build().unwrap()).unwrap_err().to_string();
            assert!(error.contains("write the join's result to a topic"), "{by}: {error}");
        }
    }
}
