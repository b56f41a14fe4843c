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

    /// The values of a topic behind the first so many, sorted: rows of different pages lie in different partitions.
    fn values(&self, topic: &str) -> Vec<String> {
        let mut values: Vec<String> = self.rows(topic).into_iter().map(|row| row.value).collect();
        values.sort();
        values
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
        assert_eq!(place.values("visits-enriched"), expected, "after {lines:?}");
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
    let first = place.values("sessions");
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].contains(r#""user_id":1"#), "{first:?}");
    assert!(first[0].contains(r#""pages":["A.html","B.html","C.html"]"#), "{first:?}");

    place.kolk.ok(&format!("reset {}", place.topic("sessions")));
    place.produce("visits", &[visit(2, "D", "04:55:26")]);
    place.kolk.run(&format!("{run} --until-end")).with(0);
    let all = place.values("sessions");
    assert_eq!(all.len(), 3, "{all:?}");
    // User 1's session came out twice, byte for byte the same, id and all; user 2's once.
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), 2, "{all:?}");
    assert!(distinct.contains(&first[0]), "{all:?}");
    assert!(all.iter().any(|value| value.contains(r#""pages":["D.html"]"#)), "{all:?}");
}
