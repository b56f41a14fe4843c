//! The table of settings: their names, values, what holds in each dialect, and what they do.

use super::{
    BadRecord, ClashingNames, JoinRules, Names, OuterJoin, Processing, ProjectedKeys, SelectStar,
    Settings, StdDevSamp, TableAggregates, TableUpdates,
};
use crate::duration;
use crate::options::DELIMITER;
use kolk::topology::{
    Collections, Format, JsonNulls, JsonTimestamps, LambdaFailures, NullComparisons, OffsetReset,
    WatermarkPolicy, WithoutValue,
};
use std::time::Duration;

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
    pub(super) apply: fn(&mut Settings, &str) -> Result<(), String>,
    pub(super) show: fn(&Settings) -> String,
}

impl Row {
    /// Whether `dialect` sets it.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.kolk != self.ksqldb
    }
}

/// Other names under which ksqlDB and Kafka Streams know a setting.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("processing.guarantee", "processing"),
    ("ksql.persistence.wrap.single.values", "wrap_single_values"),
    ("ksql.persistence.default.format.key", "key_format"),
    ("ksql.persistence.default.format.value", "value_format"),
    ("ksql.output.topic.name.prefix", "topic_prefix"),
    ("ksql.functions.collect_list.limit", "collect_list_limit"),
    ("ksql.functions.collect_set.limit", "collect_set_limit"),
];

/// Settings of ksqlDB and Kafka Streams that choose between two ways to the same rows, of which Kolk has one.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "ksql.new.query.planner.enabled",
    "ksql.windowed.session.key.legacy",
    "default.timestamp.extractor",
    "__emit.interval.ms.kstreams.windowed.aggregation__",
];

/// Settings of ksqlDB of which Kolk does one value; others are refused.
pub(super) const FIXED: &[(&str, &str)] = &[
    // SUBSTRING counts from 1, the second number is a length.
    ("ksql.functions.substring.legacy.args", "false"),
    // DECIMAL and DOUBLE are compared as DOUBLE.
    ("use.exact.numeric.comparison", "false"),
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
    "where_without_value" ["evaluated", "false"] "", "evaluated" / "false",
        (|settings, word| {
            settings.conventions.where_without_value = match word {
                "evaluated" => WithoutValue::Evaluated,
                "false" => WithoutValue::False,
                _ => return Err(String::new()),
            };
            Ok(())
        }, |settings| match settings.conventions.where_without_value {
            WithoutValue::Evaluated => "evaluated".to_owned(),
            WithoutValue::False => "false".to_owned(),
        }),
        "What WHERE says of a stream's record without a value: that its columns are NULL, or nothing but FALSE.";
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
    "table_updates" ["latest", "all"] "", "latest" / "all", word_field!(TableUpdates, table_updates),
        "Which changes of aggregated tables are written: the last one of each key at each commit, or every one. Streams, and what \
        EMIT FINAL gives, are always whole.";
    "table_aggregates" ["all", "reversible"] "", "all" / "reversible", word_field!(TableAggregates, table_aggregates),
        "Which aggregate functions tables have: also MIN, MAX, COUNT_DISTINCT, COLLECT_SET, TOPK and those by offset, for which all \
        different values of a group are kept, or those of all its rows; or only those that take a row back from what they are.";
    "join_rules" ["free", "strict"] "", "free" / "strict", word_field!(JoinRules, join_rules),
        "`free`: numbers of different types can be joined, and a stream or table with itself, under two names. `strict`: both \
        sides of ON have one type, no input is there twice, and none has values of format KAFKA.";
    "on_bad_record" ["fail", "skip", "dead_letter"] "", "fail" / "skip", word_field!(BadRecord, on_bad_record),
        "What becomes of a record that cannot be read, where neither the stream nor the query says it. Always counted.";
    "stddev_samp" ["deviation", "variance"] "", "deviation" / "variance", word_field!(StdDevSamp, stddev_samp),
        "What `STDDEV_SAMP` gives: the standard deviation of a sample, or its square. `STDDEV_SAMPLE` gives the deviation.";
    "timezone" [] "an IANA time zone such as Europe/Paris", "UTC" / "UTC",
        (|settings, zone| {
            let zone = jiff::tz::TimeZone::get(zone).map_err(|error| error.to_string())?;
            settings.conventions.timezone = zone.iana_name().unwrap_or("UTC").to_owned();
            Ok(())
        }, |settings| settings.conventions.timezone.clone()),
        "Zone of time-stamps written as text, and of text without an offset.";
    "memory_max" [] "an amount such as 512 MiB, or `none`", "none" / "none",
        (|settings, text| {
            let bound = (text != "none").then(|| crate::size::parse(text));
            settings.conventions.memory_max = bound.transpose()?;
            Ok(())
        }, |settings| {
            settings.conventions.memory_max.map_or_else(|| "none".to_owned(), crate::size::show)
        }),
        "What all queries of the process together may hold in memory: stores, their indexes, and rows that wait. Beyond it reading \
         waits; the least of the statements' values, and of `kolk run --memory-max`, counts.";
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
    "collect_list_limit" [] "a number of values, or `none`", "none" / "none",
        (|settings, text| {
            settings.collect_list_limit = limit(text)?;
            Ok(())
        }, |settings| show_limit(settings.collect_list_limit)),
        "How many values `COLLECT_LIST` keeps of a group, the first ones; 1000 with `none`.";
    "collect_set_limit" [] "a number of values, or `none`", "none" / "none",
        (|settings, text| {
            settings.collect_set_limit = limit(text)?;
            Ok(())
        }, |settings| show_limit(settings.collect_set_limit)),
        "How many values `COLLECT_SET` keeps of a group, the first ones; 1000 with `none`.";
    "late" [] "`skip`, `dead_letter`, or the name of a topic", "skip" / "skip",
        (|settings, text| {
            check_topic(text)?;
            text.clone_into(&mut settings.late);
            Ok(())
        }, |settings| settings.late.clone()),
        "What becomes of rows that come too late for their window or join, or have no key there, \
        where the query does not say it. Always counted.";
}

/// A number of values to keep.
fn limit(text: &str) -> Result<Option<u32>, String> {
    match text {
        "none" => Ok(None),
        number => match number.parse() {
            Ok(limit @ 1..=2_147_483_647) => Ok(Some(limit)),
            _ => Err("it is no number from 1 on".to_owned()),
        },
    }
}

fn show_limit(limit: Option<u32>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
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

fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        _ if ms > 0 && ms.is_multiple_of(3_600_000) => format!("{} hours", ms / 3_600_000),
        _ if ms.is_multiple_of(1_000) => format!("{} seconds", ms / 1_000),
        _ => format!("{ms} ms"),
    }
}
