//! Visits of a web site, as JSON: the input of the ordering scenarios.
//!
//! The key of a record is its visit. Within a visit event times rise strictly, so no two records are equal, and the same
//! seed and count give the same bytes.

use fastrand::Rng;
use std::fmt::Write;

/// Visits that are under way at the same time.
const ACTIVE: usize = 40;
/// Events of a visit: at least 4, fewer than 40.
const EVENTS: std::ops::Range<u32> = 4..40;
/// 2024-01-01T00:00:00Z, in seconds.
const EPOCH_S: u64 = 1_704_067_200;

const PAGES: &[&str] = &["home", "index", "main", "about", "contact", "categories"];
const REFERRALS: &[&str] = &[
    "Twitter",
    "LinkedIn",
    "Facebook",
    "YouTube",
    "Medium",
    "StackOverflow",
    "Google Search",
    "Google Ads",
];
const BROWSERS: &[(&str, &[&str])] = &[
    ("Firefox", &["20.0", "20.1", "20.2", "23.0", "23.1", "24.11"]),
    ("Chrome", &["20.0", "20.1", "20.2", "21.0", "23.0", "24.11"]),
    ("Safari", &["20.0", "20.2", "23.0", "25.09"]),
];
const NETWORKS: &[&str] = &["4G", "5G", "Wi-Fi", "LAN"];
const DEVICES: &[&str] = &["Smartphone", "iPhone", "iPad", "MacBook", "PC"];
const FIRST_NAMES: &[&str] =
    &["laura", "jared", "sandra", "melissa", "andrew", "kim", "omar", "ines", "yuki", "paul"];
const LAST_NAMES: &[&str] =
    &["burke", "stewart", "villa", "foster", "garcia", "roberts", "pacheco", "steele", "tran"];

/// Draws visits without end.
#[derive(Debug)]
pub struct Visits {
    rng: Rng,
    /// What all ids begin with.
    prefix: u64,
    started: u64,
    active: Vec<Visit>,
}

#[derive(Debug)]
struct Visit {
    id: String,
    at_s: u64,
    events_left: u32,
    /// The part of the document that is the same for all events of the visit.
    user: String,
    context: String,
    keep_private: bool,
}

impl Visits {
    /// Visits of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let prefix = rng.u64(139_000_000_000_000..141_000_000_000_000);
        Self { rng, prefix, started: 0, active: Vec::new() }
    }

    /// Writes the next event into `key` (the visit's id) and `value` (the JSON document), which are cleared first.
    pub fn next_into(&mut self, key: &mut String, value: &mut String) {
        while self.active.len() < ACTIVE {
            let visit = self.start();
            self.active.push(visit);
        }
        let index = self.rng.usize(..self.active.len());
        let page = self.page();
        let step_s = self.rng.u64(1..300);
        let visit = &mut self.active[index];
        visit.at_s += step_s;
        key.clear();
        key.push_str(&visit.id);
        value.clear();
        let _ = write!(
            value,
            r#"{{"visit_id": "{}", "event_time": "{}", "user_id": "{}", "keep_private": {}, "page": "{page}", "context": {}}}"#,
            visit.id,
            Iso(visit.at_s),
            visit.user,
            visit.keep_private,
            visit.context,
        );
        visit.events_left -= 1;
        if visit.events_left == 0 {
            self.active[index] = self.start();
        }
    }

    fn start(&mut self) -> Visit {
        let rng = &mut self.rng;
        let id = format!("{}_{}", self.prefix, self.started);
        // Visits begin a second or so apart: the stream as a whole moves on in time.
        let at_s = EPOCH_S + self.started + rng.u64(..3600);
        self.started += 1;
        let (high, low) = (rng.u64(..), rng.u64(..));
        let user = format!(
            "{}_{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            self.prefix,
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        );
        let keep_private = rng.u8(..10) == 0;
        let events_left = rng.u32(EVENTS);
        Visit { id, at_s, events_left, user, context: context(rng), keep_private }
    }

    fn page(&mut self) -> String {
        match self.rng.u8(..3) {
            0 => format!("category_{}", self.rng.u8(1..=20)),
            1 => format!("page_{}", self.rng.u8(1..=20)),
            _ => self.rng.choice(PAGES).copied().unwrap_or_default().to_owned(),
        }
    }
}

fn context(rng: &mut Rng) -> String {
    let any =
        |rng: &mut Rng, of: &[&'static str]| rng.choice(of.iter().copied()).unwrap_or_default();
    let referral = match rng.u8(..4) {
        0 => "null".to_owned(),
        _ => format!("\"{}\"", any(rng, REFERRALS)),
    };
    let ad = if rng.bool() { format!("\"ad {}\"", rng.u8(1..6)) } else { "null".to_owned() };
    let ip = format!("{}.{}.{}.{}", rng.u8(1..224), rng.u8(..), rng.u8(..), rng.u8(1..255));
    let login = format!("{}{}{}", any(rng, FIRST_NAMES), any(rng, LAST_NAMES), rng.u8(1..100));
    let since = match rng.u8(..4) {
        0 => "null".to_owned(),
        _ => format!("\"{}\"", Iso(EPOCH_S - rng.u64(1..40) * 86_400)),
    };
    let (browser, versions) = BROWSERS[rng.usize(..BROWSERS.len())];
    format!(
        concat!(
            r#"{{"referral": {}, "ad_id": {}, "user": {{"ip": "{}", "login": "{}", "connected_since": {}}}, "#,
            r#""technical": {{"browser": "{}", "browser_version": "{}", "network_type": "{}", "#,
            r#""device_type": "{}", "device_version": "{}.0"}}}}"#,
        ),
        referral,
        ad,
        ip,
        login,
        since,
        browser,
        any(rng, versions),
        any(rng, NETWORKS),
        any(rng, DEVICES),
        rng.u8(1..7),
    )
}

/// Seconds since 1970 as `2024-01-01T02:56:00+00:00`.
struct Iso(u64);

impl std::fmt::Display for Iso {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let second = i64::try_from(self.0).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{}", time.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn draw(seed: u64, count: usize) -> Vec<(String, String)> {
        let mut visits = Visits::new(seed);
        let (mut key, mut value) = (String::new(), String::new());
        (0..count)
            .map(|_| {
                visits.next_into(&mut key, &mut value);
                (key.clone(), value.clone())
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(draw(7, 500), draw(7, 500));
        assert_ne!(draw(7, 500), draw(8, 500));
    }

    #[test]
    fn no_two_records_are_equal_and_times_rise_within_a_visit() {
        let visits = draw(1, 5000);
        let distinct: BTreeSet<_> = visits.iter().collect();
        assert_eq!(distinct.len(), visits.len());
        let mut last: BTreeMap<&str, &str> = BTreeMap::new();
        for (key, value) in &visits {
            let time = value.split("\"event_time\": \"").nth(1).unwrap().split('"').next().unwrap();
            assert!(value.starts_with(&format!("{{\"visit_id\": \"{key}\", ")));
            assert!(last.insert(key, time).is_none_or(|last| last < time), "{key} at {time}");
        }
        assert!(last.len() > 100, "{} visits", last.len());
    }
}
