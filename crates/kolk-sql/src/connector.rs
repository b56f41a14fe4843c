//! `connector='…'` in a `WITH` clause: the options of the store's kind, and whether the statement's promise can be kept with it.

use crate::ast::{OptionAssignment, OptionValueKind, Text};
use crate::error::{Problem, Result, listed, nearest};
use crate::source::Span;
use kolk::schema::Column;
use kolk::topology::{
    Connector, Delivery, Given, Keyless, Kind, OptionKind, OptionRow, Secrets, Target,
};

/// The store that a statement names, and what it says to it.
#[derive(Debug)]
pub(crate) struct ConnectorOptions {
    pub(crate) kind: &'static Kind,
    /// Where the kind is named.
    pub(crate) span: Span,
    given: Vec<(&'static OptionRow, String, Span)>,
}

/// Options that say what becomes of a topic.
const OF_TOPICS: &[&str] = &[
    "kafka_topic",
    "value_format",
    "key_format",
    "format",
    "partitions",
    "replicas",
    "retention_ms",
    "wrap_single_value",
    "value_delimiter",
    "key_delimiter",
];

impl ConnectorOptions {
    /// The store that a clause names, if it names one.
    pub(crate) fn read(
        assignments: &[OptionAssignment],
        kinds: &'static [&'static Kind],
    ) -> Result<Option<Self>> {
        let named = |it: &&OptionAssignment| it.name.text.eq_ignore_ascii_case("connector");
        let Some(assignment) = assignments.iter().find(named) else { return Ok(None) };
        let span = assignment.value.span;
        let OptionValueKind::Text(name) = &assignment.value.kind else {
            return Err(Problem::new(span, "connector must be text", "not in quotes")
                .help("connector='cassandra'"));
        };
        let names = || kinds.iter().map(|kind| kind.name);
        let kind = kinds.iter().find(|kind| kind.name.eq_ignore_ascii_case(name));
        let kind = kind.ok_or_else(|| {
            let help = nearest(name, names()).map_or_else(
                || format!("connectors: {}", listed(name, names())),
                |nearest| format!("did you mean '{nearest}'?"),
            );
            Problem::new(span, format!("there is no connector '{name}'"), "unknown").help(help)
        })?;
        if kind.connect.is_none() {
            let message = format!("this build of kolk has no connector '{}'", kind.name);
            let help = format!("build it with `cargo build --release --features {}`", kind.name);
            return Err(Problem::new(span, message, "left out").help(help));
        }
        Ok(Some(Self { kind, span, given: Vec::new() }))
    }

    /// Takes an option of the kind; `false` when the kind has none of that name.
    pub(crate) fn take(&mut self, assignment: &OptionAssignment) -> Result<bool> {
        let name = assignment.name.text.to_lowercase();
        if name == "connector" {
            return Ok(true);
        }
        if OF_TOPICS.contains(&name.as_str()) {
            let message =
                format!("{name} is about a topic, and connector='{}' writes none", self.kind.name);
            return Err(Problem::new(assignment.name.span, message, "leave it out")
                .label(self.span, "as said here"));
        }
        let Some(row) = self.kind.options.iter().find(|row| row.name == name) else {
            return Ok(false);
        };
        if let Some((.., first)) = self.given.iter().find(|(given, ..)| given.name == row.name) {
            let message = format!("{name} is given twice");
            return Err(Problem::new(assignment.name.span, message, "the second time")
                .label(*first, "the first time"));
        }
        let value = value(row, assignment)?;
        self.given.push((row, value, assignment.name.span.to(assignment.value.span)));
        Ok(true)
    }

    /// What can be said to the kind.
    pub(crate) fn help(&self) -> String {
        let names: Vec<&str> = self.kind.options.iter().map(|row| row.name).collect();
        format!("options of connector='{}': {}", self.kind.name, names.join(", "))
    }

    /// Refuses what lacks a required option.
    pub(crate) fn check(&self) -> Result<()> {
        let given = |row: &OptionRow| self.given.iter().any(|(given, ..)| given.name == row.name);
        match self.kind.options.iter().find(|row| row.default.is_none() && !given(row)) {
            None => Ok(()),
            Some(row) => {
                let message = format!("connector='{}' needs {}", self.kind.name, row.name);
                Err(Problem::new(self.span, message, "asked for here")
                    .help(format!("{}: {}", row.name, row.doc)))
            }
        }
    }

    /// Refuses a table where no row takes the place of another. Rows that are `last` of their key have no place to take.
    pub(crate) fn check_table(&self, connector: &Connector, last: bool) -> Result<()> {
        let name = self.kind.name;
        let topic =
            "write the table to a topic, declare that as a stream, and write the stream there";
        if !self.kind.promise.idempotent_by_key {
            let message = format!("connector='{name}' has no keys, so it cannot hold a table");
            let label = "rows cannot replace each other there";
            return Err(Problem::new(self.span, message, label).help(topic));
        }
        match connector.keyless() {
            Some(Keyless { option, why, instead }) if !last => {
                let message = format!("{why}, so connector='{name}' cannot hold a table");
                let span = self.span_of(option).unwrap_or(self.span);
                Err(Problem::new(span, message, "rows cannot replace each other there")
                    .help(format!("{instead}. For every change as a row of its own: {topic}")))
            }
            _ => Ok(()),
        }
    }

    /// Where an option is given.
    fn span_of(&self, name: &str) -> Option<Span> {
        self.given.iter().find(|(row, ..)| row.name == name).map(|(.., span)| *span)
    }

    /// The delivery that the statement asks for, if the store can keep it; without a word the one that fits.
    pub(crate) fn check_delivery(
        &self,
        delivery: Delivery,
        word: Option<&Text>,
        connector: &Connector,
    ) -> Result<Delivery> {
        let (name, promise) = (self.kind.name, connector.promise());
        let span = word.map_or(self.span, |word| word.span);
        let refuse = |why: String, help: String| {
            Err(Problem::new(span, why, "cannot be promised").help(help))
        };
        let keyed = promise.idempotent_by_key && promise.ordered;
        match delivery {
            // Positions in the input are part of the store's own transactions.
            Delivery::ExactlyOnce if promise.transactional => Ok(Delivery::ExactlyOnce),
            Delivery::ExactlyOnce if word.is_none() && keyed => Ok(Delivery::Idempotent),
            Delivery::ExactlyOnce if word.is_none() && promise.ordered => refuse(
                format!("connector='{name}' needs delivery: a crash may repeat rows there"),
                "delivery='bin_packed' (with bin_key and bin_order_by), delivery='batched' or delivery='individual': each keeps the \
                 order of a key's rows"
                    .to_owned(),
            ),
            Delivery::ExactlyOnce if word.is_none() => refuse(
                format!("connector='{name}' needs delivery: rows of one call may change places there"),
                "delivery='bin_packed' (with bin_key and bin_order_by) or delivery='individual' keep their order"
                    .to_owned(),
            ),
            Delivery::ExactlyOnce => refuse(
                format!("connector='{name}' cannot take part in Kafka's transactions"),
                if keyed {
                    "delivery='idempotent': a row that is written again under its key changes nothing, so its effect is once"
                        .to_owned()
                } else {
                    "delivery='bin_packed' or delivery='individual'; a crash may repeat rows".to_owned()
                },
            ),
            Delivery::Idempotent if let Some(keyless) = connector.keyless() => match word {
                // Processing at least once asks for no more.
                None => Ok(Delivery::Batched),
                Some(word) => Err(self.doubling(keyless, word.span)),
            },
            Delivery::Idempotent if !promise.idempotent_by_key => refuse(
                format!("connector='{name}' has no keys under which a repeated row changes nothing"),
                "delivery='bin_packed' or delivery='individual'; a crash may repeat rows".to_owned(),
            ),
            Delivery::Batched | Delivery::Idempotent if !promise.ordered => refuse(
                format!("rows of one call to connector='{name}' may change places"),
                "delivery='bin_packed' (with bin_key and bin_order_by) or delivery='individual' keep their order"
                    .to_owned(),
            ),
            possible => Ok(possible),
        }
    }

    /// What is wrong with `delivery='idempotent'` where a row that is written again is there twice.
    fn doubling(&self, keyless: Keyless, word: Span) -> Box<Problem> {
        let Keyless { option, why, instead } = keyless;
        let message = format!("{why}, so a crash may leave rows there twice");
        let positions = if self.kind.promise.transactional {
            "delivery='exactly_once' (the default), or "
        } else {
            ""
        };
        let repeats =
            "delivery='batched' or delivery='individual' where a repeated row does no harm";
        let problem = Problem::new(word, message, "cannot be promised")
            .help(format!("{positions}{instead}; {repeats}"));
        match self.span_of(option) {
            Some(span) => problem.label(span, "because of this"),
            None => problem,
        }
    }

    /// Where rows of these columns go.
    pub(crate) fn connector(&self, query: &str, columns: &[Column], key: Vec<usize>) -> Connector {
        let (mut options, mut secrets) = (Given::new(), Given::new());
        for (row, value, _) in &self.given {
            let to = if row.kind == OptionKind::Secret { &mut secrets } else { &mut options };
            to.insert(row.name.to_owned(), value.clone());
        }
        let target = Target {
            query: query.to_owned(),
            options,
            secrets: Secrets(secrets),
            columns: columns.to_vec(),
            key,
            reader: None,
        };
        Connector { kind: self.kind, target }
    }
}

fn value(row: &OptionRow, assignment: &OptionAssignment) -> Result<String> {
    let span = assignment.value.span;
    match (row.kind, &assignment.value.kind) {
        (
            OptionKind::Text | OptionKind::Secret | OptionKind::Column,
            OptionValueKind::Text(text),
        ) if !text.trim().is_empty() => Ok(text.clone()),
        (OptionKind::Boolean, OptionValueKind::Boolean(value)) => Ok(value.to_string()),
        (OptionKind::Boolean, OptionValueKind::Text(text))
            if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") =>
        {
            Ok(text.to_lowercase())
        }
        (OptionKind::Choice(words), OptionValueKind::Text(text))
            if words.iter().any(|word| text.eq_ignore_ascii_case(word)) =>
        {
            Ok(text.to_lowercase())
        }
        (OptionKind::Number(min, max), OptionValueKind::Integer(number))
            if (min..=max).contains(number) =>
        {
            Ok(number.to_string())
        }
        (kind, _) => {
            let wanted = match kind {
                OptionKind::Boolean => "TRUE or FALSE".to_owned(),
                OptionKind::Number(min, max) => format!("a whole number from {min} to {max}"),
                OptionKind::Text | OptionKind::Secret | OptionKind::Column => {
                    "text in quotes".to_owned()
                }
                OptionKind::Choice(words) => format!("'{}'", words.join("' or '")),
            };
            let message = format!("{} must be {wanted}", row.name);
            Err(Problem::new(span, message, "not that").help(row.doc.to_owned()))
        }
    }
}
