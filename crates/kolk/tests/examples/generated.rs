//! The joiner and the sessions on made-up input, compared with loops over plain lists.

use crate::{driver, dynamic_joiner, sessions, texts};
use kolk::testing::ads::{Kind, VisitsAndAds};
use kolk::testing::user_visits::UserVisits;
use kolk::testing::{TestDriver, TestRecord};
use serde_json::Value;
use std::collections::BTreeMap;

/// Every record is written long after all event times.
const WRITTEN: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;

fn pipe(driver: &mut TestDriver, topic: &str, value: &str, partition: i32) {
    let record = TestRecord::new(None, Some(value.as_bytes()), WRITTEN);
    driver.pipe(topic, TestRecord { partition, ..record }).unwrap();
}

fn time(row: &Value, field: &str) -> i64 {
    let text = row[field].as_str().unwrap();
    let text = if text.len() == 19 { format!("{text}Z") } else { text.to_owned() };
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}

#[test]
fn made_up_visits_meet_the_ads_that_they_should() {
    let mut driver =
        driver(&dynamic_joiner::program()).partitions("visits", 2).partitions("ads", 2);
    let mut both = VisitsAndAds::new(4);
    let (mut value, mut visits, mut ads) = (String::new(), Vec::new(), Vec::new());
    for number in 0..600 {
        let kind = both.next_into(&mut value);
        let row: Value = serde_json::from_str(&value).unwrap();
        let (topic, rows) = match kind {
            Kind::Visit => ("visits", &mut visits),
            Kind::Ad => ("ads", &mut ads),
        };
        rows.push(row);
        pipe(&mut driver, topic, &value, number % 2);
    }
    for topic in ["visits", "ads"] {
        driver.advance(topic, WRITTEN).unwrap();
    }
    let mut expected = Vec::new();
    for visit in &visits {
        let (page, at) = (text(visit, "page"), time(visit, "event_time"));
        let meets = |ad: &&Value| {
            text(ad, "page") == page && (at..=at + 2 * MINUTE).contains(&time(ad, "display_time"))
        };
        let met: Vec<&Value> = ads.iter().filter(meets).collect();
        let id = text(visit, "visit_id");
        expected.extend(met.iter().map(|ad| (id.clone(), text(ad, "campaign_name"))));
        if met.is_empty() {
            expected.push((id, String::new()));
        }
    }
    let row = |row: String| {
        let row: Value = serde_json::from_str(&row).unwrap();
        (text(&row, "visit_id"), text(&row, "campaign_name"))
    };
    let mut found: Vec<(String, String)> =
        texts(&mut driver, "visits-enriched").into_iter().map(row).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert!(found.iter().any(|(_, campaign)| campaign.is_empty()), "some go alone");
}

/// A session that is open: its deadline, and its pages.
type Open = (i64, Vec<String>);

#[test]
fn made_up_visits_become_the_sessions_that_they_should() {
    let mut driver = driver(&sessions::program());
    let mut made_up = UserVisits::new(9);
    let mut value = String::new();
    let mut open: BTreeMap<i64, Open> = BTreeMap::new();
    let (mut expected, mut watermark) = (Vec::new(), None);
    for _ in 0..800 {
        made_up.next_into(&mut value);
        let row: Value = serde_json::from_str(&value).unwrap();
        let (user, at) = (row["user_id"].as_i64().unwrap(), time(&row, "event_time"));
        // Its disorder is less than the delay of 10 s: none is late.
        let (deadline, pages) = open.entry(user).or_default();
        *deadline = watermark.unwrap_or(at) + 50_000;
        pages.push(text(&row, "page"));
        watermark = watermark.max(Some(at - 10_000));
        let passed = watermark.unwrap_or(i64::MIN);
        let closed = open.extract_if(.., |_, (deadline, _)| passed > *deadline);
        expected.extend(closed.map(|(user, (_, pages))| (user, pages)));
        pipe(&mut driver, "visits", &value, 0);
    }
    driver.advance("visits", WRITTEN).unwrap();
    expected.extend(open.into_iter().map(|(user, (_, pages))| (user, pages)));
    let row = |row: String| {
        let row: Value = serde_json::from_str(&row).unwrap();
        let pages = row["pages"].as_array().unwrap().iter();
        let pages: Vec<String> = pages.map(|page| page.as_str().unwrap().to_owned()).collect();
        (row["user_id"].as_i64().unwrap(), pages)
    };
    let mut found: Vec<(i64, Vec<String>)> =
        texts(&mut driver, "sessions").into_iter().map(row).collect();
    assert!(found.len() > 50, "{} sessions", found.len());
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}
