//! Functions of dates and times, and what they are compared with.

use super::{check, check_as};

#[test]
fn texts_are_read_and_written() {
    check(&[
        ("PARSE_TIMESTAMP('29.02.2024 10:30', 'dd.MM.yyyy HH:mm')", "1709202600000"),
        (
            "PARSE_TIMESTAMP('29.02.2024 10:30', 'dd.MM.yyyy HH:mm', 'Europe/Paris')",
            "1709199000000",
        ),
        ("PARSE_TIMESTAMP('soon', 'dd.MM.yyyy')", "null"),
        ("STRINGTOTIMESTAMP('2024', 'yyyy')", "1704067200000"),
        ("PARSE_DATE('29 Feb 2024', 'd MMM yyyy')", "19782"),
        ("PARSE_DATE('FEB-2024', 'MMM-yyyy')", "19754"),
        ("PARSE_DATE('1970-01-03-01', 'yyyy-MM-dd')", "2"),
        ("STRINGTODATE('1970-01-03-01', 'yyyy-MM-dd')", "null"),
        ("PARSE_DATE(nowhere, 'yyyy')", "null"),
        ("STRINGTODATE('1970-01-03', 'yyyy-MM-dd')", "2"),
        ("PARSE_TIME('1:05 pm', 'h:mm a')", "47100000"),
        ("PARSE_TIME('25:00', 'HH:mm')", "null"),
        ("FORMAT_TIMESTAMP(ts, 'yyyy/MM/dd HH:mm')", "\"2024/02/29 10:30\""),
        ("FORMAT_TIMESTAMP(ts, 'HH:mm', 'Asia/Tokyo')", "\"19:30\""),
        ("FORMAT_TIMESTAMP(ts, 'HH:mm', 'Nowhere')", "null"),
        ("FORMAT_TIMESTAMP(never, 'HH:mm')", "null"),
        ("TIMESTAMPTOSTRING(ROWTIME, 'ss.SSS')", "\"00.005\""),
        ("FORMAT_DATE(day, 'EEEE')", "\"Thursday\""),
        ("DATETOSTRING(2, 'yyyy-MM-dd')", "\"1970-01-03\""),
        ("FORMAT_TIME(clock, 'h:mm a')", "\"10:30 AM\""),
        ("FORMAT_TIME(clock, 'bbb')", "null"),
        ("FORMAT_DATE(s, 'yyyy')", "refused: argument 1 of FORMAT_DATE"),
    ]);
}

#[test]
fn times_are_moved() {
    check(&[
        ("DATEADD(DAYS, 1, day)", "19783"),
        ("DATEADD(MONTHS, 1, '2024-01-31')", "19782"),
        ("DATEADD(YEAR, -1, day)", "19416"),
        ("DATEADD(HOURS, 25, day)", "19783"),
        ("DATESUB(WEEKS, 1, day)", "19775"),
        ("DATEADD(DAYS, nothing, day)", "null"),
        ("TIMEADD(HOURS, 14, clock)", "1800000"),
        ("TIMESUB(MILLISECONDS, 37800001, clock)", "86399999"),
        ("TIMESTAMPADD(SECONDS, -1, ts)", "1709202599000"),
        ("TIMESTAMPSUB(MONTHS, 12, ts)", "1677580200000"),
        ("TIMESTAMPADD(MINUTES, 1, never)", "null"),
        ("CONVERT_TZ(ts, '+0200', '+0500')", "1709213400000"),
        ("CONVERT_TZ(ts, 'Europe/Paris', 'UTC')", "1709199000000"),
        ("CONVERT_TZ(ts, 'Mars', 'UTC')", "null"),
        ("FROM_DAYS(2)", "2"),
        ("UNIX_DATE(day)", "19782"),
        ("FROM_UNIXTIME(l)", "10000000000"),
        ("UNIX_TIMESTAMP(ts)", "1709202600000"),
        ("UNIX_DATE()", "refused: gives another value each time"),
        ("DATEADD(s, 1, day)", "refused: argument 1 of DATEADD cannot be STRING"),
        ("DATEADD(FORTNIGHTS, 1, day)", "refused: no column FORTNIGHTS"),
        ("DATEADD(DAYS, 1, clock)", "refused: argument 3 of DATEADD cannot be TIME"),
    ]);
    check_as("kolk", &[("DATEADD(DAYS, 1, day)", "\"2024-03-01\"")]);
}

#[test]
fn times_are_compared() {
    check(&[
        ("ts > '2024-02'", "true"),
        ("ts BETWEEN '2024-02-29' AND '2024-02-29T10:30:00'", "true"),
        ("day = '2024-02-29'", "true"),
        ("clock >= '10:30'", "true"),
        ("day < ts", "true"),
        ("day = CAST(ts AS DATE)", "true"),
        ("ts > nowhere", "false"),
        ("day = SUBSTRING('2024-02-29T', 1, 10)", "true"),
        ("day IN ('2024-02-28', '2024-02-29')", "true"),
        ("ROWTIME < '1970-01-01T00:00:00.006Z'", "true"),
        ("ts > 'soon'", "refused: 'soon' is no TIMESTAMP"),
        ("ts > 5", "refused: cannot be compared"),
    ]);
}
