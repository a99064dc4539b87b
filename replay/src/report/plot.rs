//! Line plots as SVG, drawn by hand: a few shapes need no library and no script.

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

/// A plot over the time of a run.
pub struct Plot<'a> {
    /// Above it.
    pub title: &'a str,
    /// The value at the top; higher ones are drawn there.
    pub top: f64,
    /// What stands at the top and at the bottom of the value axis.
    pub labels: (&'a str, &'a str),
    /// The lines.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 22.0;

impl Plot<'_> {
    /// The SVG element.
    #[must_use]
    pub fn svg(&self, plan: &Plan) -> String {
        let length_s = plan.length().as_secs_f64();
        let x = |at_s: f64| LEFT + (at_s / length_s).clamp(0.0, 1.0) * WIDTH;
        let y = |value: f64| TOP + (1.0 - (value / self.top).clamp(0.0, 1.0)) * HEIGHT;
        let mut out = format!(
            "<svg viewBox=\"0 0 {} {}\" role=\"img\"><title>{}</title>",
            LEFT + WIDTH + 10.0,
            TOP + HEIGHT + 40.0,
            escape(self.title)
        );
        for phase in &plan.phases {
            let (from, to) = (x(phase.start_s), x(phase.start_s + phase.length_s));
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{HEIGHT}\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" class=\"phase\">{}</text>",
                to - from,
                shade(phase.name),
                from + 3.0,
                TOP + HEIGHT + 14.0,
                phase_name(phase.name)
            );
        }
        let _ = write!(
            out,
            "<text x=\"{LEFT}\" y=\"14\" class=\"title\">{}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" class=\"axis\">{}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" class=\"axis\">{}</text>",
            escape(self.title),
            LEFT - 4.0,
            TOP + 10.0,
            escape(self.labels.0),
            LEFT - 4.0,
            TOP + HEIGHT,
            escape(self.labels.1)
        );
        for (number, line) in self.lines.iter().enumerate() {
            let path = line.path(length_s, x, y);
            let _ = write!(out, "<path d=\"{path}\" stroke=\"{}\"/>", line.colour);
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" style=\"fill:{}\">{}</text>",
                LEFT + 190.0 * number as f64,
                TOP + HEIGHT + 32.0,
                line.colour,
                escape(&line.name)
            );
        }
        out.push_str("</svg>");
        out
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
        PhaseName::Calm | PhaseName::CalmAgain => "#f2f7f2",
        PhaseName::Trigger => "#fdf3dc",
        PhaseName::Exhaustion => "#fbe3df",
        PhaseName::Reaction => "#f6e6f2",
        PhaseName::Recovery => "#e4eefb",
    }
}

fn phase_name(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Calm => "calm",
        PhaseName::Trigger => "trigger",
        PhaseName::Exhaustion => "exhaustion",
        PhaseName::Reaction => "reaction",
        PhaseName::Recovery => "recovery",
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
}
