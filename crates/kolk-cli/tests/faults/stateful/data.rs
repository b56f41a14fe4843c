//! Visits and ads with disorder, from a seed, and the program that counts, joins and makes sessions of them.
//!
//! A visit comes every two seconds of event time, an ad every four; each is up to two minutes late. A user's visits come in bursts
//! of seven minutes at most, with more than half an hour between them: sessions that no order in which partitions are
//! read can split or join.

use super::writer::Line;
use fastrand::Rng;

const STEP_MS: i64 = 2_000;
const DISORDER_MS: i64 = 120_000;
const PAGES: u32 = 40;
/// Users who visit at the same time, for so many visits.
const CROWD: u32 = 20;
const CROWD_VISITS: u32 = 150;
/// Then so many other crowds come.
const CROWDS: u32 = 8;
/// The last visits and ads move every partition's time beyond all others.
const LAST: u32 = 32;
const LAST_MS: i64 = 86_400_000;
/// How long ago all began.
const DAYS_MS: i64 = 4 * 86_400_000;

/// How long windows are.
pub(super) const WINDOW_MS: i64 = 600_000;
/// How far time stays behind what was seen: nothing is late.
pub(super) const DELAY_MS: i64 = 180_000;
/// How long a session waits.
pub(super) const TIMEOUT_MS: i64 = 900_000;
/// How long after a visit its ad may be displayed.
pub(super) const WITHIN_MS: i64 = 120_000;

/// A user looks at a page.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) number: u32,
    pub(super) user: u32,
    pub(super) page: String,
    pub(super) time: i64,
}

/// An ad is displayed on a page.
#[derive(Debug, Clone)]
pub(super) struct Ad {
    pub(super) number: u32,
    pub(super) page: String,
    pub(super) time: i64,
}

/// What goes in, in the order in which it is written.
#[derive(Debug, Clone)]
pub(super) struct Data {
    pub(super) visits: Vec<Visit>,
    pub(super) ads: Vec<Ad>,
}

impl Data {
    /// So many visits, half as many ads, and those that end it all, which come into no result but the counts by change. They are a
    /// few days old: outputs have the time-stamps of their rows, and what is older than a week does not stay in a topic.
    pub(super) fn generate(visits: u32, seed: u64, now: i64) -> Self {
        // Windows begin where they would at any other time.
        let start = (now - DAYS_MS) / WINDOW_MS * WINDOW_MS;
        let mut rng = Rng::with_seed(seed);
        let late = |rng: &mut Rng, time: i64| start + time + rng.i64(0..DISORDER_MS);
        let mut data = Self { visits: Vec::new(), ads: Vec::new() };
        for number in 0..visits {
            let time = i64::from(number) * STEP_MS;
            let crowd = number / CROWD_VISITS % CROWDS;
            data.visits.push(Visit {
                number,
                user: crowd * CROWD + rng.u32(..CROWD),
                page: format!("page-{}", rng.u32(..PAGES)),
                time: late(&mut rng, time),
            });
            if number % 2 == 0 {
                let page = format!("page-{}", rng.u32(..PAGES));
                let number = number / 2;
                data.ads.push(Ad { number, page, time: late(&mut rng, time) });
            }
        }
        let end = start + i64::from(visits) * STEP_MS + LAST_MS;
        for number in 0..LAST {
            let page = format!("last-{number}");
            let user = CROWD * CROWDS + number;
            data.ads.push(Ad { number: visits + number, page: page.clone(), time: end });
            data.visits.push(Visit { number: visits + number, user, page, time: end });
        }
        data
    }

    /// The visits as records with the page as the key, a millisecond apart up to `now`.
    pub(super) fn visit_lines(&self, now: i64) -> Vec<Line> {
        let first = now - self.visits.len() as i64;
        let line = |(timestamp, visit): (i64, &Visit)| {
            let Visit { number, user, page, time } = visit;
            let value =
                format!(r#"{{"visit":{number},"user_id":{user},"page":"{page}","at":{time}}}"#);
            (page.clone(), value, timestamp)
        };
        (first..).zip(&self.visits).map(line).collect()
    }

    /// The ads, likewise.
    pub(super) fn ad_lines(&self, now: i64) -> Vec<Line> {
        let first = now - 2 * self.ads.len() as i64;
        let line = |(timestamp, ad): (i64, &Ad)| {
            let Ad { number, page, time } = ad;
            (page.clone(), format!(r#"{{"ad":{number},"page":"{page}","at":{time}}}"#), timestamp)
        };
        (first..).step_by(2).zip(&self.ads).map(line).collect()
    }
}

/// The outputs, as the program names them behind the case's name.
pub(super) const OUTPUTS: [&str; 4] = ["counts", "finals", "enriched", "sessions"];

/// The program over these two topics. Visits have their page as key, ads come to it through a repartition topic, and so do sessions to
/// their users.
pub(super) fn program(visits: &str, ads: &str, outputs: &str) -> String {
    let seconds = |ms: i64| ms / 1000;
    let (window, delay) = (seconds(WINDOW_MS), seconds(DELAY_MS));
    let (timeout, within) = (seconds(TIMEOUT_MS), seconds(WITHIN_MS));
    format!(
        "CREATE STREAM visits (visit INT, user_id BIGINT, page STRING, at BIGINT)
           WITH (kafka_topic = '{visits}', value_format = 'JSON', key = 'page',
                 timestamp = 'at', watermark_delay = '{delay} seconds');
         CREATE STREAM ads (ad INT, page STRING, at BIGINT)
           WITH (kafka_topic = '{ads}', value_format = 'JSON',
                 timestamp = 'at', watermark_delay = '{delay} seconds');
         CREATE TABLE counts WITH (kafka_topic = '{outputs}-counts', value_format = 'JSON') AS
           SELECT page, WINDOWSTART AS since, COUNT(*) AS visits
           FROM visits WINDOW TUMBLING (SIZE {window} SECONDS) GROUP BY page EMIT CHANGES;
         CREATE TABLE finals WITH (kafka_topic = '{outputs}-finals', value_format = 'JSON') AS
           SELECT page, WINDOWSTART AS since, COUNT(*) AS visits
           FROM visits WINDOW TUMBLING (SIZE {window} SECONDS) GROUP BY page EMIT FINAL;
         CREATE STREAM enriched WITH (kafka_topic = '{outputs}-enriched', value_format = 'JSON') AS
           SELECT v.visit, v.page AS visit_page, a.ad, a.page
           FROM visits v LEFT JOIN ads a WITHIN (0 SECONDS, {within} SECONDS) ON v.page = a.page EMIT CHANGES;
         CREATE TABLE sessions WITH (kafka_topic = '{outputs}-sessions', value_format = 'JSON') AS
           SELECT user_id, session_id, COLLECT_LIST(visit) AS visits
           FROM visits WINDOW TIMEOUT ({timeout} SECONDS) GROUP BY user_id EMIT FINAL;"
    )
}
