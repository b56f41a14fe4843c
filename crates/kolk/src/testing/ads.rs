//! Visits and the ads displayed on their pages, as JSON: the input of the joiner scenario.
//!
//! Visits are `{"visit_id": "visit-3", "event_time": "2024-01-01T08:58:00.000+00:00", "page": "category1"}`, ads `{"page": "home",
//! "display_time": "2024-01-01T08:18:15.000+00:00", "campaign_name": "supermarket"}`. About every second ad is displayed within two
//! minutes after a visit on its page. Either topic is out of order by at most [`DISORDER_MAX_S`]. The same seed gives the same bytes.

use fastrand::Rng;
use std::collections::VecDeque;
use std::fmt::Write;

/// No event time is more than this far behind that of one before it, in seconds.
pub const DISORDER_MAX_S: u64 = 8 * 60;

/// An ad follows one of so many last visits.
const RECENT: usize = 10;
/// 2024-01-01T12:00:00Z, in seconds: behind the example's own records, which may lie in the topics already.
const EPOCH_S: u64 = 1_704_110_400;
const CAMPAIGNS: &[&str] =
    &["supermarket", "internet provider", "travel agency", "bookshop", "car rental", "bakery"];

/// Which topic a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The visits.
    Visit,
    /// The ads.
    Ad,
}

/// Draws visits and ads without end.
#[derive(Debug)]
pub struct VisitsAndAds {
    rng: Rng,
    now_s: u64,
    visits: u64,
    /// Time and page of the last visits.
    recent: VecDeque<(u64, String)>,
}

impl VisitsAndAds {
    /// Visits and ads of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), now_s: EPOCH_S, visits: 0, recent: VecDeque::new() }
    }

    /// Writes the next record into `value`, which is cleared first; which topic it is for.
    pub fn next_into(&mut self, value: &mut String) -> Kind {
        value.clear();
        self.now_s += self.rng.u64(..20);
        if self.rng.u8(..5) < 3 { self.visit(value) } else { self.ad(value) }
    }

    fn visit(&mut self, value: &mut String) -> Kind {
        self.visits += 1;
        let late = self.rng.u8(..5) == 0;
        let time_s = self.now_s - if late { self.rng.u64(..=DISORDER_MAX_S) } else { 0 };
        let page = self.page();
        let _ = write!(
            value,
            r#"{{"visit_id": "visit-{}", "event_time": "{}", "page": "{page}"}}"#,
            self.visits,
            text(time_s)
        );
        self.recent.push_back((time_s, page));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Kind::Visit
    }

    fn ad(&mut self, value: &mut String) -> Kind {
        let follows = (self.rng.bool() && !self.recent.is_empty())
            .then(|| self.recent[self.rng.usize(..self.recent.len())].clone());
        let (time_s, page) = match follows {
            Some((visit_s, page)) => (visit_s + self.rng.u64(..=120), page),
            None => (self.now_s, self.page()),
        };
        // One that follows an old visit is out of order too, but stays within what is promised.
        let time_s = time_s.clamp(self.now_s - DISORDER_MAX_S, self.now_s);
        let campaign = self.rng.choice(CAMPAIGNS).copied().unwrap_or_default();
        let _ = write!(
            value,
            r#"{{"page": "{page}", "display_time": "{}", "campaign_name": "{campaign}"}}"#,
            text(time_s)
        );
        Kind::Ad
    }

    fn page(&mut self) -> String {
        match self.rng.u8(..=12) {
            0 => "home".to_owned(),
            number => format!("category{number}"),
        }
    }
}

fn text(second: u64) -> String {
    super::time_text(second, "%Y-%m-%dT%H:%M:%S.000+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn draw(seed: u64, count: usize) -> Vec<(Kind, String)> {
        let mut records = VisitsAndAds::new(seed);
        let mut value = String::new();
        (0..count)
            .map(|_| {
                let kind = records.next_into(&mut value);
                (kind, value.clone())
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(draw(7, 500), draw(7, 500));
        assert_ne!(draw(7, 500), draw(8, 500));
    }

    #[test]
    fn some_visits_meet_ads_and_none_is_later_than_it_may_be() {
        let time = |value: &Value, field: &str| {
            value[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
        };
        let (mut greatest, mut visits, mut ads) = ([0; 2], Vec::new(), Vec::new());
        for (kind, value) in draw(1, 2000) {
            let value: Value = serde_json::from_str(&value).unwrap();
            let (at, field) = match kind {
                Kind::Visit => (0, "event_time"),
                Kind::Ad => (1, "display_time"),
            };
            let time = time(&value, field);
            assert!(time >= greatest[at] - 480, "{value}");
            greatest[at] = greatest[at].max(time);
            let row = (value["page"].as_str().unwrap().to_owned(), time);
            let rows = if kind == Kind::Visit { &mut visits } else { &mut ads };
            rows.push(row);
        }
        let met = visits.iter().filter(|(page, time)| {
            ads.iter().any(|(on, at)| on == page && (*time..=time + 120).contains(at))
        });
        let met = met.count();
        assert!(met * 5 > visits.len() && met * 5 < visits.len() * 4, "{met} of {}", visits.len());
    }
}
