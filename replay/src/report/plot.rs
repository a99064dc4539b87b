//! Plots over the time of a run as SVG, drawn by hand: a few shapes need no library and no script.

use std::fmt::Write as _;

use crate::plan::{PhaseName, Plan};

/// One line of a plot.
pub struct Line {
    /// In the legend.
    pub name: String,
    /// Any CSS colour.
    pub colour: &'static str,
    /// Seconds and value; none leaves a gap.
    pub points: Vec<(f64, Option<f64>)>,
}

/// Lines over the time of a run.
pub struct Plot {
    /// Above it.
    pub title: &'static str,
    /// The value at the top; higher ones are drawn there.
    pub top: f64,
    /// Values of the grid, and what stands beside them.
    pub grid: Vec<(f64, &'static str)>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A row of a strip: a cell for each second.
pub struct Row {
    /// Beside it.
    pub name: &'static str,
    /// Start of the second, and its share, 0 to 1; none is left empty.
    pub cells: Vec<(f64, Option<f64>)>,
}

const WIDTH: f64 = 850.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const ROW: f64 = 30.0;

impl Plot {
    /// The SVG element.
    #[must_use]
    pub fn svg(&self, plan: &Plan) -> String {
        let x = axis(plan);
        let y = |value: f64| TOP + (1.0 - (value / self.top).clamp(0.0, 1.0)) * HEIGHT;
        let mut out = open(self.title, TOP + HEIGHT + 20.0);
        phases(plan, HEIGHT, &mut out);
        for (value, label) in &self.grid {
            let at = y(*value);
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"end\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
                LEFT + WIDTH,
                LEFT - 6.0,
                at + 4.0,
                escape(label)
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            let path = line.path(plan.length().as_secs_f64(), &x, y);
            let legend = TOP + 26.0 + 19.0 * number as f64;
            let _ = write!(
                out,
                "<path d=\"{path}\" stroke=\"{0}\"/>\
                 <line x1=\"2\" x2=\"20\" y1=\"{1:.0}\" y2=\"{1:.0}\" stroke=\"{0}\" stroke-width=\"3\"/>\
                 <text x=\"25\" y=\"{2:.0}\">{3}</text>",
                line.colour,
                legend - 4.0,
                legend,
                escape(&line.name)
            );
        }
        seconds(plan, TOP + HEIGHT + 14.0, &mut out);
        out.push_str("</svg>");
        out
    }
}

/// One row for each set-up, red where nothing works and green where all does.
#[must_use]
pub fn strip(title: &str, rows: &[Row], plan: &Plan) -> String {
    let x = axis(plan);
    let height = ROW * rows.len() as f64;
    let mut out = open(title, TOP + height + 20.0);
    phases(plan, height, &mut out);
    for (number, row) in rows.iter().enumerate() {
        let top = TOP + ROW * number as f64;
        let _ = write!(
            out,
            "<text class=\"end\" x=\"{:.0}\" y=\"{:.1}\" style=\"font-size:12.5px;fill:#1c2128\">{}</text>",
            LEFT - 8.0,
            top + ROW / 2.0 + 4.0,
            escape(row.name)
        );
        for (from_s, share) in &row.cells {
            let Some(share) = share else { continue };
            let _ = write!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\">\
                 <title>second {from_s:.0}: {:.0} %</title></rect>",
                x(*from_s) + 0.5,
                top + 2.0,
                (x(from_s + 1.0) - x(*from_s) - 1.0).max(0.5),
                ROW - 4.0,
                colour(*share),
                (share * 100.0).floor()
            );
        }
    }
    seconds(plan, TOP + height + 14.0, &mut out);
    out.push_str("</svg>");
    out
}

fn axis(plan: &Plan) -> impl Fn(f64) -> f64 {
    let length_s = plan.length().as_secs_f64();
    move |at_s| LEFT + (at_s / length_s).clamp(0.0, 1.0) * WIDTH
}

fn open(title: &str, height: f64) -> String {
    let title = escape(title);
    format!(
        "<svg viewBox=\"0 0 {:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\">\
         <text x=\"0\" y=\"14\" class=\"title\">{title}</text>",
        LEFT + WIDTH + RIGHT
    )
}

/// The phases as bands, their names above.
fn phases(plan: &Plan, height: f64, out: &mut String) {
    let x = axis(plan);
    for phase in &plan.phases {
        let (from, to) = (x(phase.start_s), x(phase.start_s + phase.length_s));
        let _ = write!(
            out,
            "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height:.0}\" fill=\"{}\"/>\
             <text class=\"mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            to - from,
            shade(phase.name),
            f64::midpoint(from, to),
            TOP - 6.0,
            phase_name(phase.name)
        );
    }
}

/// Where phases begin, in seconds, below.
fn seconds(plan: &Plan, y: f64, out: &mut String) {
    let x = axis(plan);
    let ends = plan.phases.iter().map(|phase| phase.start_s).chain([plan.length().as_secs_f64()]);
    for at_s in ends {
        let _ =
            write!(out, "<text class=\"mid\" x=\"{:.1}\" y=\"{y:.0}\">{at_s:.0} s</text>", x(at_s));
    }
}

/// From red over amber to green. Only nearly all is green: 90 % of good answers is an outage.
fn colour(share: f64) -> &'static str {
    match share {
        share if share >= 0.99 => "#2e9e5b",
        share if share >= 0.95 => "#8cc265",
        share if share >= 0.8 => "#e9c44c",
        share if share >= 0.5 => "#e8933a",
        share if share >= 0.2 => "#d9573f",
        _ => "#a3201a",
    }
}

impl Line {
    /// What comes after the run, while the last clients are waited for, is left out.
    fn path(&self, end_s: f64, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
        let mut path = String::new();
        let mut drawing = false;
        for (at_s, value) in self.points.iter().take_while(|(at_s, _)| *at_s <= end_s) {
            if let Some(value) = value {
                let command = if drawing { 'L' } else { 'M' };
                let _ = write!(path, "{command}{:.1} {:.1}", x(*at_s), y(*value));
            }
            drawing = value.is_some();
        }
        path
    }
}

/// Text as it may stand in HTML and SVG.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn shade(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Calm | PhaseName::CalmAgain => "#f6f8fa",
        PhaseName::Trigger => "#fdf6e3",
        PhaseName::Exhaustion | PhaseName::Reaction => "#fbeae7",
        PhaseName::Recovery => "#eaf2fb",
    }
}

fn phase_name(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Calm => "calm",
        PhaseName::Trigger => "sale starts, receiver slows",
        PhaseName::Exhaustion => "load stays",
        PhaseName::Reaction => "people react",
        PhaseName::Recovery => "load is over",
        PhaseName::CalmAgain => "calm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_is_a_gap_and_the_end_is_the_end() {
        let points = vec![
            (0.0, Some(1.0)),
            (1.0, Some(2.0)),
            (2.0, None),
            (3.0, Some(4.0)),
            (9.0, Some(5.0)),
        ];
        let line = Line { name: String::new(), colour: "red", points };
        assert_eq!(line.path(8.0, |x| x, |y| y), "M0.0 1.0L1.0 2.0M3.0 4.0");
    }

    #[test]
    fn nothing_in_a_text_becomes_markup() {
        assert_eq!(escape("<a b=\"c\">&"), "&lt;a b=&quot;c&quot;&gt;&amp;");
    }

    #[test]
    fn a_strip_has_a_cell_for_each_second_that_was_seen() {
        let cells = vec![(0.0, Some(1.0)), (1.0, None), (2.0, Some(0.0))];
        let svg = strip("t", &[Row { name: "n", cells }], &Plan::incident(1, 1.0));
        assert_eq!(svg.matches("<title>second").count(), 2);
        assert!(svg.contains(colour(1.0)) && svg.contains(colour(0.0)), "{svg}");
    }
}
