//! Functions of numbers, angles and places.

use super::check;

#[test]
fn numbers() {
    check(&[
        ("ABS(-3)", "3"),
        ("ABS(m - 20)", "7.50"),
        ("CEIL(-1.5)", "-1.0"),
        ("FLOOR(d)", "2.0"),
        ("ROUND(d)", "3"),
        ("ROUND(-2.5e0)", "-2"),
        ("ROUND(m)", "13"),
        ("ROUND(m, 1)", "12.50"),
        ("ROUND(99.96)", "100"),
        ("ROUND(1234.5678e0, -2)", "1200.0"),
        ("TRUNC(d)", "2"),
        ("TRUNC(-2.9e0)", "-2"),
        ("TRUNC(12.567, 1)", "12.500"),
        ("TRUNC(1256.7e0, -2)", "1200.0"),
        ("TRUNC(m)", "12"),
        ("TRUNC(i)", "7"),
        ("TRUNC(nothing)", "null"),
        ("SIGN(-0.5e0)", "-1"),
        ("SQRT(6.25)", "2.5"),
        ("CBRT(27)", "3.0"),
        ("POWER(2, 10)", "1024.0"),
        ("POWER(2, nothing)", "null"),
        ("POWER(10, 400)", "\"Infinity\""),
        ("LN(1)", "0.0"),
        ("EXP(0)", "1.0"),
        ("LOG(1000)", "3.0"),
        ("LOG(2, 8)", "3.0"),
        ("LOG(2, 0)", "\"-Infinity\""),
        ("LOG(1, 5)", "\"NaN\""),
        ("LOG(-2, 5)", "\"NaN\""),
        ("LOG(2, -5)", "\"NaN\""),
        ("GREATEST(i, nothing, 3)", "7"),
        ("LEAST(d, 1)", "1.0"),
        ("LEAST(day, '2020-02-02')", "18294"),
        ("GREATEST(ints, ints)", "refused: argument 1 of GREATEST"),
        ("GREATEST(i, s)", "refused: must have one type"),
        ("GREATEST(i, l)", "refused: ambiguous"),
        ("LEAST(CAST(i AS DOUBLE), d, 1.5)", "1.5"),
        ("GREATEST(NULL, NULL)", "refused: their type is ambiguous"),
    ]);
}

#[test]
fn angles_and_places() {
    check(&[
        ("PI()", "3.141592653589793"),
        ("DEGREES(PI())", "180.0"),
        ("ROUND(RADIANS(90), 4)", "1.5708"),
        ("COS(0)", "1.0"),
        ("SIN(0)", "0.0"),
        ("ROUND(TAN(1), 4)", "1.5574"),
        ("ROUND(COT(1), 4)", "0.6421"),
        ("COT(0)", "\"Infinity\""),
        ("ACOS(1)", "0.0"),
        ("ACOS(2)", "\"NaN\""),
        ("ROUND(ASIN(1), 4)", "1.5708"),
        ("ROUND(ATAN(1), 4)", "0.7854"),
        ("ROUND(ATAN2(-1, -1), 4)", "-2.3562"),
        ("ATAN2(nothing, 1)", "null"),
        ("ROUND(COSH(1), 4)", "1.5431"),
        ("ROUND(SINH(1), 4)", "1.1752"),
        ("ROUND(TANH(1), 4)", "0.7616"),
        ("ROUND(GEO_DISTANCE(48.8566, 2.3522, 52.52, 13.405), 1)", "877.5"),
        ("ROUND(GEO_DISTANCE(48.8566, 2.3522, 52.52, 13.405, 'MI'), 1)", "545.3"),
        ("ROUND(GEO_DISTANCE(48.8566, 2.3522, 52.52, 13.405, nowhere), 1)", "877.5"),
        ("GEO_DISTANCE(1, 1, 2, 2, 'cubits')", "null"),
        ("GEO_DISTANCE(nothing, 1, 2, 2)", "null"),
    ]);
}
