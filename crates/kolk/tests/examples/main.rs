//! The examples of the library on the test driver: what is piped in, and what comes out. Their plans stand in `explained`; `cargo test -p
//! kolk --test examples -- --ignored write_the_plans` writes them anew.

#![expect(clippy::unwrap_used, reason = "what surprises a test ends it")]
#![expect(clippy::duplicate_mod, reason = "each example is a program of its own")]

#[path = "../../examples/abandoned_carts.rs"]
#[allow(dead_code, reason = "main runs it on a broker")]
mod abandoned_carts;
#[path = "../../examples/dynamic_joiner.rs"]
#[allow(dead_code, reason = "main runs it on a broker")]
mod dynamic_joiner;
#[path = "../../examples/sessions.rs"]
#[allow(dead_code, reason = "main runs it on a broker")]
mod sessions;
#[path = "../../examples/visits_per_minute.rs"]
#[allow(dead_code, reason = "main runs it on a broker")]
mod visits_per_minute;
#[path = "../../examples/word_count.rs"]
#[allow(dead_code, reason = "main runs it on a broker")]
mod word_count;

mod generated;

use abandoned_carts::{Abandoned, Action, Kind};
use kolk::dsl::{Program, Timestamp};
use kolk::explain::Physical;
use kolk::testing::{TestDriver, TestRecord};
use std::path::PathBuf;
use word_count::Post;

const MINUTE: i64 = 60_000;
/// 2024-01-01T08:00:00Z.
const EIGHT: i64 = 1_704_096_000_000;
/// When records are written: event times far beyond this would not be believed.
const WRITTEN: i64 = EIGHT + 240 * MINUTE;

fn driver(program: &Program) -> TestDriver {
    TestDriver::new(&program.build().unwrap()).unwrap()
}

fn pipe(driver: &mut TestDriver, topic: &str, value: &str) {
    driver.pipe(topic, TestRecord::new(None, Some(value.as_bytes()), WRITTEN)).unwrap();
}

fn texts(driver: &mut TestDriver, topic: &str) -> Vec<String> {
    let text = |record: TestRecord| String::from_utf8(record.value.unwrap()).unwrap();
    driver.read(topic).into_iter().map(text).collect()
}

#[test]
fn visits_are_counted_when_the_minute_is_over() {
    let mut driver = driver(&visits_per_minute::program());
    let mut visit = |page: &str, private: bool, time: &str| {
        let value = format!(
            r#"{{"page":"{page}","keep_private":{private},"event_time":"2024-01-01T{time}Z"}}"#
        );
        pipe(&mut driver, "visits", &value);
    };
    visit("home", false, "08:00:10");
    visit("home", true, "08:00:11");
    visit("home", false, "08:00:09");
    visit("home", false, "08:01:00");
    visit("home", false, "08:00:59");
    assert_eq!(driver.unread(), [""; 0], "the watermark is at 08:00:55");
    assert_eq!(driver.store_text("visits-per-minute-aggregate-1").len(), 2, "two open windows");
    driver.advance("visits", EIGHT + MINUTE).unwrap();
    assert_eq!(
        texts(&mut driver, "visits-per-minute"),
        [r#"{"page":"home","WINDOWSTART":1704096000000,"WINDOWEND":1704096060000,"visits":3}"#]
    );
    let late = r#"{"page":"home","keep_private":false,"event_time":"2024-01-01T08:00:58Z"}"#;
    pipe(&mut driver, "visits", late);
    assert_eq!(driver.unread(), ["visits-late"]);
    assert_eq!(
        texts(&mut driver, "visits-late"),
        [r#"{"page":"home","keep_private":false,"event_time":"2024-01-01T08:00:58.000Z"}"#]
    );
}

#[test]
fn sessions_close_as_their_watermarks_say() {
    let mut driver = driver(&sessions::program());
    for (page, time) in [("A", "03:03:20"), ("B", "03:03:26"), ("C", "03:05:26")] {
        let time = format!("2023-02-20T{time}");
        let visit = format!(r#"{{"user_id":1,"page":"{page}.html","event_time":"{time}"}}"#);
        assert_eq!(texts(&mut driver, "sessions"), [""; 0], "before {page}");
        pipe(&mut driver, "visits", &visit);
    }
    let written = texts(&mut driver, "sessions");
    assert_eq!(written.len(), 1);
    assert!(written[0].starts_with(r#"{"user_id":1,"SESSION_ID":"#), "{}", written[0]);
    assert!(written[0].ends_with(r#""pages":["A.html","B.html","C.html"]}"#), "{}", written[0]);
    assert_eq!(driver.store_text("sessions-aggregate-1"), [], "nothing is left of it");
}

#[test]
fn visits_meet_ads_or_go_alone_when_none_can_come() {
    let mut driver = driver(&dynamic_joiner::program());
    let visit = |id: &str, time: &str, page: &str| {
        format!(r#"{{"visit_id":"{id}","event_time":"2024-01-01T{time}Z","page":"{page}"}}"#)
    };
    let ad = |page: &str, time: &str| {
        format!(
            r#"{{"page":"{page}","display_time":"2024-01-01T{time}Z","campaign_name":"supermarket"}}"#
        )
    };
    pipe(&mut driver, "visits", &visit("visit-1", "08:18:00", "home"));
    pipe(&mut driver, "visits", &visit("visit-2", "08:20:00", "home"));
    pipe(&mut driver, "ads", &ad("home", "08:18:15"));
    let [visit_time, ad_time] = ["08:18:00", "08:18:15"].map(|at| format!("2024-01-01T{at}.000Z"));
    let with_ad = format!(
        "{}{}",
        format_args!(r#"{{"visit_id":"visit-1","event_time":"{visit_time}","visit_page":"home","#),
        format_args!(r#""page":"home","display_time":"{ad_time}","campaign_name":"supermarket"}}"#),
    );
    assert_eq!(texts(&mut driver, "visits-enriched"), [with_ad]);
    pipe(&mut driver, "visits", &visit("visit-3", "09:00:00", "category1"));
    assert_eq!(texts(&mut driver, "visits-enriched"), [""; 0], "the ads hold the watermark");
    pipe(&mut driver, "ads", &ad("category3", "09:00:15"));
    let alone =
        r#"{"visit_id":"visit-2","event_time":"2024-01-01T08:20:00.000Z","visit_page":"home"}"#;
    assert_eq!(texts(&mut driver, "visits-enriched"), [alone]);
}

#[test]
fn carts_are_abandoned_half_an_hour_after_they_were_touched() {
    let mut driver = driver(&abandoned_carts::program()).partitions("cart-actions", 2);
    let mut act = |user: &str, kind: Kind, minute: i64| {
        let at = EIGHT + minute * MINUTE;
        let action = Action { user: user.to_owned(), kind, amount: 1250, at: Timestamp(at) };
        driver.pipe_json("cart-actions", &action, at).unwrap();
    };
    act("kim", Kind::Add, 0);
    act("ines", Kind::Add, 1);
    act("kim", Kind::Add, 20);
    act("ines", Kind::Pay, 25);
    let carts = driver.store_text("abandoned-carts-process-1");
    assert_eq!(carts.len(), 1, "{carts:?}");
    driver.advance("cart-actions", EIGHT + 49 * MINUTE).unwrap();
    assert_eq!(driver.read_json::<Abandoned>("abandoned-carts").unwrap(), []);
    driver.advance("cart-actions", EIGHT + 50 * MINUTE).unwrap();
    let expected = [Abandoned { user: "kim".to_owned(), items: 2, amount: 2500 }];
    assert_eq!(driver.read_json::<Abandoned>("abandoned-carts").unwrap(), expected);
    assert_eq!(driver.store_text("abandoned-carts-process-1"), []);
}

#[test]
fn words_are_counted() {
    let mut driver = driver(&word_count::program());
    for (author, text) in [("kim", "To be, or not to be"), ("bot", "buy"), ("ines", "be!")] {
        let post = Post { author: author.to_owned(), text: text.to_owned() };
        driver.pipe_json("posts", &post, EIGHT).unwrap();
    }
    pipe(&mut driver, "posts", r#"{"author":"kim"}"#);
    assert_eq!(driver.read("posts-unreadable").len(), 1);
    let mut last = std::collections::BTreeMap::new();
    for count in texts(&mut driver, "word-counts") {
        let count: serde_json::Value = serde_json::from_str(&count).unwrap();
        last.insert(count["word"].as_str().unwrap().to_owned(), count["count"].as_i64().unwrap());
    }
    let expected = [("be", 3), ("not", 1), ("or", 1), ("to", 2)];
    assert!(last.iter().map(|(word, count)| (&**word, *count)).eq(expected), "{last:?}");
}

fn plans() -> Vec<(PathBuf, String)> {
    let explained = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/examples/explained");
    [
        ("abandoned-carts", abandoned_carts::program()),
        ("dynamic-joiner", dynamic_joiner::program()),
        ("sessions", sessions::program()),
        ("visits-per-minute", visits_per_minute::program()),
        ("word-count", word_count::program()),
    ]
    .map(|(name, program)| {
        let plan = Physical::new(&program.build().unwrap(), name).unwrap();
        (explained.join(format!("{name}.txt")), plan.to_string())
    })
    .into()
}

#[test]
fn the_examples_are_planned_as_ever() {
    for (file, plan) in plans() {
        assert_eq!(plan, std::fs::read_to_string(&file).unwrap(), "{}", file.display());
    }
}

#[test]
#[ignore = "writes the files that the other test compares with"]
fn write_the_plans() {
    for (file, plan) in plans() {
        std::fs::write(file, plan).unwrap();
    }
}
