//! The `WITH` clause: one table of options, and reading a clause by it.

use crate::ast::{OptionAssignment, OptionValueKind, Text};
use crate::connector::ConnectorOptions;
use crate::duration;
use crate::error::{Problem, Result, listed, nearest};
use crate::source::Span;
use kolk::topology::Kind;
use std::time::Duration;

/// One option.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// The statements that take it.
    pub place: Place,
    /// What its value is.
    pub kind: ValueKind,
    /// What holds when it is not given, for people.
    pub default: &'static str,
    /// The delivery mode it belongs to, when it belongs to one.
    pub delivery: Option<&'static str>,
    /// What it does.
    pub doc: &'static str,
}

/// The statements that take an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `CREATE STREAM name (…) WITH`: about a topic that is read.
    Declaration,
    /// `CREATE STREAM name WITH (…) AS`: about the topic that is written.
    Query,
    /// The same, and `INSERT INTO name WITH (…)`: about a query whatever its topic is.
    AnyQuery,
    /// A declaration and a query that creates.
    Both,
    /// All of them.
    All,
    /// None yet: ksqlDB's language has it.
    Nowhere,
}

/// What the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Text.
    Text,
    /// One of these words; case does not matter.
    Word(&'static [&'static str]),
    /// A whole number in this range.
    Number(i64, i64),
    /// Text such as `'20 seconds'`.
    Duration,
    /// TRUE or FALSE.
    Boolean,
    /// The name of a column, as text.
    Column,
    /// An expression over columns, as text.
    Expression,
    /// One character, or one of the words of [`TAB_AND_SPACE`].
    Delimiter,
}

/// What stands between fields when nobody says it.
pub const DELIMITER: char = ',';

/// Words for delimiters that cannot be seen.
pub const TAB_AND_SPACE: [(&str, char); 2] = [("TAB", '\t'), ("SPACE", ' ')];

const FORMATS: ValueKind = ValueKind::Word(&["JSON", "DELIMITED", "KAFKA", "NONE"]);
const KEY_FORMATS: ValueKind = ValueKind::Word(&["KAFKA", "JSON", "DELIMITED", "NONE"]);
/// ksqlDB's other formats, which Kolk does not have yet.
const LATER_FORMATS: &[&str] = &["AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR"];

macro_rules! table {
    ($( $place:ident $name:literal $kind:expr, $default:literal $(for $delivery:literal)?, $doc:literal; )*) => {
        /// Every option.
        pub const TABLE: &[Row] = &[ $( Row {
            name: $name,
            place: Place::$place,
            kind: $kind,
            default: $default,
            delivery: table!(@delivery $($delivery)?),
            doc: $doc,
        } ),* ];
    };
    (@delivery) => { None };
    (@delivery $delivery:literal) => { Some($delivery) };
}

table! {
    Both "kafka_topic" ValueKind::Text, "required; for a query the stream's name", "The topic.";
    Both "value_format" FORMATS, "required with columns; for a query its input's", "How values are written.";
    Both "key_format" KEY_FORMATS, "`KAFKA`; for a query its input's", "How keys are written.";
    Both "format" FORMATS, "none", "`key_format` and `value_format` at once.";
    Declaration "key" ValueKind::Column, "none",
        "The column of the value whose text the record key holds too: rows of one value of it are in one partition already.";
    Both "partitions" ValueKind::Number(1, 1_000_000), "as many as the input",
        "Partitions with which the topic is created if it does not exist.";
    Both "replicas" ValueKind::Number(1, 32_767), "the broker's", "Replication factor of a topic that is created.";
    Both "retention_ms" ValueKind::Number(-1, i64::MAX), "the broker's",
        "How long a topic that is created keeps records, in milliseconds; -1 for ever.";
    Both "timestamp" ValueKind::Column, "the record's time-stamp",
        "The column that holds the event time. For a query: the time-stamp of the records it writes.";
    Both "timestamp_format" ValueKind::Text, "ISO 8601",
        "How a `timestamp` column of text is written, in the letters of Java's DateTimeFormatter.";
    Both "watermark_delay" ValueKind::Duration, "0 seconds; for a query its input's",
        "How much disorder the stream may have: its watermark stays so far behind the largest event time.";
    Both "idle_timeout" ValueKind::Duration, "never",
        "After how long without records the stream no longer holds the watermark back (processing time).";
    All "on_bad_record" ValueKind::Word(&["fail", "skip", "dead_letter"]), "the setting `on_bad_record`",
        "What becomes of a record that cannot be read. A query's word counts more than its input's.";
    All "dead_letter_topic" ValueKind::Text, "the input's topic and `-dead-letter`",
        "Where `on_bad_record = 'dead_letter'` sends records.";
    AnyQuery "delivery" ValueKind::Word(&["individual", "batched", "idempotent", "exactly_once", "bin_packed"]),
        "`exactly_once`", "In which order and with which guarantee records are written.";
    AnyQuery "delivery_pause" ValueKind::Duration, "0 seconds" for "individual",
        "How long to wait after an acknowledgement before the next record.";
    AnyQuery "bin_key" ValueKind::Column, "required" for "bin_packed", "The column that no bin holds twice.";
    AnyQuery "bin_order_by" ValueKind::Expression, "required" for "bin_packed",
        "By what the rows of one `bin_key` are ordered.";
    AnyQuery "bin_interval" ValueKind::Duration, "20 seconds" for "bin_packed",
        "How long rows are collected before they are packed (processing time).";
    AnyQuery "bin_rows" ValueKind::Number(1, 10_000_000), "100000" for "bin_packed",
        "After how many rows they are packed earlier.";
    AnyQuery "bin_header" ValueKind::Text, "none" for "bin_packed", "The header that carries the bin's number, from 1.";
    AnyQuery "processing" ValueKind::Word(&["exactly_once", "at_least_once"]), "the setting `processing`",
        "What a crash may repeat.";
    AnyQuery "late" ValueKind::Text, "the setting `late`",
        "What becomes of rows that come too late for their window or join, or have no key there: \
        `skip`, `dead_letter`, or the name of a topic.";
    Both "wrap_single_value" ValueKind::Boolean, "the setting `wrap_single_values`",
        "Whether a single value column stands in a JSON object.";
    Both "value_delimiter" ValueKind::Delimiter, "`,`; for a query its input's",
        "What stands between the fields of values of format DELIMITED.";
    Both "key_delimiter" ValueKind::Delimiter, "`,`; for a query its input's",
        "What stands between the fields of keys of format DELIMITED.";
    Declaration "window_type" ValueKind::Word(&["TUMBLING", "HOPPING", "SESSION"]), "none",
        "The windows in the topic's keys, as Kafka Streams writes them behind the key.";
    Declaration "window_size" ValueKind::Duration, "required for windows of a size",
        "How large the windows in the topic's keys are.";
    Query "connector" ValueKind::Text, "Kafka",
        "The store that takes the rows in place of a topic; it has options of its own, see `docs/connectors/`.";
    Nowhere "key_schema_id" ValueKind::Text, "", "Schema Registry.";
    Nowhere "value_schema_id" ValueKind::Text, "", "Schema Registry.";
    Nowhere "key_schema_full_name" ValueKind::Text, "", "Schema Registry.";
    Nowhere "value_schema_full_name" ValueKind::Text, "", "Schema Registry.";
    Nowhere "value_avro_schema_full_name" ValueKind::Text, "", "Schema Registry.";
    Nowhere "key_protobuf_nullable_representation" ValueKind::Text, "", "Format PROTOBUF.";
    Nowhere "value_protobuf_nullable_representation" ValueKind::Text, "", "Format PROTOBUF.";
}

/// The kinds of statement that have a `WITH` clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    /// `CREATE STREAM name (…) WITH`.
    Declaration,
    /// `CREATE STREAM name WITH (…) AS`.
    Query,
    /// `INSERT INTO name WITH (…)`.
    Insert,
}

/// A `WITH` clause whose names and values are checked against the table.
#[derive(Debug, Default)]
pub struct Options {
    given: Vec<Given>,
    pub(crate) connector: Option<ConnectorOptions>,
}

/// An option that was given.
#[derive(Debug)]
struct Given {
    row: &'static Row,
    value: Value,
    name_span: Span,
    value_span: Span,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Number(i64),
    Duration(Duration),
    Boolean(bool),
}

impl Options {
    /// Checks a clause.
    ///
    /// # Errors
    /// The first option that is unknown, stands at the wrong statement, is given twice, or has a value that is none of its.
    pub fn read(
        assignments: &[OptionAssignment],
        statement: Statement,
        kinds: &'static [&'static Kind],
    ) -> Result<Self> {
        let mut options = Self::default();
        if statement == Statement::Query {
            options.connector = ConnectorOptions::read(assignments, kinds)?;
        }
        for assignment in assignments {
            if let Some(connector) = &mut options.connector
                && connector.take(assignment)?
            {
                continue;
            }
            let row = find(assignment, statement).map_err(|problem| match &options.connector {
                Some(connector) => problem.help(connector.help()),
                None => problem,
            })?;
            if let Some(first) = options.given.iter().find(|given| given.row.name == row.name) {
                let message = format!("{} is given twice", row.name);
                return Err(Problem::new(assignment.name.span, message, "the second time")
                    .label(first.name_span, "the first time"));
            }
            let value = value(row, assignment)?;
            let (name_span, value_span) = (assignment.name.span, assignment.value.span);
            options.given.push(Given { row, value, name_span, value_span });
        }
        if let Some(connector) = &options.connector {
            connector.check()?;
        }
        if let Some(format) = options.span("format")
            && let Some(other) = options.span("value_format").or(options.span("key_format"))
        {
            let message =
                "format stands for key_format and value_format; it cannot be given beside them";
            return Err(Problem::new(format, message, "this one").label(other, "and this one"));
        }
        Ok(options)
    }

    /// The text or word of an option; words are spelled as in the table.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Text> {
        let given = self.find(name)?;
        match &given.value {
            Value::Text(text) => Some(Text { text: text.clone(), span: given.value_span }),
            _ => None,
        }
    }

    /// The number of an option.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.find(name)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The duration of an option.
    #[must_use]
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.find(name)?.value {
            Value::Duration(duration) => Some(duration),
            _ => None,
        }
    }

    /// The truth of an option.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.find(name)?.value {
            Value::Boolean(value) => Some(value),
            _ => None,
        }
    }

    /// Where an option stands, name and value.
    #[must_use]
    pub fn span(&self, name: &str) -> Option<Span> {
        self.find(name).map(|given| given.name_span.to(given.value_span))
    }

    /// Refuses options that belong to another delivery mode than this.
    ///
    /// # Errors
    /// The first such option, saying to which mode it belongs.
    pub fn check_delivery(&self, delivery: &str) -> Result<()> {
        for given in &self.given {
            let Some(belongs) = given.row.delivery.filter(|mode| *mode != delivery) else {
                continue;
            };
            let span = given.name_span.to(given.value_span);
            let message = format!("{} belongs to delivery = '{belongs}'", given.row.name);
            let problem = Problem::new(span, message, format!("this query delivers '{delivery}'"));
            return Err(match self.text("delivery") {
                Some(mode) => problem
                    .label(mode.span, "as said here")
                    .help(format!("leave {} out, or write delivery='{belongs}'", given.row.name)),
                None => problem.help(format!("add delivery='{belongs}'")),
            });
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.row.name == name)
    }
}

fn find(assignment: &OptionAssignment, statement: Statement) -> Result<&'static Row> {
    let written = &assignment.name;
    let name = written.text.to_lowercase();
    let row = TABLE.iter().find(|row| row.name == name).ok_or_else(|| {
        let names = || TABLE.iter().filter(|row| row.place != Place::Nowhere).map(|row| row.name);
        let help = nearest(&name, names()).map_or_else(
            || format!("options: {}", listed(&name, names())),
            |nearest| format!("did you mean {nearest}?"),
        );
        Problem::new(written.span, format!("there is no option {}", written.text), "unknown")
            .help(help)
    })?;
    let problem = |message: String, label: &str| Problem::new(written.span, message, label);
    match (row.place, statement) {
        (Place::All, _)
        | (Place::Both, Statement::Declaration | Statement::Query)
        | (Place::Declaration, Statement::Declaration)
        | (Place::Query, Statement::Query)
        | (Place::AnyQuery, Statement::Query | Statement::Insert) => Ok(row),
        (Place::Nowhere, _) => {
            Err(Problem::unsupported(written.span, format!("the option {}", row.name)))
        }
        (Place::Query | Place::AnyQuery, Statement::Declaration) => Err(problem(
            format!("{} says how records are written, but this stream is only read", row.name),
            "belongs to a query",
        )
        .help("CREATE STREAM name WITH (…) AS SELECT …")),
        (Place::Declaration, Statement::Query) => Err(problem(
            format!("{} says how a topic is read, but this statement writes one", row.name),
            "belongs to a declaration",
        )),
        (Place::Query | Place::Both | Place::Declaration, Statement::Insert) => Err(problem(
            format!(
                "{} is said where the stream is created, not where rows are inserted",
                row.name
            ),
            "belongs to the stream",
        )),
    }
}

fn value(row: &'static Row, assignment: &OptionAssignment) -> Result<Value> {
    let span = assignment.value.span;
    match (row.kind, &assignment.value.kind) {
        (
            ValueKind::Text | ValueKind::Column | ValueKind::Expression,
            OptionValueKind::Text(text),
        ) => {
            if text.trim().is_empty() {
                return Err(Problem::new(span, format!("{} is empty", row.name), "nothing here"));
            }
            Ok(Value::Text(text.clone()))
        }
        (ValueKind::Word(words), OptionValueKind::Text(text)) => word(row, words, text, span),
        (ValueKind::Delimiter, OptionValueKind::Text(text)) => delimiter(row, text, span),
        (ValueKind::Number(min, max), OptionValueKind::Integer(number)) => {
            if (min..=max).contains(number) {
                return Ok(Value::Number(*number));
            }
            let help =
                if max == i64::MAX { format!("{min} or more") } else { format!("{min} to {max}") };
            let message = format!("{number} is out of range for {}", row.name);
            Err(Problem::new(span, message, "this number").help(help))
        }
        // ksqlDB takes numbers and truth in quotes too.
        (ValueKind::Number(..), OptionValueKind::Text(text))
            if text.trim().parse::<i64>().is_ok() =>
        {
            let mut unquoted = assignment.clone();
            unquoted.value.kind = OptionValueKind::Integer(text.trim().parse().unwrap_or_default());
            value(row, &unquoted)
        }
        (ValueKind::Duration, OptionValueKind::Text(text)) => match duration::parse(text) {
            Ok(duration) => Ok(Value::Duration(duration)),
            Err(why) => {
                let message = format!("'{text}' is not a duration: {why}");
                Err(Problem::new(span, message, "for example '20 seconds'").help(
                    "units: ms, seconds, minutes, hours, days; several may follow each other",
                ))
            }
        },
        (ValueKind::Duration, OptionValueKind::Integer(number)) => {
            let message = format!("{} needs a unit", row.name);
            Err(Problem::new(span, message, "a number of what?")
                .help(format!("'{number} seconds', or another of ms, minutes, hours, days")))
        }
        (ValueKind::Boolean, OptionValueKind::Boolean(boolean)) => Ok(Value::Boolean(*boolean)),
        (ValueKind::Boolean, OptionValueKind::Text(text)) if text.eq_ignore_ascii_case("true") => {
            Ok(Value::Boolean(true))
        }
        (ValueKind::Boolean, OptionValueKind::Text(text)) if text.eq_ignore_ascii_case("false") => {
            Ok(Value::Boolean(false))
        }
        (kind, _) => {
            let message = format!("{} takes {}", row.name, kind.described());
            Err(Problem::new(span, message, "something else"))
        }
    }
}

fn delimiter(row: &'static Row, text: &str, span: Span) -> Result<Value> {
    let named = TAB_AND_SPACE.iter().any(|(name, _)| name.eq_ignore_ascii_case(text));
    if named || text.chars().count() == 1 && !text.trim().is_empty() {
        return Ok(Value::Text(text.to_owned()));
    }
    let (message, label) = if text.trim().is_empty() {
        (format!("the delimiter {} cannot be empty", row.name), "nothing that can be seen")
    } else {
        (format!("'{text}' is no value of {}: a delimiter is one character", row.name), "not one")
    };
    Err(Problem::new(span, message, label).help("for a tab or a space write 'TAB' or 'SPACE'"))
}

fn word(
    row: &'static Row,
    words: &'static [&'static str],
    text: &str,
    span: Span,
) -> Result<Value> {
    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text.trim())) {
        return Ok(Value::Text((*word).to_owned()));
    }
    if words.contains(&"JSON")
        && let Some(format) =
            LATER_FORMATS.iter().find(|word| word.eq_ignore_ascii_case(text.trim()))
    {
        let message =
            format!("the format {format} is not supported: there is no schema registry yet");
        return Err(Problem::new(span, message, "needs a schema registry")
            .help("JSON, DELIMITED and KAFKA need none"));
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let help = nearest(text, words.iter().copied()).map_or_else(
        || format!("one of {}", quoted.join(", ")),
        |word| format!("did you mean '{word}'?"),
    );
    Err(Problem::new(span, format!("'{text}' is no value of {}", row.name), "not one of its words")
        .help(help))
}

impl ValueKind {
    /// What it takes, for people.
    #[must_use]
    pub fn described(self) -> String {
        match self {
            Self::Text => "text in single quotes".to_owned(),
            Self::Word(words) => {
                words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" or ")
            }
            Self::Number(..) => "a whole number".to_owned(),
            Self::Duration => "a duration such as '20 seconds'".to_owned(),
            Self::Boolean => "TRUE or FALSE".to_owned(),
            Self::Column => "the name of a column in single quotes".to_owned(),
            Self::Expression => "an expression over columns in single quotes".to_owned(),
            Self::Delimiter => "one character, 'TAB' or 'SPACE'".to_owned(),
        }
    }
}
