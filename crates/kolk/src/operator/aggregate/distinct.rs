//! COUNT_DISTINCT: how many different values, exactly; NULLs aside.

use super::accumulator::{Growth, Scope, Variable};
use super::item::write_item;
use crate::operator::appender::Appender;
use crate::operator::column::Vector;
use crate::schema::DataType;
use sha2::{Digest, Sha256};

/// A value as 16 bytes: its length and its JSON where that is short, else 255 and the first 15 bytes of its SHA-256. Two values that
/// share these are beyond what anybody can find.
type Mark = [u8; 16];

/// The marks of all values, sorted.
#[derive(Debug)]
pub(super) struct CountDistinct {
    of: DataType,
}

impl CountDistinct {
    pub(super) fn new(of: &DataType) -> Self {
        Self { of: of.clone() }
    }
}

fn mark(value: &[u8]) -> Mark {
    let mut mark = [0; 16];
    match u8::try_from(value.len()) {
        Ok(len) if value.len() < mark.len() => {
            mark[0] = len;
            mark[1..=value.len()].copy_from_slice(value);
        }
        _ => {
            mark[0] = u8::MAX;
            mark[1..].copy_from_slice(&Sha256::digest(value)[..15]);
        }
    }
    mark
}

impl Variable for CountDistinct {
    fn add(&self, of: &[&Vector], row: usize, growth: Growth<'_>, scope: &mut Scope<'_>) -> bool {
        if of[0].is_null(row) {
            return false;
        }
        let Growth { state, new } = growth;
        write_item(of[0], row, &self.of, scope, new);
        let mark = mark(new);
        new.clear();
        let marks = state.as_chunks::<16>().0;
        let Err(at) = marks.binary_search(&mark) else { return false };
        new.extend_from_slice(marks[..at].as_flattened());
        new.extend_from_slice(&mark);
        new.extend_from_slice(marks[at..].as_flattened());
        true
    }

    fn merge(&self, Growth { state, new }: Growth<'_>, other: &[u8]) {
        let states = [state, other].map(|state| state.as_chunks::<16>().0);
        let mut all: Vec<&Mark> = states.into_iter().flatten().collect();
        all.sort_unstable();
        all.dedup();
        all.iter().for_each(|mark| new.extend_from_slice(*mark));
    }

    fn result(&self, state: &[u8], into: &mut Appender, _: &mut Vec<u8>) {
        into.push_i64(i64::try_from(state.len() / 16).unwrap_or(i64::MAX));
    }
}
