//! Records of the future in the driver: there are some only where a test sets the clock.

use super::{TestDriver, TestRecord};
use crate::dsl::{Program, Windows, count};
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{Conventions, Format, Source, WatermarkPolicy};
use std::time::Duration;

const MINUTE: i64 = 60_000;

/// Visits of each page in windows of a minute; what comes after its window is late.
fn driver(watermark_policy: WatermarkPolicy) -> TestDriver {
    let program = Program::with(Conventions { watermark_policy, ..Conventions::default() });
    let (name, data_type, role) = ("page".to_owned(), DataType::String, Role::Value);
    let schema = Schema { columns: vec![Column { name, data_type, role }] };
    program
        .stream_of(Source { value_format: Format::Json, ..Source::new("visits") }, schema)
        .group_by(["page"])
        .windowed_by(Windows::tumbling(Duration::from_mins(1)).grace(Duration::ZERO))
        .aggregate([count("visits")])
        .to("counts");
    TestDriver::new(&program.build().unwrap()).unwrap()
}

/// Visits the page at each of these minutes; those that were counted.
fn counted(driver: &mut TestDriver, minutes: &[i64]) -> Vec<i64> {
    for minute in minutes {
        let visit = TestRecord::new(None, Some(br#"{"page":"home"}"#), minute * MINUTE);
        driver.pipe("visits", visit).unwrap();
    }
    driver.read("counts").iter().map(|record| record.timestamp / MINUTE).collect()
}

#[test]
fn only_a_clock_tells_what_is_of_the_future() {
    let visits = [1, 30, 2];
    assert_eq!(counted(&mut driver(WatermarkPolicy::Min), &visits), [1, 30], "2 is late");
    let mut min = driver(WatermarkPolicy::Min);
    min.set_clock(10 * MINUTE);
    assert_eq!(counted(&mut min, &visits), visits, "30 is counted, and moves nothing");
    assert_eq!(counted(&mut min, &[15, 14]), [15], "15 moves the watermark");
    min.set_clock(60 * MINUTE);
    assert_eq!(counted(&mut min, &[16, 30, 17]), [16, 30], "now 30 does, too");
    let mut max = driver(WatermarkPolicy::Max);
    max.set_clock(10 * MINUTE);
    assert_eq!(counted(&mut max, &visits), [1, 30], "time is the largest seen");
}
