//! A small line plot as SVG: a logarithmic axis to the right, a linear one upwards from zero.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
/// Room for the labels: left, right, above, below.
const MARGIN: (f64, f64, f64, f64) = (70.0, 20.0, 40.0, 50.0);
/// Lines across, beside the axis.
const STEPS: u32 = 5;

/// A line through some points, each with the least and the greatest that was measured.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) range: (f64, f64),
}

/// Draws points, from left to right. `label` tells what stands at a place of the axis to the right.
pub(crate) fn line(
    title: &str,
    axes: [&str; 2],
    points: &[Point],
    label: fn(f64) -> String,
) -> String {
    let (left, right, above, below) = MARGIN;
    let xs = || points.iter().map(|point| point.x.log10());
    let (low, high) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    let top = ceiling(points.iter().map(|point| point.range.1.max(point.y)).fold(1.0, f64::max));
    let x = |value: f64| {
        let part = if high > low { (value.log10() - low) / (high - low) } else { 0.5 };
        left + part * (WIDTH - left - right)
    };
    let y = |value: f64| HEIGHT - below - value / top * (HEIGHT - above - below);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{left}\" y=\"22\" font-size=\"14\">{title}</text>\n"
    );
    for step in 0..=STEPS {
        let value = top * f64::from(step) / f64::from(STEPS);
        let (at, end) = (y(value), WIDTH - right);
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{end}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>",
            left - 8.0,
            at + 4.0,
        );
    }
    let mut path = String::new();
    for point in points {
        let (at, name) = (x(point.x), label(point.x));
        let _ = write!(path, "{at:.1},{:.1} ", y(point.y));
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"#69c\"/>\
             <circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#036\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            y(point.range.0),
            y(point.range.1),
            y(point.y),
            HEIGHT - below + 18.0,
        );
    }
    let [across, up] = axes;
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#036\" stroke-width=\"2\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across}</text>\n\
         <text transform=\"translate(18 {:.1}) rotate(-90)\" text-anchor=\"middle\">{up}</text>\n</svg>",
        path.trim_end(),
        WIDTH / 2.0,
        HEIGHT - 10.0,
        HEIGHT / 2.0,
    );
    svg
}

/// The next of 1, 2, 5, 10 … times a power of ten that is no less.
fn ceiling(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|of| of * power).find(|of| *of >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_where_their_values_are() {
        let point = |x: f64, y: f64| Point { x, y, range: (y - 1.0, y + 1.0) };
        let points = [point(10.0, 50.0), point(100.0, 99.0), point(1000.0, 0.0)];
        let svg = line("cost", ["keys", "ns"], &points, |x| format!("{x:.0}"));
        assert!(svg.contains("points=\"70.0,155.0 345.0,42.3 620.0,270.0\""), "{svg}");
        assert!(
            svg.contains(">100</text>") && svg.starts_with("<svg") && svg.ends_with("</svg>\n")
        );
    }

    #[test]
    fn the_axis_ends_at_a_round_number() {
        let ends = [0.9, 1.0, 1.1, 230.0, 501.0].map(|value| format!("{:.0}", ceiling(value)));
        assert_eq!(ends, ["1", "1", "2", "500", "1000"]);
    }
}
