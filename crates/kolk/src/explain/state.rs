//! Operators with state as text: what is grouped or joined, and what bounds the state.

use super::Pretty;
use crate::topology::{
    Aggregate, Emit, ForeignKey, ForeignKeyStep, Join, JoinWith, Late, Node, Process, Unmatched,
    Window, Windowing,
};
use std::fmt::{self, Formatter};

pub(super) fn aggregate(
    f: &mut Formatter<'_>,
    aggregate: &Aggregate,
    node: &Node,
    arrow: &str,
    indent: &str,
) -> fmt::Result {
    let Aggregate { group_by, windowing, calls, emit, late } = aggregate;
    let mut columns = node.schema.columns.iter();
    let keys: Vec<&str> =
        columns.by_ref().take(group_by.len()).map(|key| key.name.as_str()).collect();
    writeln!(f, "{arrow}group by {}", keys.join(", "))?;
    let results = node.schema.columns.iter().rev().take(calls.len()).rev();
    for (column, call) in results.zip(calls) {
        writeln!(f, "{indent}  {} {} = {}", column.name, column.data_type, call.function)?;
    }
    if let Some(windowing) = windowing {
        writeln!(f, "{indent}windows     {}", window(windowing))?;
    }
    let emit = match emit {
        Emit::Changes => "every change",
        Emit::Final => "once, when the window has closed",
    };
    writeln!(f, "{indent}results     {emit}")?;
    let bound = match windowing {
        None => "one entry for each group, for ever".to_owned(),
        Some(Windowing { window: Window::Timeout { .. }, .. }) => {
            "one entry for each open session".to_owned()
        }
        Some(Windowing { grace, retention, .. }) => {
            let kept =
                retention.map_or(String::new(), |kept| format!(", kept {} at least", Pretty(kept)));
            format!(
                "one entry for each group and window, until {} after its end{kept}",
                Pretty(*grace)
            )
        }
    };
    writeln!(f, "{indent}state       {bound}")?;
    late_rows(f, late, indent)
}

fn window(windowing: &Windowing) -> String {
    let grace = Pretty(windowing.grace);
    match windowing.window {
        Window::Hopping { size, advance } if size == advance => {
            format!("tumbling, {} each; grace {grace}", Pretty(size))
        }
        Window::Hopping { size, advance } => {
            format!("hopping, {} each, one every {}; grace {grace}", Pretty(size), Pretty(advance))
        }
        Window::Session { gap } => {
            format!("sessions with gaps of at most {}; grace {grace}", Pretty(gap))
        }
        Window::Timeout { timeout } => {
            format!("sessions, each row waits {} from the watermark that it met", Pretty(timeout))
        }
    }
}

pub(super) fn join(
    f: &mut Formatter<'_>,
    join: &Join,
    node: &Node,
    arrow: &str,
    indent: &str,
) -> fmt::Result {
    let of =
        node.inputs.iter().map(|input| format!("#{input}")).collect::<Vec<String>>().join(" and ");
    let keys: Vec<&str> =
        node.schema.columns.iter().take(join.left_key.len()).map(|key| key.name.as_str()).collect();
    writeln!(f, "{arrow}{} join of {of} by {}", join.kind.name(), keys.join(", "))?;
    let state = match &join.with {
        JoinWith::Streams { before, after, grace, unmatched } => {
            let (before, after, grace) = (Pretty(*before), Pretty(*after), Pretty(*grace));
            writeln!(
                f,
                "{indent}partners    from {before} before to {after} after the left row; grace {grace}"
            )?;
            let unmatched = match unmatched {
                Unmatched::WhenPassed => "once, when the bound has passed",
                Unmatched::Eagerly => "at once, and again when matched",
            };
            writeln!(f, "{indent}unmatched   {unmatched}")?;
            "rows of both sides, until the bound has passed"
        }
        JoinWith::StreamTable => "the table's rows, for ever",
        JoinWith::Tables => "the rows of both tables, for ever",
        JoinWith::ForeignKey => "the rows of both tables, for ever",
    };
    writeln!(f, "{indent}state       {state}")?;
    late_rows(f, &join.late, indent)
}

pub(super) fn foreign_key(
    f: &mut Formatter<'_>,
    of: &ForeignKey,
    node: &Node,
    arrow: &str,
    indent: &str,
) -> fmt::Result {
    let names = |columns: &[usize]| {
        let name = |at: &usize| node.schema.columns.get(*at).map(|column| column.name.as_str());
        columns.iter().filter_map(name).collect::<Vec<&str>>().join(", ")
    };
    let kind = of.kind.name();
    let state = match of.step {
        ForeignKeyStep::Ask => {
            writeln!(f, "{arrow}ask for the rows that {} names", names(&of.left_key))?;
            "primary and foreign key of each left row, for ever"
        }
        ForeignKeyStep::Answer => {
            let [left, right] = [0, 1].map(|input| node.inputs.get(input).copied());
            let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
            let keys = names(&of.left_key);
            writeln!(f, "{arrow}answer #{left} by {keys}, the primary key of #{right}")?;
            "the rows of both tables, for ever"
        }
        ForeignKeyStep::Settle => {
            let keys: Vec<usize> = (0..of.primary_key.len()).collect();
            writeln!(f, "{arrow}{kind} join by a foreign key: settle by {}", names(&keys))?;
            "the rows of the result, for ever; of rows that are gone, until all answers have come"
        }
    };
    writeln!(f, "{indent}state       {state}")
}

pub(super) fn process(
    f: &mut Formatter<'_>,
    process: &Process,
    node: &Node,
    arrow: &str,
    indent: &str,
) -> fmt::Result {
    writeln!(f, "{arrow}process {}: {}", process.name, node.schema)?;
    let state = match process.keeps_state {
        true => "what its code keeps, until it forgets it; timers until they are due",
        false => "none: code of one's own, row by row",
    };
    writeln!(f, "{indent}state       {state}")
}

fn late_rows(f: &mut Formatter<'_>, late: &Late, indent: &str) -> fmt::Result {
    match late {
        Late::Skip => Ok(()),
        Late::Topic(topic) => writeln!(f, "{indent}late rows   go to topic {topic}"),
    }
}
