//! The books of a query: every record read has exactly one fate, and the fates add up.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one query since its start.
///
/// `read = forwarded + filtered + skipped + dead_lettered` holds at every moment, and when nothing is on its way
/// `forwarded = delivered + too_large`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Records read from the inputs. What is read again after a rewind counts only once: the query goes on with
    /// the books of its last commit.
    pub read: u64,
    /// Rows handed to delivery.
    pub forwarded: u64,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Records that could not be processed and were passed over.
    pub skipped: u64,
    /// Records that could not be processed and went to the dead-letter topic.
    pub dead_lettered: u64,
    /// Rows that the sink has acknowledged.
    pub delivered: u64,
    /// Rows that the sink refused for good, being too large.
    pub too_large: u64,
    /// Rows on which an expression failed and gave NULL; they are among the forwarded or filtered ones.
    pub failed_expressions: u64,
}

impl Account {
    /// Whether the fates add up to the records read.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.read == self.forwarded + self.filtered + self.skipped + self.dead_lettered
    }

    /// Forgets `rows` that were taken for delivery and held back when the query stopped: whoever goes on reads them again.
    pub fn give_back(&mut self, rows: u64) {
        self.read -= rows;
        self.forwarded -= rows;
    }
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.forwarded += other.forwarded;
        self.filtered += other.filtered;
        self.skipped += other.skipped;
        self.dead_lettered += other.dead_lettered;
        self.delivered += other.delivered;
        self.too_large += other.too_large;
        self.failed_expressions += other.failed_expressions;
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {} = forwarded {}", self.read, self.forwarded)?;
        write!(f, " + filtered {} + skipped {}", self.filtered, self.skipped)?;
        write!(f, " + dead-lettered {}; delivered {}", self.dead_lettered, self.delivered)?;
        if self.too_large > 0 {
            write!(f, ", too large {}", self.too_large)?;
        }
        Ok(())
    }
}
