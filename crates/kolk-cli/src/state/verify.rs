//! `kolk state verify`: the state of each store beside the replay of its changelog.

use crate::failure::CheckFailed;
use crate::reader::{bounds, read_between};
use crate::session::{Context, Session};
use crate::state::VerifyOptions;
use crate::state::get::sorted;
use crate::state::tasks::Tasks;
use kolk::client::Offset;
use kolk::state::local::{Contents, StoreLayout};
use kolk::state::{Shape, Store, show};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Compares the stores with their changelogs.
///
/// # Errors
/// [`CheckFailed`] when something is not as it should be, which was told; what the cluster refuses.
pub(super) fn run(options: &VerifyOptions, context: &Context) -> anyhow::Result<()> {
    let tasks = Tasks::find(&options.selection, context)?;
    let session = Session::open(&options.connection, context)?;
    context.stop.catch_signals()?;
    let committed = session.reading(&[("isolation.level", "read_committed")])?;
    let mut sound = true;
    let mut findings = Vec::new();
    for contents in tasks.read() {
        let contents = match contents {
            Ok(contents) => contents,
            Err(error) => {
                sound = false;
                context.out.note(&error.to_string());
                continue;
            }
        };
        for (layout, store) in contents.layout.stores.iter().zip(&contents.stores) {
            let finding = verify(&contents, layout, store, (&committed, context), options.show)?;
            sound &= finding.problems.is_empty();
            if options.form.is_json() {
                findings.push(finding.to_json());
            } else {
                finding.lines().iter().try_for_each(|line| context.out.line(line))?;
            }
        }
    }
    if options.form.is_json() {
        context.out.json(&Value::Array(findings))?;
    }
    if sound { Ok(()) } else { Err(CheckFailed.into()) }
}

/// What was found of one store.
#[derive(Debug)]
struct Finding {
    application: String,
    store: String,
    partition: i32,
    entries: usize,
    position: i64,
    /// Keys that changed behind the position.
    later: usize,
    /// Entries that differ.
    differences: usize,
    /// What is wrong; of the differences the first ones.
    problems: Vec<String>,
}

fn verify(
    contents: &Contents,
    layout: &StoreLayout,
    store: &Store,
    (session, context): (&Session, &Context),
    show: usize,
) -> anyhow::Result<Finding> {
    let position = contents.positions.get(&layout.name).copied().unwrap_or(0);
    let mut finding = Finding {
        application: contents.layout.application.clone(),
        store: layout.name.clone(),
        partition: contents.layout.partition,
        entries: store.len(),
        position,
        later: 0,
        differences: 0,
        problems: Vec::new(),
    };
    let name = layout.changelog(&finding.application);
    let Some(topic) = session.admin()?.find_topic(&name)? else {
        // A store that never changed has nothing to be compared with.
        if position > 0 || !store.is_empty() {
            finding.problems.push(format!("there is no topic {name}"));
        }
        return Ok(finding);
    };
    let Some(&(start, end)) = bounds(session, &topic)?.get(&finding.partition) else {
        finding.problems.push(format!("topic {name} has no partition {}", finding.partition));
        return Ok(finding);
    };
    if end < Offset(position) {
        let what = format!("the changelog ends at {end}, before the state's position {position}");
        finding.problems.push(what);
    }
    let mut replay = Store::new(&layout.name);
    let mut later = BTreeSet::new();
    let partition = BTreeMap::from([(finding.partition, (start, end))]);
    read_between(session, &name, &partition, &context.stop, |_, record| {
        let key = record.key.unwrap_or_default();
        if record.offset < position {
            replay.restore(key, record.value);
        } else {
            later.insert(key.to_vec());
        }
        Ok(())
    })?;
    finding.later = later.len();
    finding.compare(store, &replay, &layout.shape, (&later, show));
    Ok(finding)
}

impl Finding {
    fn compare(
        &mut self,
        store: &Store,
        replay: &Store,
        shape: &Shape,
        (later, shown): (&BTreeSet<Vec<u8>>, usize),
    ) {
        let of = |store: &Store, key: &[u8]| store.find(key).map(|id| store.value(id).to_vec());
        let keys: BTreeSet<&[u8]> =
            sorted(store).into_iter().chain(sorted(replay)).map(|(key, _)| key).collect();
        for key in keys.into_iter().filter(|key| !later.contains(*key)) {
            let [here, there] = [store, replay].map(|store| of(store, key));
            if here == there {
                continue;
            }
            self.differences += 1;
            if self.differences <= shown {
                let text = |value: Option<Vec<u8>>| {
                    value.map_or("nothing".to_owned(), |value| show(&shape.value, &value))
                };
                let (here, there) = (text(here), text(there));
                let key = show(&shape.key, key);
                self.problems.push(format!("{key}: the state has {here}, the changelog {there}"));
            }
        }
        if self.differences > shown {
            self.problems.push(format!("and {} more differences", self.differences - shown));
        }
    }

    fn lines(&self) -> Vec<String> {
        let Self { application, store, partition, entries, position, later, .. } = self;
        let verdict = if self.problems.is_empty() { "ok" } else { "FAILED" };
        let mut line = format!(
            "{application} {store}, partition {partition}: {verdict}, {entries} entries up to {position}"
        );
        if *later > 0 {
            line.push_str(&format!(", {later} keys changed since and were not compared"));
        }
        let problems = self.problems.iter().map(|problem| format!("  {problem}"));
        std::iter::once(line).chain(problems).collect()
    }

    fn to_json(&self) -> Value {
        json!({
            "application": self.application,
            "store": self.store,
            "partition": self.partition,
            "entries": self.entries,
            "position": self.position,
            "changed_since": self.later,
            "differences": self.differences,
            "problems": self.problems,
        })
    }
}
