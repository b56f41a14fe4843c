//! The output topic as the options describe it: time-stamp, delivery order, bins.

use super::declaration::{named_column, timestamp_format};
use crate::ast::Text;
use crate::error::{Problem, Result};
use crate::options::Options;
use crate::parser::parse_expression;
use crate::resolve::Visible;
use crate::settings::{Processing, Settings};
use crate::source::Span;
use crate::typing::{Typing, is_null};
use kolk::expression::{Expression, Function, Kind, Literal};
use kolk::schema::DataType;
use kolk::topology::{Delivery, Payload, Sink};
use std::time::Duration;

/// How long rows are collected when `bin_interval` does not say it.
const BIN_INTERVAL: Duration = Duration::from_secs(20);

/// How many rows are collected at most when `bin_rows` does not say it.
const BIN_ROWS: usize = 100_000;

/// The delivery that the options ask for; bins still by expressions over the visible columns.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Everything but bins.
    Plain(Delivery),
    /// `bin_packed`.
    Bins(Bins),
}

/// What `bin_packed` is told.
#[derive(Debug)]
pub(super) struct Bins {
    /// Position of the column among the visible ones.
    pub(super) key: usize,
    /// Where `bin_key` is given.
    pub(super) key_span: Span,
    /// Over the visible columns.
    pub(super) order_by: Expression,
    /// The text of `order_by`, for the repartitioned stream.
    pub(super) order_by_text: Text,
    pub(super) interval: Duration,
    pub(super) rows: usize,
    pub(super) header: Option<String>,
}

/// Reads the delivery options; `typing` knows the visible columns.
pub(super) fn delivery(
    options: &Options,
    settings: &Settings,
    typing: Typing<'_>,
) -> Result<Wanted> {
    let word = options.text("delivery");
    let processing = options.text("processing");
    let at_least_once = match &processing {
        Some(word) => word.text == "at_least_once",
        None => settings.processing == Processing::AtLeastOnce,
    };
    let default = if at_least_once { "idempotent" } else { "exactly_once" };
    let mode = word.as_ref().map_or(default, |word| word.text.as_str());
    options.check_delivery(mode)?;
    let transactional = matches!(mode, "exactly_once" | "bin_packed");
    if let (Some(processing), true) = (&processing, at_least_once && transactional) {
        let message =
            format!("delivery='{mode}' writes in transactions, which process exactly once");
        return Err(Problem::new(processing.span, message, "asks for less")
            .help("leave out processing, or choose delivery='idempotent'"));
    }
    if let (Some(processing), false) = (&processing, at_least_once || transactional) {
        let message = format!(
            "delivery='{mode}' may repeat rows after a crash, so it cannot process exactly once"
        );
        return Err(Problem::new(processing.span, message, "asks for more")
            .help("choose delivery='exactly_once', or processing='at_least_once'"));
    }
    Ok(Wanted::Plain(match mode {
        "individual" => {
            Delivery::Individual { pause: options.duration("delivery_pause").unwrap_or_default() }
        }
        "batched" => Delivery::Batched,
        "idempotent" => Delivery::Idempotent,
        "bin_packed" => return Ok(Wanted::Bins(bins(options, typing, word.as_ref())?)),
        _ => Delivery::ExactlyOnce,
    }))
}

fn bins(options: &Options, typing: Typing<'_>, delivery: Option<&Text>) -> Result<Bins> {
    let required = |name: &str, example: &str| {
        options.text(name).ok_or_else(|| {
            let span = delivery.map_or_else(Span::default, |delivery| delivery.span);
            let message = format!("delivery='bin_packed' needs {name}");
            Problem::new(span, message, "asked for here").help(format!("add {name}='{example}'"))
        })
    };
    let key = required("bin_key", "visit_id")?;
    let order_by = required("bin_order_by", "event_time")?;
    let Visible { index: position, data_type, .. } = named_column(&key, typing.scope)?;
    if matches!(data_type, DataType::Array(_) | DataType::Map(..) | DataType::Struct(_)) {
        let message = format!("{} is {data_type}; a bin key is one simple value", key.text);
        return Err(Problem::new(key.span, message, "choose another column"));
    }
    let expression = expression(&order_by, typing)?;
    let interval = options.duration("bin_interval").unwrap_or(BIN_INTERVAL);
    if interval.is_zero() {
        let span = options.span("bin_interval").unwrap_or_default();
        return Err(Problem::new(span, "an interval of no length collects no rows", "zero"));
    }
    let rows = options.number("bin_rows").and_then(|rows| usize::try_from(rows).ok());
    Ok(Bins {
        key: position,
        key_span: key.span,
        order_by: expression,
        order_by_text: order_by,
        interval,
        rows: rows.unwrap_or(BIN_ROWS),
        header: options.text("bin_header").map(|header| header.text),
    })
}

/// An option that holds an expression, typed, something with an order.
pub(super) fn expression(option: &Text, typing: Typing<'_>) -> Result<Expression> {
    let typed = parse_expression(&option.text).and_then(|expr| typing.expression(&expr));
    // Places in the text of the option become places in the statement: one byte on, for the quote.
    let expression = typed.map_err(|mut problem| {
        let plain = option.text.len() + 2 == option.span.len();
        for label in &mut problem.labels {
            label.span = if plain {
                let offset = option.span.start + 1;
                Span::new(label.span.start + offset, label.span.end + offset)
            } else {
                option.span
            };
        }
        problem
    })?;
    let ordered = !matches!(
        expression.data_type,
        DataType::Boolean | DataType::Array(_) | DataType::Map(..) | DataType::Struct(_)
    );
    if ordered && !is_null(&expression) {
        return Ok(expression);
    }
    let message = format!("rows cannot be ordered by {}", expression.data_type);
    Err(Problem::new(option.span, message, "no order").help("order by a number, text or a time"))
}

/// The time-stamp of output records, over the visible columns: a TIMESTAMP or BIGINT.
pub(super) fn timestamp(options: &Options, typing: Typing<'_>) -> Result<Option<Expression>> {
    let Some(name) = options.text("timestamp") else {
        return match options.span("timestamp_format") {
            None => Ok(None),
            Some(span) => Err(Problem::new(
                span,
                "timestamp_format says how a column is written, but which?",
                "here",
            )
            .help("add timestamp='…' with the column's name")),
        };
    };
    let found = named_column(&name, typing.scope)?;
    let data_type = found.data_type.clone();
    let format = timestamp_format(options, &data_type, &name)?;
    let text = data_type == DataType::String;
    let value = found.expression();
    if !text {
        return Ok(Some(value));
    }
    let kind = match format {
        None => Kind::Cast(Box::new(value)),
        Some(format) => {
            let format = Expression {
                kind: Kind::Literal(Literal::String(format)),
                data_type: DataType::String,
            };
            Kind::Call { function: Function::ParseTimestamp, arguments: vec![value, format] }
        }
    };
    Ok(Some(Expression { kind, data_type: DataType::Timestamp }))
}

/// The sink with its columns at other places.
pub(super) fn renumbered(mut sink: Sink, place: &dyn Fn(usize) -> usize) -> Sink {
    for_each_column(&mut sink, &mut |column| *column = place(*column));
    sink
}

/// Visits the positions of all columns of its input that a sink uses.
pub(super) fn for_each_column(sink: &mut Sink, visit: &mut dyn FnMut(&mut usize)) {
    for payload in [&mut sink.key, &mut sink.value] {
        if let Payload::Encoded { columns, .. } = payload {
            columns.iter_mut().for_each(&mut *visit);
        }
    }
    sink.timestamp.iter_mut().for_each(&mut *visit);
    if let Delivery::BinPacked(bins) = &mut sink.delivery {
        visit(&mut bins.key);
        visit(&mut bins.order_by);
    }
    if let Some(window) = &mut sink.window {
        visit(&mut window.start);
        visit(&mut window.end);
    }
}
