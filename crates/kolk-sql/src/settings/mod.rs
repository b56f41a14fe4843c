//! `SET`: the settings of a session, one for each line on which the dialects differ, and `dialect`, which sets them all.

mod table;

pub use table::{Row, TABLE};

use crate::ast::Text;
use crate::error::{Problem, Result, listed, nearest};
use kolk::topology::{Conventions, Format, OffsetReset};
use std::time::Duration;
use table::{ALIASES, FIXED, WITHOUT_EFFECT};

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
    /// Which changes of a table are written.
    TableUpdates {
        /// Every one.
        All = "all",
        /// The last one of each key at each commit.
        Latest = "latest",
    }
    /// Which aggregate functions tables have.
    TableAggregates {
        /// Also those for which all values of a group are kept.
        All = "all",
        /// Those that take a row back from what they are.
        Reversible = "reversible",
    }
    /// What may be joined.
    JoinRules {
        /// Whatever has a meaning.
        Free = "free",
        /// What ksqlDB joins.
        Strict = "strict",
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
    /// What `STDDEV_SAMP` gives.
    StdDevSamp {
        /// The standard deviation of a sample.
        Deviation = "deviation",
        /// Its square.
        Variance = "variance",
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
    /// Which changes of a table are written.
    pub table_updates: TableUpdates,
    /// Which aggregate functions tables have.
    pub table_aggregates: TableAggregates,
    /// What may be joined.
    pub join_rules: JoinRules,
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
    /// What `STDDEV_SAMP` gives.
    pub stddev_samp: StdDevSamp,
    /// How many values `COLLECT_LIST` keeps; as many as the engine does, if absent.
    pub collect_list_limit: Option<u32>,
    /// How many values `COLLECT_SET` keeps.
    pub collect_set_limit: Option<u32>,
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
            join_rules: JoinRules::Free,
            table_updates: TableUpdates::Latest,
            table_aggregates: TableAggregates::All,
            on_bad_record: BadRecord::Fail,
            conventions: Conventions::default(),
            offset_reset: OffsetReset::Earliest,
            processing: Processing::ExactlyOnce,
            wrap_single_values: true,
            key_format: Format::Kafka,
            value_format: None,
            topic_prefix: String::new(),
            late: "skip".to_owned(),
            stddev_samp: StdDevSamp::Deviation,
            collect_list_limit: None,
            collect_set_limit: None,
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
        if let Some((name, only)) = FIXED.iter().find(|(name, _)| *name == own_name(key)) {
            let fits = value.text.eq_ignore_ascii_case(only);
            return if fits { Ok(()) } else { Err(refused(name, &[only], "", value)) };
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
        let is_fixed = FIXED.iter().any(|(name, _)| *name == own_name(key));
        if is_fixed || WITHOUT_EFFECT.contains(&own_name(key)) {
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

/// The setting that sets all lines on which the dialects differ.
const DIALECT: &str = "dialect";

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
