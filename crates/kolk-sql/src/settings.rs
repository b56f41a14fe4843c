//! `SET`: the settings of a session, one for each line on which the dialects differ, and `dialect`, which sets them all.

use crate::ast::Text;
use crate::duration;
use crate::error::{Problem, Result, listed, nearest};
use crate::options::DELIMITER;
use kolk::topology::{
    Collections, Conventions, Format, JsonNulls, JsonTimestamps, LambdaFailures, NullComparisons,
    OffsetReset, WatermarkPolicy,
};
use std::time::Duration;

macro_rules! words {
    ($( $(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $variant:ident = $word:literal ),* $(,)? } )*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[$doc])* $variant ),* }

        impl $name {
            fn from_word(word: &str) -> Option<Self> {
                match word { $( $word => Some(Self::$variant), )* _ => None }
            }

            fn word(self) -> &'static str {
                match self { $( Self::$variant => $word ),* }
            }
        }
    )* };
}

words! {
    /// How names are compared and written.
    Names {
        /// They match without case and are written as spelled where they were declared.
        AsWritten = "as_written",
        /// Upper-cased unless quoted, then compared exactly.
        UpperCase = "upper_case",
    }
    /// Where projected key columns go.
    ProjectedKeys {
        /// Into the value like all others; the record key stays what it was.
        Value = "value",
        /// Into the record key, and nowhere else.
        Key = "key",
    }
    /// Names of columns that two sides of a join have in common.
    ClashingNames {
        /// `a.page` becomes `page`; two of them need AS.
        Plain = "plain",
        /// `a.page` becomes `A_PAGE`.
        Prefixed = "prefixed",
    }
    /// What `SELECT *` alone does with the value.
    SelectStar {
        /// Its bytes are passed on unchanged, whatever they hold.
        Bytes = "bytes",
        /// The declared columns are read and written.
        Columns = "columns",
    }
    /// When LEFT and OUTER joins emit an unmatched row.
    OuterJoin {
        /// Once, when the bound of the join has passed.
        WhenPassed = "when_passed",
        /// At once unless there is a GRACE, and again when it is matched.
        Eager = "eager",
    }
    /// What becomes of a record that cannot be read.
    BadRecord {
        /// The query stops.
        Fail = "fail",
        /// It is passed over, logged and counted.
        Skip = "skip",
        /// It goes to another topic.
        DeadLetter = "dead_letter",
    }
    /// What a crash may repeat.
    Processing {
        /// Nothing.
        ExactlyOnce = "exactly_once",
        /// The rows since the last commit.
        AtLeastOnce = "at_least_once",
    }
    /// A set of values for the settings on which the dialects differ.
    Dialect {
        /// Kolk's own.
        Kolk = "kolk",
        /// That of ksqlDB, in everything.
        KsqlDb = "ksqldb",
    }
}

/// The settings of a session at a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How names are compared and written.
    pub names: Names,
    /// Where projected key columns go.
    pub projected_keys: ProjectedKeys,
    /// Names of columns that two sides of a join have in common.
    pub clashing_names: ClashingNames,
    /// What `SELECT *` alone does.
    pub select_star: SelectStar,
    /// How long windows stay open behind their end without GRACE.
    pub window_grace: Duration,
    /// When LEFT and OUTER joins emit an unmatched row.
    pub outer_join: OuterJoin,
    /// What becomes of a record that cannot be read.
    pub on_bad_record: BadRecord,
    /// How values are written and time goes.
    pub conventions: Conventions,
    /// Where to start without committed offsets.
    pub offset_reset: OffsetReset,
    /// What a crash may repeat.
    pub processing: Processing,
    /// Whether a single value column stands in a JSON object, where the statement does not say it.
    pub wrap_single_values: bool,
    /// How keys of declared topics are written, where the statement does not say it.
    pub key_format: Format,
    /// How values are written, where the statement does not say it; it must, if absent.
    pub value_format: Option<Format>,
    /// What the names of topics begin with that queries write, where the statement does not name them.
    pub topic_prefix: String,
    /// What becomes of late rows: `skip`, `dead_letter`, or a topic.
    pub late: String,
}

impl Settings {
    /// The settings of a dialect.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        let mut settings = Self {
            names: Names::AsWritten,
            projected_keys: ProjectedKeys::Value,
            clashing_names: ClashingNames::Plain,
            select_star: SelectStar::Bytes,
            window_grace: Duration::ZERO,
            outer_join: OuterJoin::WhenPassed,
            on_bad_record: BadRecord::Fail,
            conventions: Conventions::default(),
            offset_reset: OffsetReset::Earliest,
            processing: Processing::ExactlyOnce,
            wrap_single_values: true,
            key_format: Format::Kafka,
            value_format: None,
            topic_prefix: String::new(),
            late: "skip".to_owned(),
        };
        settings.follow(dialect);
        settings
    }

    /// Sets every line on which the dialects differ.
    fn follow(&mut self, dialect: Dialect) {
        for row in TABLE {
            let value = match dialect {
                Dialect::Kolk => row.kolk,
                Dialect::KsqlDb => row.ksqldb,
            };
            if row.differs() {
                // The values of the table are valid: a test sets each of them.
                let _ = (row.apply)(self, value);
            }
        }
    }

    /// Carries out `SET 'key' = 'value'`.
    ///
    /// # Errors
    /// When there is no such setting, or the value is none of its values.
    pub fn set(&mut self, key: &Text, value: &Text) -> Result<()> {
        if key.text == DIALECT {
            let dialect = Dialect::from_word(&value.text).ok_or_else(|| {
                refused(
                    DIALECT,
                    &[Dialect::Kolk.word(), Dialect::KsqlDb.word()],
                    "one of them",
                    value,
                )
            })?;
            self.follow(dialect);
            return Ok(());
        }
        if WITHOUT_EFFECT.contains(&own_name(key)) {
            return Ok(());
        }
        let row = find(key)?;
        (row.apply)(self, &value.text).map_err(|why| refused(row.name, row.values, &why, value))
    }

    /// Carries out `UNSET 'key'`: the setting goes back to what `start` says.
    ///
    /// # Errors
    /// When there is no such setting.
    pub fn unset(&mut self, key: &Text, start: &Self) -> Result<()> {
        if key.text == DIALECT {
            for row in TABLE.iter().filter(|row| row.differs()) {
                let _ = (row.apply)(self, &(row.show)(start));
            }
            return Ok(());
        }
        if WITHOUT_EFFECT.contains(&own_name(key)) {
            return Ok(());
        }
        let row = find(key)?;
        let _ = (row.apply)(self, &(row.show)(start));
        Ok(())
    }

    /// Every setting with its value, in the table's order.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, String)> {
        TABLE.iter().map(|row| (row.name, (row.show)(self))).collect()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(Dialect::Kolk)
    }
}

/// One setting.
pub struct Row {
    /// Its name in `SET`.
    pub name: &'static str,
    /// Its words; when there are none, [`Row::form`] says what is accepted.
    pub values: &'static [&'static str],
    /// What is accepted when it is not one of a few words.
    pub form: &'static str,
    /// Its value in dialect `kolk`.
    pub kolk: &'static str,
    /// Its value in dialect `ksqldb`; where it is the same, `dialect` does not touch the setting.
    pub ksqldb: &'static str,
    /// What it does.
    pub doc: &'static str,
    apply: fn(&mut Settings, &str) -> Result<(), String>,
    show: fn(&Settings) -> String,
}

impl Row {
    /// Whether `dialect` sets it.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.kolk != self.ksqldb
    }
}

/// The setting that sets all lines on which the dialects differ.
const DIALECT: &str = "dialect";

/// Other names under which ksqlDB and Kafka Streams know a setting.
const ALIASES: &[(&str, &str)] = &[
    ("processing.guarantee", "processing"),
    ("ksql.persistence.wrap.single.values", "wrap_single_values"),
    ("ksql.persistence.default.format.key", "key_format"),
    ("ksql.persistence.default.format.value", "value_format"),
    ("ksql.output.topic.name.prefix", "topic_prefix"),
];

/// Settings of ksqlDB and Kafka Streams that choose between two ways to the same rows, of which Kolk has one.
const WITHOUT_EFFECT: &[&str] = &[
    "ksql.new.query.planner.enabled",
    "ksql.windowed.session.key.legacy",
    "default.timestamp.extractor",
    "__emit.interval.ms.kstreams.windowed.aggregation__",
];

/// Sets a field from one of its words.
macro_rules! word_field {
    ($enum:ident, $field:ident) => {
        (
            |settings, word| {
                settings.$field = $enum::from_word(word).ok_or_else(String::new)?;
                Ok(())
            },
            |settings| settings.$field.word().to_owned(),
        )
    };
}

macro_rules! table {
    ($( $name:literal [$($value:literal),*] $form:literal, $kolk:literal / $ksqldb:literal, $how:expr, $doc:literal; )*) => {
        /// Every setting but `dialect`.
        pub const TABLE: &[Row] = &[ $( {
            type How = (fn(&mut Settings, &str) -> Result<(), String>, fn(&Settings) -> String);
            const HOW: How = $how;
            Row {
                name: $name,
                values: &[$($value),*],
                form: $form,
                kolk: $kolk,
                ksqldb: $ksqldb,
                doc: $doc,
                apply: HOW.0,
                show: HOW.1,
            }
        } ),* ];
    };
}

table! {
    "names" ["as_written", "upper_case"] "", "as_written" / "upper_case", word_field!(Names, names),
        "`as_written`: names match without case and are written as spelled. `upper_case`: upper-cased unless quoted.";
    "projected_keys" ["value", "key"] "", "value" / "key", word_field!(ProjectedKeys, projected_keys),
        "`value`: projected columns all stand in the value, the record key stays. `key`: key columns move to the record \
        key and must be projected.";
    "clashing_names" ["plain", "prefixed"] "", "plain" / "prefixed", word_field!(ClashingNames, clashing_names),
        "Names of columns that both sides of a join have: `a.page` becomes `page` or `A_PAGE`.";
    "json_timestamps" ["iso8601", "milliseconds"] "", "iso8601" / "milliseconds",
        (|settings, word| {
            settings.conventions.json_timestamps = match word {
                "iso8601" => JsonTimestamps::Iso8601,
                "milliseconds" => JsonTimestamps::Milliseconds,
                _ => return Err(String::new()),
            };
            Ok(())
        }, |settings| match settings.conventions.json_timestamps {
            JsonTimestamps::Iso8601 => "iso8601".to_owned(),
            JsonTimestamps::Milliseconds => "milliseconds".to_owned(),
        }),
        "How time-stamps are written in JSON: text in the session's `timezone`, or numbers. Both are read.";
    "json_nulls" ["omit", "write"] "", "omit" / "write",
        (|settings, word| {
            settings.conventions.json_nulls = match word {
                "omit" => JsonNulls::Omit,
                "write" => JsonNulls::Write,
                _ => return Err(String::new()),
            };
            Ok(())
        }, |settings| match settings.conventions.json_nulls {
            JsonNulls::Omit => "omit".to_owned(),
            JsonNulls::Write => "write".to_owned(),
        }),
        "Whether NULL fields are left out of JSON or written as `null`; written, structs hold their declared fields and no others.";
    "null_comparisons" ["unknown", "false"] "", "unknown" / "false",
        (|settings, word| {
            settings.conventions.null_comparisons = match word {
                "unknown" => NullComparisons::Unknown,
                "false" => NullComparisons::False,
                _ => return Err(String::new()),
            };
            Ok(())
        }, |settings| match settings.conventions.null_comparisons {
            NullComparisons::Unknown => "unknown".to_owned(),
            NullComparisons::False => "false".to_owned(),
        }),
        "What a comparison with NULL gives: NULL, or FALSE. `IN` and `BETWEEN` compare too.";
    "collections" ["json", "java"] "", "json" / "java",
        (|settings, word| {
            settings.conventions.collections = match word {
                "json" => Collections::Json,
                "java" => Collections::Java,
                _ => return Err(String::new()),
            };
            Ok(())
        }, |settings| match settings.conventions.collections {
            Collections::Json => "json".to_owned(),
            Collections::Java => "java".to_owned(),
        }),
        "`json`: arrays, maps and structs are cast to text as JSON, and functions go through maps in their order. `java`: they \
        are cast as Java shows them (`[1, 2]`, `{a=1}`), and maps have the order of Java's hash tables.";
    "lambda_failures" ["item", "whole"] "", "item" / "whole",
        (|settings, word| {
            settings.conventions.lambda_failures = match word {
                "item" => LambdaFailures::Item,
                "whole" => LambdaFailures::Whole,
                _ => return Err(String::new()),
            };
            Ok(())
        }, |settings| match settings.conventions.lambda_failures {
            LambdaFailures::Item => "item".to_owned(),
            LambdaFailures::Whole => "whole".to_owned(),
        }),
        "What becomes of arithmetic that fails on an item in a lambda function: the item is NULL, or the whole result, which \
        arithmetic with NULL then makes NULL too.";
    "select_star" ["bytes", "columns"] "", "bytes" / "columns", word_field!(SelectStar, select_star),
        "`SELECT *` alone: the value's bytes unchanged, or the declared columns.";
    "watermark_policy" ["min", "max"] "", "min" / "max",
        (|settings, word| {
            settings.conventions.watermark_policy = match word {
                "min" => WatermarkPolicy::Min,
                "max" => WatermarkPolicy::Max,
                _ => return Err(String::new()),
            };
            Ok(())
        }, |settings| match settings.conventions.watermark_policy {
            WatermarkPolicy::Min => "min".to_owned(),
            WatermarkPolicy::Max => "max".to_owned(),
        }),
        "`min`: an operator's watermark is the minimum over its inputs. `max`: stream time, the largest time-stamp seen.";
    "window_grace" [] "a duration", "0 seconds" / "24 hours",
        (|settings, text| {
            settings.window_grace = duration::parse(text)?;
            Ok(())
        }, |settings| show_duration(settings.window_grace)),
        "How long windows without GRACE take late rows.";
    "outer_join" ["when_passed", "eager"] "", "when_passed" / "eager", word_field!(OuterJoin, outer_join),
        "LEFT and OUTER joins: an unmatched row once, when its bound has passed; or without GRACE eagerly, then again when \
        matched.";
    "on_bad_record" ["fail", "skip", "dead_letter"] "", "fail" / "skip", word_field!(BadRecord, on_bad_record),
        "What becomes of a record that cannot be read, where neither the stream nor the query says it. Always counted.";
    "timezone" [] "an IANA time zone such as Europe/Paris", "UTC" / "UTC",
        (|settings, zone| {
            let zone = jiff::tz::TimeZone::get(zone).map_err(|error| error.to_string())?;
            settings.conventions.timezone = zone.iana_name().unwrap_or("UTC").to_owned();
            Ok(())
        }, |settings| settings.conventions.timezone.clone()),
        "Zone of time-stamps written as text, and of text without an offset.";
    "auto.offset.reset" ["earliest", "latest", "none"] "", "earliest" / "earliest",
        (|settings, word| {
            settings.offset_reset = match word {
                "earliest" => OffsetReset::Earliest,
                "latest" => OffsetReset::Latest,
                "none" => OffsetReset::None,
                _ => return Err(String::new()),
            };
            Ok(())
        }, |settings| match settings.offset_reset {
            OffsetReset::Earliest => "earliest".to_owned(),
            OffsetReset::Latest => "latest".to_owned(),
            OffsetReset::None => "none".to_owned(),
        }),
        "Where a query without committed offsets starts. Committed offsets that are no longer there stop it, \
         unless the client is given `auto.offset.reset` (`--set`).";
    "processing" ["exactly_once", "exactly_once_v2", "at_least_once"] "", "exactly_once" / "exactly_once",
        (|settings, word| {
            let word = if word == "exactly_once_v2" { "exactly_once" } else { word };
            settings.processing = Processing::from_word(word).ok_or_else(String::new)?;
            Ok(())
        }, |settings| settings.processing.word().to_owned()),
        "What a crash may repeat. With `at_least_once`, queries that do not say otherwise deliver `idempotent`.";
    "wrap_single_values" ["true", "false"] "", "true" / "true",
        (|settings, word| {
            settings.wrap_single_values = word.parse().map_err(|_| String::new())?;
            Ok(())
        }, |settings| settings.wrap_single_values.to_string()),
        "Whether a single value column stands in a JSON object, where `wrap_single_value` does not say it.";
    "key_format" ["KAFKA", "JSON", "DELIMITED", "NONE"] "", "KAFKA" / "KAFKA",
        (|settings, word| {
            settings.key_format = format_of(word).ok_or_else(String::new)?;
            Ok(())
        }, |settings| settings.key_format.to_string()),
        "How keys of declared topics are written, where the option `key_format` does not say it.";
    "value_format" ["required", "JSON", "DELIMITED", "KAFKA", "NONE"] "", "required" / "required",
        (|settings, word| {
            settings.value_format = match word {
                "required" => None,
                word => Some(format_of(word).ok_or_else(String::new)?),
            };
            Ok(())
        }, |settings| {
            settings.value_format.map_or_else(|| "required".to_owned(), |format| format.to_string())
        }),
        "How values of declared topics are written, where the option `value_format` does not say it.";
    "topic_prefix" [] "the beginning of a topic's name", "" / "",
        (|settings, prefix| {
            if !prefix.is_empty() {
                check_topic(prefix)?;
            }
            prefix.clone_into(&mut settings.topic_prefix);
            Ok(())
        }, |settings| settings.topic_prefix.clone()),
        "What the names of topics begin with that queries write, where `kafka_topic` does not name them.";
    "late" [] "`skip`, `dead_letter`, or the name of a topic", "skip" / "skip",
        (|settings, text| {
            check_topic(text)?;
            text.clone_into(&mut settings.late);
            Ok(())
        }, |settings| settings.late.clone()),
        "What becomes of rows that come too late for their window or join, where the query does not say it. Always counted.";
}

/// Refuses what cannot be the name of a topic.
fn check_topic(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    if !name.chars().all(fits) {
        return Err("topics have letters, digits, `.`, `_` and `-` in their names".to_owned());
    }
    Ok(())
}

/// The format that a word names.
fn format_of(word: &str) -> Option<Format> {
    match word.to_ascii_uppercase().as_str() {
        "JSON" => Some(Format::Json),
        "KAFKA" => Some(Format::Kafka),
        "NONE" => Some(Format::None),
        "DELIMITED" => Some(Format::Delimited { delimiter: DELIMITER }),
        _ => None,
    }
}

/// A setting's name here.
fn own_name(key: &Text) -> &str {
    // ksqlDB passes what begins so on to Kafka Streams.
    let name = key.text.strip_prefix("ksql.streams.").unwrap_or(&key.text);
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| *name)
}

fn find(key: &Text) -> Result<&'static Row> {
    let name = own_name(key);
    TABLE.iter().find(|row| row.name == name).ok_or_else(|| {
        let names = || TABLE.iter().map(|row| row.name).chain([DIALECT]);
        let help = nearest(name, names()).map_or_else(
            || format!("settings: {}", listed(name, names())),
            |nearest| format!("did you mean '{nearest}'?"),
        );
        let message = format!("there is no setting '{}'", key.text);
        Problem::new(key.span, message, "unknown").help(help)
    })
}

fn refused(name: &str, values: &[&str], why: &str, value: &Text) -> Box<Problem> {
    let message = format!("'{}' is no value of the setting '{name}'", value.text);
    if values.is_empty() {
        let row = TABLE.iter().find(|row| row.name == name);
        let form = row.map_or("", |row| row.form);
        return Problem::new(value.span, message, why).help(format!("it takes {form}"));
    }
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    let help = nearest(&value.text, values.iter().copied()).map_or_else(
        || format!("it takes {}", quoted.join(" or ")),
        |word| format!("did you mean '{word}'?"),
    );
    Problem::new(value.span, message, "not one of its words").help(help)
}

fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        _ if ms > 0 && ms.is_multiple_of(3_600_000) => format!("{} hours", ms / 3_600_000),
        _ if ms.is_multiple_of(1_000) => format!("{} seconds", ms / 1_000),
        _ => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn text(text: &str) -> Text {
        Text { text: text.to_owned(), span: Span::default() }
    }

    #[test]
    fn every_value_of_the_table_can_be_set_and_is_shown_as_it_was_set() {
        for row in TABLE {
            for value in row.values.iter().copied().chain([row.kolk, row.ksqldb]) {
                let mut settings = Settings::default();
                settings.set(&text(row.name), &text(value)).unwrap();
                let shown = (row.show)(&settings);
                assert!(shown == value || value == "exactly_once_v2", "{}: {shown}", row.name);
            }
            assert!(Settings::default().set(&text(row.name), &text("no sense!")).is_err());
        }
    }

    #[test]
    fn a_dialect_sets_every_line_of_the_table() {
        for (dialect, value) in
            [("kolk", (|row| row.kolk) as fn(&Row) -> &'static str), ("ksqldb", |row| row.ksqldb)]
        {
            let mut settings = Settings::default();
            settings.set(&text("dialect"), &text(dialect)).unwrap();
            for (row, (_, shown)) in TABLE.iter().zip(settings.values()) {
                assert_eq!(shown, value(row), "{} in {dialect}", row.name);
            }
        }
    }

    #[test]
    fn unset_goes_back_to_the_start_of_the_session() {
        let start = Settings::of(Dialect::KsqlDb);
        let mut settings = start.clone();
        settings.set(&text("dialect"), &text("kolk")).unwrap();
        settings.set(&text("timezone"), &text("Europe/Paris")).unwrap();
        settings.unset(&text("dialect"), &start).unwrap();
        settings.unset(&text("timezone"), &start).unwrap();
        assert_eq!(settings, start);
    }

    #[test]
    fn names_of_ksqldb_and_kafka_streams_are_known() {
        let mut settings = Settings::default();
        settings.set(&text("ksql.streams.auto.offset.reset"), &text("latest")).unwrap();
        settings.set(&text("processing.guarantee"), &text("at_least_once")).unwrap();
        assert_eq!(settings.offset_reset, OffsetReset::Latest);
        assert_eq!(settings.processing, Processing::AtLeastOnce);
    }
}
