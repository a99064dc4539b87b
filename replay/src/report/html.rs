//! One page, with everything in it: what happened at a glance first, then the table, the claims,
//! and the plots.

use std::fmt::Write as _;

use crate::figures::{Figures, Second};
use crate::report::plot::{Line, Plot, Row, escape, strip};
use crate::report::rows::{percent, rows};
use crate::report::{Report, claims};
use crate::sampler::Sample;
use crate::setup::SetUp;

const STYLE: &str = include_str!("style.css");

const BLUE: &str = "#1f5fa8";
const RED: &str = "#b3261e";
const AMBER: &str = "#b7791f";
const GREEN: &str = "#1a7f45";
const GREY: &str = "#6b7480";
const STRIP: &str =
    "Good answers, second by second (green: 99 % and more; dark red: less than 20 %)";
/// From here a share of good answers is shown as good.
const GOOD_FROM: f64 = 0.99;

/// The whole page.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Replay of the incident</title><style>{STYLE}</style><h1>Replay of the incident</h1>"
    );
    lead(report, &mut out);
    cards(report, &mut out);
    out.push_str(&strip(STRIP, &strip_rows(report), &report.plan));
    out.push_str("<h2>The story's table, measured</h2>");
    table(report, &mut out);
    out.push_str("<h2>What was to be shown</h2>");
    claim_list(report, &mut out);
    out.push_str("<h2>Over time</h2>");
    for plot in compared(report) {
        out.push_str(&plot.svg(&report.plan));
    }
    out.push_str("<h2>Each set-up</h2>");
    for figures in &report.set_ups {
        details(figures, report, &mut out);
    }
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<h2>Again</h2><pre>{}</pre><p class=\"soft\">{}</p></html>",
        escape(&report.command),
        escape(&report.circumstances())
    );
    out
}

fn lead(report: &Report, out: &mut String) {
    out.push_str(
        "<p class=\"soft\">A sale starts, the receiver of notifications slows down, reports are \
         opened. The same shop, the same requests at the same moments, one PostgreSQL with 100 \
         connections: ",
    );
    let _ = write!(out, "{} set-ups.</p>", report.set_ups.len());
    let of = |setup| report.set_ups.iter().find(|figures| figures.setup == setup);
    if let (Some(story), Some(best)) = (of(SetUp::Story), of(SetUp::WeirOptimised)) {
        let _ = write!(
            out,
            "<p class=\"lead\">Under load {} of the requests were answered as in the story, and \
             {} with Weir and the code fixed.</p>",
            share(story.success),
            share(best.success)
        );
    }
}

fn cards(report: &Report, out: &mut String) {
    out.push_str("<div class=\"cards\">");
    for figures in &report.set_ups {
        let books = if figures.books.balance() {
            "<span class=\"good\">balance</span>".to_owned()
        } else {
            "<span class=\"bad\">do not balance</span>".to_owned()
        };
        let recovery = figures.recovery_s.map_or("not seen".to_owned(), |s| format!("{s:.0} s"));
        let _ = write!(
            out,
            "<div class=\"card\" style=\"border-top-color:{}\">{}<b class=\"{}\">{}</b>good answers \
             under load<ul><li><span>readers served in 1 s</span><span>{}</span></li>\
             <li><span>server connections, peak</span><span>{}</span></li>\
             <li><span>recovery after the load</span><span>{recovery}</span></li>\
             <li><span>books</span>{books}</li></ul></div>",
            colour(figures.setup),
            figures.setup.title(),
            class(figures.success),
            percent(figures.success),
            share(figures.innocent_within_1s),
            figures.connections_peak,
        );
    }
    out.push_str("</div>");
}

fn share(value: f64) -> String {
    format!("<span class=\"{}\">{}</span>", class(value), percent(value))
}

fn class(share: f64) -> &'static str {
    if share >= GOOD_FROM { "good" } else { "bad" }
}

fn strip_rows(report: &Report) -> Vec<Row> {
    let row = |figures: &Figures| Row {
        name: figures.setup.title(),
        cells: figures.series.iter().map(|second| (second.from_s, second.success)).collect(),
    };
    report.set_ups.iter().map(row).collect()
}

fn table(report: &Report, out: &mut String) {
    out.push_str("<div class=\"wide\"><table><thead><tr><th>under load</th>");
    for figures in &report.set_ups {
        let _ = write!(out, "<th>{}</th>", figures.setup.title());
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows(report) {
        let class = if row.is_storys { "storys" } else { "ours" };
        let _ = write!(out, "<tr class=\"{class}\"><th>{}</th>", escape(&row.name));
        for cell in row.cells {
            let change = cell.change.map(|change| format!("<small>{}</small>", escape(&change)));
            let _ = write!(out, "<td>{}{}</td>", escape(&cell.value), change.unwrap_or_default());
        }
        out.push_str("</tr>");
    }
    out.push_str(
        "</tbody></table></div><p class=\"soft\">The first five rows are the story's. Changes are \
         against the first column. A client never served counts as waiting for ever.</p>",
    );
}

fn claim_list(report: &Report, out: &mut String) {
    out.push_str("<ul class=\"claims\">");
    for claim in claims::claims(report) {
        let verdict = if claim.holds {
            "<span class=\"good\">✓</span>"
        } else {
            "<span class=\"bad\">✗ does not hold:</span>"
        };
        let (claimed, measured) = (escape(&claim.claim), escape(&claim.measured));
        let _ = write!(
            out,
            "<li>{verdict} {}: {claimed} <span class=\"soft\">({measured})</span></li>",
            claim.setup.title()
        );
    }
    out.push_str("</ul>");
}

/// Each set-up a line.
fn compared(report: &Report) -> [Plot; 3] {
    let lines = |of: fn(&Figures, &'static str) -> Line| {
        report.set_ups.iter().map(|figures| of(figures, colour(figures.setup))).collect()
    };
    [
        Plot {
            title: "Server connections",
            top: 105.0,
            grid: vec![(0.0, "0"), (50.0, "50"), (100.0, "100")],
            lines: lines(|f, colour| sampled(f, f.setup.title(), colour, |s| s.connections)),
        },
        Plot {
            title: "Innocent clients (readers) served within a second of their arrival",
            top: 1.05,
            grid: vec![(0.0, "0"), (0.5, "50 %"), (1.0, "100 %")],
            lines: lines(|f, colour| {
                each_second(f, f.setup.title(), colour, |s| s.innocent_within_1s)
            }),
        },
        Plot {
            title: "Time until 95 of 100 innocent clients were served (a gap: never)",
            top: 4.0,
            grid: vec![(0.0, "0"), (1.0, "1 s"), (2.0, "2 s"), (4.0, "4 s")],
            lines: lines(|f, colour| each_second(f, f.setup.title(), colour, |s| s.innocent_p95_s)),
        },
    ]
}

fn details(figures: &Figures, report: &Report, out: &mut String) {
    let plot = Plot {
        title: "What the server's connections did",
        top: 105.0,
        grid: vec![(0.0, "0"), (50.0, "50"), (100.0, "100")],
        lines: vec![
            sampled(figures, "open", BLUE, |s| s.connections),
            sampled(figures, "idle in transaction", RED, |s| s.idle_in_transaction),
            sampled(figures, "active", GREEN, |s| s.active),
            sampled(figures, "waiting for a lock", AMBER, |s| s.waiting_for_lock),
        ],
    };
    let _ = write!(
        out,
        "<details open><summary>{}</summary>{}<ul>",
        figures.setup.title(),
        plot.svg(&report.plan)
    );
    for event in &figures.events {
        let _ = write!(out, "<li>{:.1} s: {}</li>", event.at_s, escape(&event.what));
    }
    out.push_str("</ul></details>");
}

fn colour(setup: SetUp) -> &'static str {
    match setup {
        SetUp::Story => RED,
        SetUp::Pgbouncer => AMBER,
        SetUp::WeirUnchanged => BLUE,
        SetUp::WeirOptimised => GREEN,
        SetUp::DirectOptimised => GREY,
    }
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
