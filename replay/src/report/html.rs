//! One page, with everything in it.

use std::fmt::Write as _;

use crate::figures::{Figures, Second};
use crate::report::plot::{Line, Plot, escape};
use crate::report::rows::rows;
use crate::report::{Report, claims};
use crate::sampler::Sample;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;\
padding:0 1rem;color:#222}table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #ccc;\
padding:.3rem .6rem;text-align:left;vertical-align:top}th{background:#f4f4f4}.bad{color:#b3261e;\
font-weight:600}svg{width:100%;max-width:52rem;display:block;margin:.6rem 0}path{fill:none;\
stroke-width:1.6}text{font-size:11px;fill:#555}.title{font-size:13px;fill:#222}.axis{\
text-anchor:end}pre{background:#f4f4f4;padding:.6rem;overflow:auto}";

const BLUE: &str = "#1f5fa8";
const RED: &str = "#b3261e";
const AMBER: &str = "#a86a00";
const GREEN: &str = "#2c7a3f";

/// The whole page.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Replay of the incident</title>\
         <style>{STYLE}</style><h1>Replay of the incident</h1><p>{}</p>",
        escape(&report.circumstances())
    );
    table(report, &mut out);
    claim_list(report, &mut out);
    for figures in &report.set_ups {
        // Writing to a String cannot fail.
        let _ = write!(out, "<h2>{}</h2>", figures.setup.name());
        for plot in plots(figures) {
            out.push_str(&plot.svg(&report.plan));
        }
        out.push_str("<ul>");
        for event in &figures.events {
            let _ = write!(out, "<li>{:.1} s: {}</li>", event.at_s, escape(&event.what));
        }
        out.push_str("</ul>");
    }
    let _ = write!(out, "<h2>Again</h2><pre>{}</pre></html>", escape(&report.command));
    out
}

fn table(report: &Report, out: &mut String) {
    out.push_str("<table><tr><th>under load</th>");
    for figures in &report.set_ups {
        let _ = write!(out, "<th>{}</th>", figures.setup.name());
    }
    out.push_str("</tr>");
    for row in rows(report) {
        let _ = write!(out, "<tr><th>{}</th>", escape(&row.name));
        for cell in row.cells {
            let _ = write!(out, "<td>{}</td>", escape(&cell));
        }
        out.push_str("</tr>");
    }
    out.push_str(
        "</table><p>Changes are against the first column. Times until served count a client \
                  that never was as waiting for ever.</p>",
    );
}

fn claim_list(report: &Report, out: &mut String) {
    out.push_str("<ul>");
    for claim in claims::claims(report) {
        let verdict =
            if claim.holds { "holds" } else { "<span class=\"bad\">does not hold</span>" };
        let (claimed, measured) = (escape(&claim.claim), escape(&claim.measured));
        let _ = write!(out, "<li>{}: {claimed}: {verdict} ({measured})</li>", claim.setup.name());
    }
    out.push_str("</ul>");
}

fn plots(figures: &Figures) -> [Plot<'static>; 3] {
    [
        Plot {
            title: "Server connections",
            top: 100.0,
            labels: ("100", "0"),
            lines: vec![
                sampled(figures, "open", BLUE, |s| s.connections),
                sampled(figures, "idle in transaction", RED, |s| s.idle_in_transaction),
                sampled(figures, "active", GREEN, |s| s.active),
                sampled(figures, "waiting for a lock", AMBER, |s| s.waiting_for_lock),
            ],
        },
        Plot {
            title: "Good answers",
            top: 1.0,
            labels: ("100 %", "0"),
            lines: vec![
                each_second(figures, "all tries", BLUE, |s| s.success),
                each_second(figures, "innocent within 1 s", GREEN, |s| s.innocent_within_1s),
            ],
        },
        Plot {
            title: "Time until 95 of 100 innocent clients were served",
            top: 4.0,
            labels: ("4 s", "0"),
            lines: vec![each_second(figures, "a gap: never", BLUE, |s| s.innocent_p95_s)],
        },
    ]
}

fn sampled(figures: &Figures, name: &str, colour: &'static str, of: fn(&Sample) -> i64) -> Line {
    let points = figures.samples.iter().map(|s| (s.at_s, Some(of(s) as f64))).collect();
    Line { name: name.to_owned(), colour, points }
}

fn each_second(
    figures: &Figures,
    name: &str,
    colour: &'static str,
    of: fn(&Second) -> Option<f64>,
) -> Line {
    let points = figures.series.iter().map(|s| (s.from_s + 0.5, of(s))).collect();
    Line { name: name.to_owned(), colour, points }
}
