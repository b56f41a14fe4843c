//! Visits of users, as JSON: the input of the sessions scenario.
//!
//! `{"user_id": 17, "page": "B.html", "event_time": "2023-02-20T03:03:26"}`, event times in UTC. A few users are active at a time, each for
//! some visits seconds apart, and come back much later: sessions. One visit in four is out of order, by at most
//! [`DISORDER_MAX_S`]. The same seed gives the same bytes.

use fastrand::Rng;
use std::fmt::Write;

/// No visit's event time is more than this far behind that of one before it, in seconds.
pub const DISORDER_MAX_S: u64 = 8;

/// Users that are active at the same time.
const ACTIVE: usize = 8;
const USERS: u64 = 500;
/// Visits of a session: at least 2, fewer than 12.
const VISITS: std::ops::Range<u32> = 2..12;
/// 2023-02-20T06:00:00Z, in seconds: behind the example's own records, which may lie in the topic already.
const EPOCH_S: u64 = 1_676_872_800;

/// Draws visits without end.
#[derive(Debug)]
pub struct UserVisits {
    rng: Rng,
    now_s: u64,
    /// The users that are active, and the visits that each has left.
    active: Vec<(u64, u32)>,
    users: u64,
}

impl UserVisits {
    /// Visits of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), now_s: EPOCH_S, active: Vec::new(), users: 0 }
    }

    /// Writes the next visit into `value`, which is cleared first.
    pub fn next_into(&mut self, value: &mut String) {
        while self.active.len() < ACTIVE {
            let user = self.users % USERS + 1;
            self.users += 1;
            self.active.push((user, self.rng.u32(VISITS)));
        }
        self.now_s += self.rng.u64(..4);
        let behind_s = if self.rng.u8(..4) == 0 { self.rng.u64(..=DISORDER_MAX_S) } else { 0 };
        let at = self.rng.usize(..self.active.len());
        let (user, left) = &mut self.active[at];
        let page = char::from(self.rng.u8(b'A'..=b'Z'));
        let time = super::time_text(self.now_s - behind_s, "%Y-%m-%dT%H:%M:%S");
        value.clear();
        let _ = write!(
            value,
            r#"{{"user_id": {user}, "page": "{page}.html", "event_time": "{time}"}}"#
        );
        *left -= 1;
        if *left == 0 {
            self.active.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn draw(seed: u64, count: usize) -> Vec<String> {
        let mut visits = UserVisits::new(seed);
        let mut value = String::new();
        (0..count)
            .map(|_| {
                visits.next_into(&mut value);
                value.clone()
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(draw(7, 500), draw(7, 500));
        assert_ne!(draw(7, 500), draw(8, 500));
    }

    #[test]
    fn visits_are_out_of_order_and_not_by_more_than_they_may_be() {
        let (mut greatest, mut behind, mut users) = (0, 0, BTreeSet::new());
        for visit in draw(1, 5000) {
            let visit: serde_json::Value = serde_json::from_str(&visit).unwrap();
            users.insert(visit["user_id"].as_u64().unwrap());
            let time = format!("{}Z", visit["event_time"].as_str().unwrap());
            let time = time.parse::<jiff::Timestamp>().unwrap().as_second();
            behind += i32::from(time < greatest);
            assert!(time >= greatest - 8, "{visit} after {greatest}");
            greatest = greatest.max(time);
        }
        assert!(behind > 500, "{behind} of 5000 are out of order");
        assert!(users.len() > 400, "{} users", users.len());
    }
}
