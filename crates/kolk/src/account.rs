//! The books of a query: every record read has exactly one fate, and the fates add up.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one query since its start.
///
/// `read + made = forwarded + filtered + skipped + dead_lettered + late + null_key + taken` holds at every moment, and when nothing is
/// on its way `forwarded = delivered + too_large`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Records read from the inputs. What is read again after a rewind counts only once: the query goes on with
    /// the books of its last commit.
    pub read: u64,
    /// Rows that operators made: results of aggregations and joins, and more than one row of an explosion.
    pub made: u64,
    /// Rows handed to delivery.
    pub forwarded: u64,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Records that could not be processed and were passed over.
    pub skipped: u64,
    /// Records that could not be processed and went to the dead-letter topic.
    pub dead_lettered: u64,
    /// Rows that came too late.
    pub late: u64,
    /// Rows left out because the key, or a part of it, is NULL.
    pub null_key: u64,
    /// Rows taken into state.
    pub taken: u64,
    /// Rows that the sink has acknowledged.
    pub delivered: u64,
    /// Rows that the sink refused for good, being too large.
    pub too_large: u64,
    /// Records that moved no watermark, because their event time is too far ahead: of the record's time-stamp, or where it is that, of
    /// the clock when it was read. They are among the others.
    pub future: u64,
    /// Rows on which an expression failed and gave NULL; they are among the forwarded or filtered ones.
    pub failed_expressions: u64,
}

impl Account {
    /// Whether the fates add up to the records read.
    #[must_use]
    pub fn balances(&self) -> bool {
        let ended = self.late + self.null_key + self.taken;
        let gone = self.filtered + self.skipped + self.dead_lettered;
        self.read + self.made == self.forwarded + gone + ended
    }

    /// Every count with its name, in the order of the books.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 13] {
        [
            ("read", self.read),
            ("made", self.made),
            ("forwarded", self.forwarded),
            ("filtered", self.filtered),
            ("skipped", self.skipped),
            ("dead_lettered", self.dead_lettered),
            ("late", self.late),
            ("null_key", self.null_key),
            ("taken", self.taken),
            ("delivered", self.delivered),
            ("too_large", self.too_large),
            ("future", self.future),
            ("failed_expressions", self.failed_expressions),
        ]
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
        self.made += other.made;
        self.forwarded += other.forwarded;
        self.filtered += other.filtered;
        self.skipped += other.skipped;
        self.dead_lettered += other.dead_lettered;
        self.late += other.late;
        self.null_key += other.null_key;
        self.taken += other.taken;
        self.delivered += other.delivered;
        self.too_large += other.too_large;
        self.future += other.future;
        self.failed_expressions += other.failed_expressions;
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {}", self.read)?;
        if self.made > 0 {
            write!(f, " + made {}", self.made)?;
        }
        write!(f, " = forwarded {} + filtered {}", self.forwarded, self.filtered)?;
        write!(f, " + skipped {} + dead-lettered {}", self.skipped, self.dead_lettered)?;
        let of_state =
            [("late", self.late), ("null key", self.null_key), ("taken into state", self.taken)];
        for (name, count) in of_state.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, " + {name} {count}")?;
        }
        write!(f, "; delivered {}", self.delivered)?;
        if self.too_large > 0 {
            write!(f, ", too large {}", self.too_large)?;
        }
        if self.future > 0 {
            write!(f, "; of the future {}", self.future)?;
        }
        Ok(())
    }
}
