//! Formats: texts read and written, formats refused.

use super::*;
use crate::codec::zone::Zone;
use proptest::prelude::*;

fn parse(format: &str, text: &str, zone: &str) -> Option<i64> {
    Pattern::new(format).unwrap().parse(text, &mut Zone::named(zone).unwrap())
}

fn show(format: &str, ms: i64, zone: &str) -> String {
    let mut text = String::new();
    Pattern::new(format).unwrap().write(ms, &mut Zone::named(zone).unwrap(), &mut text);
    text
}

/// 2024-07-05T13:04:09.087Z, a Friday.
const MS: i64 = 1_720_184_649_087;
const S: i64 = MS - 87;
const DAY: i64 = S - S.rem_euclid(86_400_000);

#[test]
fn reads_and_writes_the_same() {
    for (format, text, ms) in [
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2024-07-05T13:04:09.087Z", MS),
        ("yyyy-MM-dd HH:mm:ss", "2024-07-05 13:04:09", S),
        ("yyyyMMddHHmmssSSS", "20240705130409087", MS),
        ("d/M/yy", "5/7/24", DAY),
        ("EEE, d MMM yyyy h:mm:ss a", "Fri, 5 Jul 2024 1:04:09 PM", S),
        ("EEEE d MMMM yyyy", "Friday 5 July 2024", DAY),
        ("yyyy-DDD", "2024-187", DAY),
        ("uuuu.MM.dd 'o''clock' kk:mm:ss", "2024.07.05 o'clock 13:04:09", S),
        ("yyyy-MM-dd A", "2024-07-05 47049087", MS),
        ("yyyy-MM-dd''HH:mm:ss", "2024-07-05'13:04:09", S),
        ("yyyy-MM-dd[ HH:mm:ss]", "2024-07-05 13:04:09", S),
    ] {
        assert_eq!(parse(format, text, "UTC"), Some(ms), "{text} by {format}");
        assert_eq!(show(format, ms, "UTC"), text, "{format}");
    }
}

#[test]
fn offsets_and_zones() {
    let paris = |format: &str| show(format, MS, "Europe/Paris");
    assert_eq!(
        paris("HH:mm X XX XXX x Z ZZZZ O OOOO"),
        "15:04 +02 +0200 +02:00 +02 +0200 GMT+02:00 GMT+2 GMT+02:00"
    );
    assert_eq!(paris("yyyy-MM-dd HH:mm:ss z VV"), "2024-07-05 15:04:09 CEST Europe/Paris");
    for (format, text) in [
        ("yyyy-MM-dd'T'HH:mm:ssX", "2024-07-05T15:04:09+0200"),
        ("yyyy-MM-dd'T'HH:mm:ssX", "2024-07-05t13:04:09z"),
        ("yyyy-MM-dd HH:mm:ss VV", "2024-07-05 15:04:09 Europe/Paris"),
        ("yyyy-MM-dd HH:mm:ss O", "2024-07-05 15:04:09 GMT+2"),
        ("yyyy-MM-dd HH:mm:ssZZZ", "2024-07-05 09:04:09-04:00"),
    ] {
        assert_eq!(parse(format, text, "Asia/Tokyo"), Some(S), "{text}");
    }
    assert_eq!(parse("yyyy-MM-dd HH:mm:ss", "2024-07-05 22:04:09", "Asia/Tokyo"), Some(S));
}

#[test]
fn other_texts_are_refused() {
    for (format, text) in [
        ("yyyy-MM-dd", "2024-02-30"),
        ("yyyy-MM-dd", "2024-1-05"),
        ("yyyy-MM-dd", "2024-01-05 "),
        ("yyyy-MM-dd", ""),
        ("HH:mm", "24:00"),
        ("EEE yyyy-MM-dd", "Mon 2024-07-05"),
        ("yyyy-MM-dd'T'HH:mm:ssX", "2024-07-05T13:04:09"),
        ("yyyy-DDD", "2023-366"),
        ("hh a", "13 PM"),
    ] {
        assert_eq!(parse(format, text, "UTC"), None, "{text} by {format}");
    }
    assert_eq!(parse("yyyy-MM-dd[ HH:mm]", "2024-07-05", "UTC"), Some(DAY));
    let start = |text| Pattern::new("yyyy-MM-dd").unwrap().parse_start(text, &mut Zone::utc());
    assert_eq!(start("2024-07-05 or so"), Some(DAY));
    assert_eq!(start("2024-07"), None);
}

#[test]
fn formats_that_mean_nothing_are_refused() {
    for (format, why) in [
        ("yyyy-MM-dd'T", "quote"),
        ("[yyyy", "]"),
        ("yyyy]", "["),
        ("YYYY-MM-dd", "weeks"),
        ("bbb", "bbb is no field"),
        ("HHH", "HHH is no field"),
        ("{", "quotes"),
        ("[[[[[[[[[[", "nested"),
    ] {
        let error = Pattern::new(format).unwrap_err();
        assert!(error.contains(why), "{format}: {error}");
    }
    assert!(Pattern::new(&"y".repeat(1000)).is_err());
}

proptest! {
    #[test]
    fn anything_does_no_harm(format in "[yMdDEHkhKmsSAnaXxZOzV'\\[\\]:. é-]{0,20}", text in "[0-9A-Za-z:+. é-]{0,30}", ms in any::<i64>()) {
        if let Ok(pattern) = Pattern::new(&format) {
            let mut zone = Zone::named("Europe/Paris").unwrap();
            let mut shown = String::new();
            pattern.write(ms, &mut zone, &mut shown);
            let _ = (pattern.parse(&text, &mut zone), pattern.parse(&shown, &mut zone));
        }
    }

    #[test]
    fn reads_what_it_wrote(ms in 0i64..4_000_000_000_000) {
        let format = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";
        let text = show(format, ms, "America/New_York");
        prop_assert_eq!(parse(format, &text, "UTC"), Some(ms));
    }
}
