//! `kolk state get`.

use crate::failure::Failure;
use crate::session::{Context, nearest};
use crate::state::GetOptions;
use crate::state::tasks::Tasks;
use kolk::state::local::Contents;
use kolk::state::{Store, show};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Prints the entries of a store.
///
/// # Errors
/// [`Failure`] for a store that is not there, or in more than one application; what the files refuse.
pub(super) fn run(options: &GetOptions, context: &Context) -> anyhow::Result<()> {
    let wanted = options.key.as_deref().map(Wanted::of);
    let tasks = Tasks::find(&options.selection, context)?;
    let (mut applications, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut left = options.limit.unwrap_or(usize::MAX);
    for contents in tasks.read() {
        let contents = contents?;
        names.extend(contents.layout.stores.iter().map(|store| store.name.clone()));
        let place = contents.layout.stores.iter().position(|store| store.name == options.store);
        let Some(place) = place else { continue };
        applications.insert(contents.layout.application.clone());
        if applications.len() > 1 {
            let what = format!("more than one application has a store `{}`", options.store);
            return Err(Failure::usage(what).help("--app names the one that is meant").into());
        }
        print(&contents, place, (wanted.as_ref(), &mut left), options, context)?;
    }
    if applications.is_empty() {
        let what = format!("there is no store `{}` in {}", options.store, tasks.place());
        let help = match nearest(&options.store, names.iter().map(String::as_str)) {
            Some(nearest) => format!("did you mean `{nearest}`? `kolk state list` shows all"),
            None => "`kolk state list` shows what there is".to_owned(),
        };
        return Err(Failure::usage(what).help(help).into());
    }
    Ok(())
}

fn print(
    contents: &Contents,
    place: usize,
    (wanted, left): (Option<&Wanted>, &mut usize),
    options: &GetOptions,
    context: &Context,
) -> anyhow::Result<()> {
    let (Some(store), Some(layout)) =
        (contents.stores.get(place), contents.layout.stores.get(place))
    else {
        return Ok(());
    };
    let partition = contents.layout.partition;
    for (key, value) in sorted(store) {
        let key = show(&layout.shape.key, key);
        if *left == 0 {
            break;
        }
        if wanted.is_some_and(|wanted| !wanted.is(&key)) {
            continue;
        }
        *left -= 1;
        let value = show(&layout.shape.value, value);
        if options.form.is_json() {
            let [key, value] = [key, value].map(|text| parsed(&text));
            context.out.json(&json!({ "partition": partition, "key": key, "value": value }))?;
        } else {
            context.out.line(format!("partition {partition}  {key}  {value}"))?;
        }
    }
    Ok(())
}

/// The entries in the order of their keys.
pub(super) fn sorted(store: &Store) -> Vec<(&[u8], &[u8])> {
    let mut entries: Vec<(&[u8], &[u8])> =
        store.iter().map(|(_, key, value)| (key, value)).collect();
    entries.sort_unstable();
    entries
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Which keys are wanted.
#[derive(Debug)]
enum Wanted {
    /// Those that have all these fields.
    Fields(Map<String, Value>),
    /// Those of which a field has this text.
    Value(String),
}

impl Wanted {
    fn of(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Self::Fields(fields),
            _ => Self::Value(text.to_owned()),
        }
    }

    fn is(&self, key: &str) -> bool {
        let Value::Object(key) = parsed(key) else { return false };
        match self {
            Self::Fields(fields) => fields.iter().all(|(name, value)| key.get(name) == Some(value)),
            Self::Value(text) => key.values().any(|value| match value {
                Value::String(value) => value == text,
                value => *text == value.to_string().as_str(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_wanted_by_a_value_or_by_fields() {
        let key = r#"{"user":"alice","day":3}"#;
        let yes = ["alice", "3", r#"{"day":3}"#, r#"{"user":"alice","day":3}"#, "{}"];
        let no = ["ali", "4", r#"{"day":"3"}"#, r#"{"user":"alice","hour":1}"#];
        assert!(yes.iter().all(|text| Wanted::of(text).is(key)));
        assert!(!no.iter().any(|text| Wanted::of(text).is(key)));
    }
}
