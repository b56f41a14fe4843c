//! WINDOW: how rows are put into windows, and what of a window can be named.

use super::Planner;
use super::from::{Reading, dead_letter_topic};
use super::rows::Rows;
use crate::ast;
use crate::error::{Problem, Result};
use crate::resolve::{Relation, SESSION_ID, Visible, WINDOW_END, WINDOW_START};
use kolk::schema::{DataType, Role};
use kolk::topology::{Late, Window, Windowing};
use std::time::Duration;

impl Planner<'_> {
    /// What becomes of late rows.
    pub(super) fn late(&self, reading: &Reading, rows: &Rows) -> Late {
        match reading.late.as_deref().unwrap_or(&self.settings.late) {
            "skip" => Late::Skip,
            "dead_letter" => Late::Topic(dead_letter_topic(rows.first(), reading)),
            topic => Late::Topic(topic.to_owned()),
        }
    }
}

/// The windows that a clause describes; `grace` where it says nothing of it.
pub(super) fn windowing(window: &ast::Window, grace: Duration) -> Result<Windowing> {
    let positive = |length: ast::Length| {
        if length.duration.is_zero() {
            return Err(Problem::new(length.span, "a window of no length holds no rows", "zero"));
        }
        Ok(length.duration)
    };
    let kind = match &window.kind {
        ast::WindowKind::Tumbling { size } => {
            let size = positive(*size)?;
            Window::Hopping { size, advance: size }
        }
        ast::WindowKind::Hopping { size, advance } => {
            let (length, step) = (positive(*size)?, positive(*advance)?);
            if step > length {
                let message = "windows that advance by more than their size leave rows out";
                return Err(Problem::new(advance.span, message, "more than the size")
                    .label(size.span, "the size"));
            }
            Window::Hopping { size: length, advance: step }
        }
        ast::WindowKind::Session { gap } => Window::Session { gap: gap.duration },
        ast::WindowKind::Timeout { timeout } => Window::Timeout { timeout: positive(*timeout)? },
    };
    check_retention(window, &kind)?;
    Ok(Windowing {
        window: kind,
        grace: window.grace.map_or(grace, |grace| grace.duration),
        retention: window.retention.map(|retention| retention.duration),
    })
}

/// A window is kept at least until it closes.
fn check_retention(window: &ast::Window, kind: &Window) -> Result<()> {
    let Some(retention) = window.retention else { return Ok(()) };
    let length = match kind {
        Window::Hopping { size: length, .. }
        | Window::Session { gap: length }
        | Window::Timeout { timeout: length } => *length,
    };
    let open = length + window.grace.map_or(Duration::ZERO, |grace| grace.duration);
    if retention.duration >= open {
        return Ok(());
    }
    let message = "RETENTION is shorter than a window is open: its size and the GRACE PERIOD";
    let ms = open.as_millis();
    Err(Problem::new(retention.span, message, "too short")
        .help(format!("at least {ms} MILLISECONDS")))
}

/// The columns that windows add behind those of the group, in the order in which the engine gives them: names, types, roles.
pub(super) fn window_columns(window: &Window) -> Vec<(&'static str, Role)> {
    let mut columns = vec![(WINDOW_START, Role::WindowStart), (WINDOW_END, Role::WindowEnd)];
    if matches!(window, Window::Timeout { .. }) {
        columns.insert(0, (SESSION_ID, Role::Key));
    }
    columns
}

/// The same relations with the columns of the windows, which stand at `first` and behind it.
pub(super) fn with_window(relations: &[Relation], window: &Window, first: usize) -> Vec<Relation> {
    let mut relations = relations.to_vec();
    let columns =
        window_columns(window).into_iter().enumerate().map(|(at, (name, role))| Visible {
            name: name.to_owned(),
            data_type: DataType::Bigint,
            // Like a bound of the window, the session's id does not belong to `*`.
            role: if role == Role::Key { Role::WindowStart } else { role },
            index: first + at,
        });
    if let Some(own) = relations.first_mut().and_then(|relation| relation.columns.as_mut()) {
        // In front: a window of the input has the same names.
        own.splice(0..0, columns);
    }
    relations
}
