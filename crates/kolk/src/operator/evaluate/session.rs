//! What is the same for all rows of a query, and memory that lasts from batch to batch.

use crate::codec::pattern::Pattern;
use crate::codec::regex::Regex;
use crate::codec::zone::Zone;
use crate::operator::PlanError;
use crate::operator::encode::Style;
use crate::operator::value::Value;
use crate::topology::{Collections, Conventions, LambdaFailures, NullComparisons};
use hashbrown::HashMap;

/// What is the same for all rows, and memory that lasts from batch to batch.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where text without an offset is read, and time-stamps are written.
    pub(crate) zone: Zone,
    /// How values are written as JSON.
    pub(crate) style: Style,
    /// What a comparison with NULL is.
    pub(crate) null_comparisons: NullComparisons,
    /// How collections show themselves.
    pub(crate) collections: Collections,
    /// What becomes of a lambda function's failure.
    pub(crate) lambda_failures: LambdaFailures,
    /// Formats and zones that expressions named, compiled.
    pub(crate) patterns: HashMap<String, Option<Pattern>>,
    pub(crate) zones: HashMap<String, Option<Zone>>,
    pub(crate) regexes: HashMap<String, Option<Regex>>,
}

impl Session {
    /// A session by these conventions.
    ///
    /// # Errors
    /// [`PlanError::Setting`] when there is no such time zone.
    pub(crate) fn new(conventions: &Conventions) -> Result<Self, PlanError> {
        let zone = Zone::named(&conventions.timezone).ok_or_else(|| PlanError::Setting {
            setting: "timezone",
            value: conventions.timezone.clone(),
            why: "there is no such time zone: name one like Europe/Paris or +01:00".to_owned(),
        })?;
        Ok(Self {
            zone,
            style: Style { timestamps: conventions.json_timestamps, nulls: conventions.json_nulls },
            null_comparisons: conventions.null_comparisons,
            collections: conventions.collections,
            lambda_failures: conventions.lambda_failures,
            patterns: HashMap::new(),
            zones: HashMap::new(),
            regexes: HashMap::new(),
        })
    }

    /// Brings the entries of a map into the order in which functions go through it.
    pub(crate) fn arrange(&self, entries: &mut [(Value<'_>, Value<'_>)]) {
        if self.collections == Collections::Java {
            Value::arrange_as_java(entries);
        }
    }
}
