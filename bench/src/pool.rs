//! Records that are made once and written again and again, so that making them costs no contender anything.

use crate::writer::Supply;
use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use kolk::testing::visits::Visits;
use std::fs;
use std::path::Path;

/// Records in a pool.
const ENTRIES: usize = 4096;
/// Key and value of a small record together, in bytes.
const SMALL: usize = 100;

/// What kind of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Key and value are 100 bytes together.
    Small,
    /// Visits of a web site, about 450 bytes of JSON.
    Visits,
}

impl Kind {
    /// Its name, in topics and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "100 B",
            Self::Visits => "450 B",
        }
    }
}

/// Keys and values, in turn.
#[derive(Debug)]
pub(crate) struct Pool {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    at: usize,
}

impl Pool {
    /// Makes the records of `kind`; always the same ones.
    pub(crate) fn make(kind: Kind) -> Self {
        let mut rng = Rng::with_seed(1);
        let mut visits = Visits::new(1);
        let entries = (0..ENTRIES).map(|number| match kind {
            Kind::Small => {
                let key = format!("{:016}", number * 7919).into_bytes();
                let value = std::iter::repeat_with(|| rng.alphanumeric());
                let value: String = value.take(SMALL - key.len()).collect();
                (key, value.into_bytes())
            }
            Kind::Visits => {
                let (mut key, mut value) = (String::new(), String::new());
                visits.next_into(&mut key, &mut value);
                (key.into_bytes(), value.into_bytes())
            }
        });
        Self { entries: entries.collect(), at: 0 }
    }

    /// Writes it to a file: for each record `u32 length, key, u32 length, value`, lengths little-endian.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let mut bytes = Vec::new();
        for part in self.entries.iter().flat_map(|(key, value)| [key, value]) {
            bytes.extend(u32::try_from(part.len())?.to_le_bytes());
            bytes.extend(part);
        }
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads such a file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut rest = &bytes[..];
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let key = part(&mut rest).context("the pool is cut off")?;
            let value = part(&mut rest).context("the pool is cut off")?;
            entries.push((key, value));
        }
        ensure!(!entries.is_empty(), "{} is empty", path.display());
        Ok(Self { entries, at: 0 })
    }
}

fn part(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(part.to_vec())
}

impl Supply for Pool {
    #[inline]
    fn current(&self) -> (&[u8], &[u8]) {
        self.entries.get(self.at).map_or((&[], &[]), |(key, value)| (key, value))
    }

    #[inline]
    fn advance(&mut self) {
        self.at += 1;
        if self.at >= self.entries.len() {
            self.at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_read_as_it_was_written_and_begins_again_at_its_end() {
        for (kind, least, most) in [(Kind::Small, 100, 100), (Kind::Visits, 400, 560)] {
            let path = std::env::temp_dir().join(format!("pool-{}", fastrand::u64(..)));
            let mut made = Pool::make(kind);
            made.save(&path).unwrap();
            let mut read = Pool::load(&path).unwrap();
            fs::remove_file(&path).unwrap();
            let first = made.current().0.to_vec();
            for _ in 0..ENTRIES {
                let (key, value) = made.current();
                let size = key.len() + value.len();
                assert!((least..=most).contains(&size), "{size}");
                assert_eq!(made.current(), read.current());
                made.advance();
                read.advance();
            }
            assert_eq!(read.current().0, first);
        }
    }
}
