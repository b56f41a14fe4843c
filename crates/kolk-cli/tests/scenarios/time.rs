//! A join in time and sessions with stable ids: the examples, step by step, each step in a run of its own, so that what is remembered
//! has to survive.

use crate::place::Place;
use std::collections::BTreeSet;

impl Place {
    /// Appends lines to a topic.
    fn produce(&self, topic: &str, lines: &[String]) {
        let file = self.topic(&format!("{topic}.txt"));
        self.kolk.write(&file, &(lines.join("\n") + "\n"));
        self.kolk.ok(&format!("produce --topic {} --file {file}", self.topic(topic)));
    }

    /// The values of a topic, sorted: rows of different pages lie in different partitions. A commit is answered before its markers
    /// stand in the logs, so `count` of them are waited for.
    fn values(&self, topic: &str, count: usize) -> Vec<String> {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let rows = self.rows(topic).into_iter();
            let mut values: Vec<String> = rows.map(|row| row.value).collect();
            if values.len() >= count || std::time::Instant::now() > until {
                values.sort();
                return values;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

fn visit(number: u32, time: &str, page: &str) -> String {
    format!(
        r#"{{"visit_id": "visit-{number}", "event_time": "2024-01-01T{time}.000+00:00", "page": "{page}"}}"#
    )
}

fn ad(page: &str, time: &str, campaign: &str) -> String {
    format!(
        r#"{{"page": "{page}", "display_time": "2024-01-01T{time}.000+00:00", "campaign_name": "{campaign}"}}"#
    )
}

/// Topic, lines, and the values that they bring.
type Step<'a> = (&'a str, Vec<String>, &'a [&'a str]);

pub(crate) fn visits_meet_their_ads_within_two_minutes(place: &Place) {
    for topic in ["visits", "ads"] {
        place.kolk.ok(&format!("topic create {} --partitions 2", place.topic(topic)));
    }
    let program = Place::example("dynamic-joiner/dynamic-joiner.sql");
    let run = place.program("dynamic-joiner.sql", &program);
    let steps: [Step<'_>; 8] = [
        ("visits", vec![visit(1, "08:18:00", "home"), visit(2, "08:20:00", "home")], &[]),
        (
            "ads",
            vec![ad("home", "08:18:15", "supermarket")],
            &[concat!(
                r#"{"visit_id":"visit-1","event_time":"2024-01-01T09:18:00.000+01:00","visit_page":"home","page":"home","#,
                r#""display_time":"2024-01-01T09:18:15.000+01:00","campaign_name":"supermarket"}"#
            )],
        ),
        ("visits", vec![visit(3, "08:58:00", "category1"), visit(4, "09:00:00", "category2")], &[]),
        (
            "ads",
            vec![ad("category3", "09:00:15", "supermarket")],
            &[
                r#"{"visit_id":"visit-2","event_time":"2024-01-01T09:20:00.000+01:00","visit_page":"home"}"#,
            ],
        ),
        ("ads", vec![ad("category4", "09:10:30", "internet provider")], &[]),
        ("visits", vec![visit(5, "08:58:00", "category4")], &[]),
        (
            "visits",
            vec![visit(6, "09:09:00", "category4")],
            &[concat!(
                r#"{"visit_id":"visit-6","event_time":"2024-01-01T10:09:00.000+01:00","visit_page":"category4","#,
                r#""page":"category4","display_time":"2024-01-01T10:10:30.000+01:00","campaign_name":"internet provider"}"#
            )],
        ),
        (
            "visits",
            vec![visit(100, "10:09:00", "category6")],
            &[
                r#"{"visit_id":"visit-3","event_time":"2024-01-01T09:58:00.000+01:00","visit_page":"category1"}"#,
                r#"{"visit_id":"visit-5","event_time":"2024-01-01T09:58:00.000+01:00","visit_page":"category4"}"#,
            ],
        ),
    ];
    let mut expected: Vec<String> = Vec::new();
    for (topic, lines, brings) in steps {
        place.produce(topic, &lines);
        place.kolk.run(&format!("{run} --until-end")).with(0);
        expected.extend(brings.iter().map(|value| (*value).to_owned()));
        expected.sort();
        assert_eq!(place.values("visits-enriched", expected.len()), expected, "after {lines:?}");
    }
    // What is on the disk is what the changelogs say.
    place.kolk.ok("state verify");
}

pub(crate) fn sessions_keep_their_ids_when_all_is_read_again(place: &Place) {
    place.kolk.ok(&format!("topic create {} --partitions 2", place.topic("visits")));
    let run = place.program("sessions.sql", &Place::example("sessions/sessions.sql"));
    let visit = |user: u32, page: &str, time: &str| {
        format!(
            r#"{{"user_id": {user}, "page": "{page}.html", "event_time": "2023-02-20T{time}"}}"#
        )
    };
    place.produce(
        "visits",
        &[visit(1, "A", "03:03:20"), visit(1, "B", "03:03:26"), visit(1, "C", "03:05:26")],
    );
    place.kolk.run(&format!("{run} --until-end")).with(0);
    let first = place.values("sessions", 1);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].contains(r#""user_id":1"#), "{first:?}");
    assert!(first[0].contains(r#""pages":["A.html","B.html","C.html"]"#), "{first:?}");

    place.kolk.ok(&format!("reset {}", place.topic("sessions")));
    place.produce("visits", &[visit(2, "D", "04:55:26")]);
    place.kolk.run(&format!("{run} --until-end")).with(0);
    let all = place.values("sessions", 3);
    assert_eq!(all.len(), 3, "{all:?}");
    // User 1's session came out twice, byte for byte the same, id and all; user 2's once.
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), 2, "{all:?}");
    assert!(distinct.contains(&first[0]), "{all:?}");
    assert!(all.iter().any(|value| value.contains(r#""pages":["D.html"]"#)), "{all:?}");
}

/// Visits per page and hour; the order of a visit's events may be four hours off.
const COUNTS: &str = "
    CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP, page STRING) WITH (
      kafka_topic = 'visits', value_format = 'JSON', timestamp = 'event_time', watermark_delay = '6 hours');
    CREATE TABLE by_page WITH (kafka_topic = 'by-page') AS
      SELECT page, COUNT(*) AS visits FROM visits WINDOW TUMBLING (SIZE 1 HOUR)
      GROUP BY page EMIT CHANGES;";

/// Instances come, are killed, come back and leave, while visits flow: state moves with the partitions, and in the end the last
/// counts of all windows add up to the visits, no more and no less.
pub(crate) fn counts_add_up_while_instances_come_and_go(place: &Place) {
    const VISITS: usize = 4000;
    let (address, _broker) = place.address();
    let visits = place.topic("visits");
    let on = |line: &str| format!("{line} --bootstrap-servers {address}");
    for topic in [&visits, &place.topic("by-page")] {
        place.kolk.ok(&on(&format!("topic create {topic} --partitions 4")));
    }
    let run = on(&place.program("counts.sql", COUNTS)).replace(" --output json", "");
    let generate = |seed: usize| {
        place
            .kolk
            .ok(&on(&format!("generate visits --topic {visits} --count {VISITS} --seed {seed}")));
    };
    let first = place.kolk.start(&run, "");
    generate(1);
    let second = place.kolk.start(&run, "");
    place.wait_for_counts(&address, VISITS);
    generate(2);
    first.signal("KILL");
    first.wait();
    generate(3);
    let again = place.kolk.start(&run, "");
    place.wait_for_counts(&address, 3 * VISITS);
    second.stop();
    generate(4);
    place.wait_for_counts(&address, 4 * VISITS);
    again.stop();
    // Whoever comes last finds nothing to do, on the state that the others left.
    place.kolk.run(&format!("{run} --until-end")).with(0);
    place.wait_for_counts(&address, 4 * VISITS);
}

impl Place {
    /// The last counts of all pages and windows, together.
    fn counts(&self, address: &str) -> usize {
        let line = format!(
            "consume --topic {} --from-beginning --until-end --output json --bootstrap-servers {address}",
            self.topic("by-page")
        );
        let mut last = std::collections::BTreeMap::new();
        for line in self.kolk.ok(&line).lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let value: serde_json::Value =
                serde_json::from_str(record["value"].as_str().unwrap()).unwrap();
            // The key ends in the bytes of its window.
            last.insert(record["key_base64"].to_string(), value["visits"].as_u64().unwrap());
        }
        usize::try_from(last.values().sum::<u64>()).unwrap()
    }

    /// Waits until the counts have come to so many; more is wrong at any moment.
    fn wait_for_counts(&self, address: &str, visits: usize) {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(90);
        loop {
            let counts = self.counts(address);
            assert!(counts <= visits, "{counts} of {visits}");
            if counts == visits {
                return;
            }
            assert!(std::time::Instant::now() < until, "{counts} of {visits} after 90 s");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}
