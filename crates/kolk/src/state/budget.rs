//! The memory of all that a process holds for its queries, under one bound: `memory_max`.
//!
//! Whoever holds memory says how much, a batch at a time, with one atomic addition. Who is about to take more asks first, and
//! waits when there is no room: reading stops, and Kafka keeps what is not read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A bound for the memory of all queries of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    /// What all hold.
    used: AtomicUsize,
    holders: Mutex<Vec<Weak<Holder>>>,
}

#[derive(Debug)]
struct Holder {
    name: String,
    bytes: AtomicUsize,
}

/// What one holder has of a [`Budget`]; given back when this is dropped.
#[derive(Debug)]
pub struct Holding {
    holder: Arc<Holder>,
    budget: Arc<Shared>,
}

impl Budget {
    /// So many bytes for all.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Shared { max, used: AtomicUsize::new(0), holders: Mutex::default() }))
    }

    /// As much as there is.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    /// Whether there is no bound: then nobody needs to say what it holds.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        self.0.max == usize::MAX
    }

    /// The bound in bytes.
    #[must_use]
    pub fn max(&self) -> usize {
        self.0.max
    }

    /// What is held, in bytes.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Whether `more` bytes would be too many. Nobody is stopped who takes them all the same.
    #[must_use]
    pub fn would_exceed(&self, more: usize) -> bool {
        self.used().saturating_add(more) > self.0.max
    }

    /// A holder, with nothing yet. The name says whose memory it is: `store visits-aggregate-1, partition 3`.
    #[must_use]
    pub fn hold(&self, name: impl Into<String>) -> Holding {
        let holder = Arc::new(Holder { name: name.into(), bytes: AtomicUsize::new(0) });
        let mut holders = self.0.holders.lock().unwrap_or_else(PoisonError::into_inner);
        holders.retain(|holder| holder.strong_count() > 0);
        holders.push(Arc::downgrade(&holder));
        Holding { holder, budget: Arc::clone(&self.0) }
    }

    /// Who holds how much.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        let holders = self.0.holders.lock().unwrap_or_else(PoisonError::into_inner);
        for holder in holders.iter().filter_map(Weak::upgrade) {
            *by_name.entry(holder.name.clone()).or_default() +=
                holder.bytes.load(Ordering::Relaxed);
        }
        let mut holders: Vec<(String, usize)> = by_name.into_iter().collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.1));
        Report { max: self.0.max, used: self.used(), holders }
    }
}

impl Holding {
    /// Says how many bytes it is now.
    pub fn set(&self, bytes: usize) {
        let before = self.holder.bytes.swap(bytes, Ordering::Relaxed);
        // Wraps where it shrinks: the sum of all is right all the same.
        self.budget.used.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }

    /// What it said last.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.holder.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Who holds how much of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The bound in bytes.
    pub max: usize,
    /// What is held, in bytes.
    pub used: usize,
    /// Names with bytes, the largest first.
    pub holders: Vec<(String, usize)>,
}

/// So many holders are named.
const NAMED_MAX: usize = 5;

/// `60.0 MiB of memory_max = 64.0 MiB: store visits-aggregate-1, partition 3 holds 41.5 MiB; …`
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of memory_max = {}", Bytes(self.used), Bytes(self.max))?;
        let largest = self.holders.iter().filter(|holder| holder.1 > 0);
        for (number, (name, bytes)) in largest.take(NAMED_MAX).enumerate() {
            let before = if number == 0 { ": " } else { "; " };
            write!(f, "{before}{name} holds {}", Bytes(*bytes))?;
        }
        Ok(())
    }
}

/// A number of bytes as people read it.
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.into_iter().find(|(shift, _)| self.0 >> shift > 0) {
            Some((shift, unit)) => {
                let tenths = (self.0 as u128 * 10) >> shift;
                write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
            }
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_add_up_and_give_back() {
        let budget = Budget::new(1000);
        let rows = budget.hold("rows");
        let store = budget.clone().hold("store");
        rows.set(300);
        store.set(600);
        assert_eq!(
            (budget.used(), budget.would_exceed(100), budget.would_exceed(101)),
            (900, false, true)
        );
        rows.set(100);
        assert_eq!((budget.used(), rows.bytes()), (700, 100));
        drop(store);
        assert_eq!(budget.used(), 100);
        assert!(!Budget::unbounded().would_exceed(usize::MAX));
    }

    #[test]
    fn the_report_names_the_largest_first_and_only_who_is_left() {
        let budget = Budget::new(64 << 20);
        let holders: Vec<Holding> = (0..7)
            .map(|number| {
                let holding = budget.hold(format!("store {number}"));
                holding.set(number << 20);
                holding
            })
            .collect();
        let more = budget.hold("store 1");
        more.set(9 << 20);
        let gone = budget.hold("gone");
        gone.set(1);
        drop(gone);
        assert_eq!(
            budget.report().to_string(),
            "30.0 MiB of memory_max = 64.0 MiB: store 1 holds 10.0 MiB; store 6 holds 6.0 MiB; \
             store 5 holds 5.0 MiB; store 4 holds 4.0 MiB; store 3 holds 3.0 MiB"
        );
        drop((holders, more));
        assert_eq!(budget.report().to_string(), "0 bytes of memory_max = 64.0 MiB");
    }

    #[test]
    fn bytes_are_shown_in_the_largest_unit() {
        let shown =
            [0, 1023, 1024, 1_610_612_736, 88_604_672].map(|bytes| Bytes(bytes).to_string());
        assert_eq!(shown, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 GiB", "84.5 MiB"]);
    }
}
