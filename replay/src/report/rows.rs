//! The rows of the table: the story's five, and those the story should have had.

use crate::figures::Figures;
use crate::report::Report;

/// One row: a cell for each set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// What it is.
    pub name: String,
    /// Whether the story has it too.
    pub is_storys: bool,
    /// As measured.
    pub cells: Vec<Cell>,
}

/// A figure of one set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// As measured.
    pub value: String,
    /// The change against the first set-up, where there is one to tell.
    pub change: Option<String>,
}

impl Cell {
    /// Both in one.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.change {
            Some(change) => format!("{} ({change})", self.value),
            None => self.value.clone(),
        }
    }
}

/// A figure that gets a change: its name, how it is read, how it is written.
struct Measured {
    name: &'static str,
    of: fn(&Figures) -> Option<f64>,
    show: fn(f64) -> String,
    change: Change,
    absent: &'static str,
}

#[derive(Clone, Copy)]
enum Change {
    /// In per cent of the first.
    Ratio,
    /// In percentage points.
    Points,
    /// Not told: the figure speaks for itself.
    None,
}

const STORYS: [Measured; 4] = [
    Measured {
        name: "peak server connections",
        of: |f| Some(f.connections_peak as f64),
        show: |v| format!("{v:.0}/100"),
        change: Change::Ratio,
        absent: "",
    },
    Measured {
        name: "mean answer time",
        of: |f| Some(f.mean_try_s),
        show: seconds,
        change: Change::Ratio,
        absent: "",
    },
    Measured {
        name: "success rate",
        of: |f| Some(f.success),
        show: percent,
        change: Change::Points,
        absent: "",
    },
    Measured {
        name: "long statements and transactions, peak",
        of: |f| Some(f.long_peak as f64),
        show: |v| format!("{v:.0}"),
        change: Change::Ratio,
        absent: "",
    },
];

const OURS: [Measured; 9] = [
    Measured {
        name: "success rate in the exhaustion",
        of: |f| Some(f.success_exhausted),
        show: percent,
        change: Change::Points,
        absent: "",
    },
    Measured {
        name: "clients served in the end",
        of: |f| Some(f.served),
        show: percent,
        change: Change::Points,
        absent: "",
    },
    Measured {
        name: "mean time of good answers",
        of: |f| f.mean_good_s,
        show: seconds,
        change: Change::Ratio,
        absent: "no good answer",
    },
    Measured {
        name: "innocent served within 1 s",
        of: |f| Some(f.innocent_within_1s),
        show: percent,
        change: Change::Points,
        absent: "",
    },
    Measured {
        name: "… while the service itself was there",
        of: |f| f.innocent_within_1s_up,
        show: percent,
        change: Change::Points,
        absent: "never there",
    },
    Measured {
        name: "time until served, p50",
        of: |f| f.clients_p50_s,
        show: seconds,
        change: Change::None,
        absent: "never",
    },
    Measured {
        name: "time until served, p95",
        of: |f| f.clients_p95_s,
        show: seconds,
        change: Change::None,
        absent: "never",
    },
    Measured {
        name: "time until served, p99",
        of: |f| f.clients_p99_s,
        show: seconds,
        change: Change::None,
        absent: "never",
    },
    Measured {
        name: "recovery after the load",
        of: |f| f.recovery_s,
        show: |v| format!("{v:.0} s"),
        change: Change::None,
        absent: "not in the run",
    },
];

/// All rows, the story's first.
#[must_use]
pub fn rows(report: &Report) -> Vec<TableRow> {
    let measured = |measured: &Measured| row(measured, report);
    let mut rows: Vec<TableRow> = STORYS.iter().map(measured).collect();
    rows.push(plain("stability", report, stability));
    rows.iter_mut().for_each(|row| row.is_storys = true);
    rows.extend(OURS.iter().map(measured));
    rows.push(plain("pieces ordered: lost / doubled", report, |f| {
        format!("{} / {}", f.books.pieces_lost, f.books.pieces_doubled)
    }));
    rows.push(plain("notifications: lost / doubled / of nothing", report, |f| {
        let b = &f.books;
        let (lost, doubled) = (b.notifications_lost, b.notifications_doubled);
        format!("{lost} / {doubled} / {}", b.notifications_of_nothing)
    }));
    rows
}

fn row(measured: &Measured, report: &Report) -> TableRow {
    let base = report.set_ups.first().and_then(measured.of);
    let cell = |(number, figures): (usize, &Figures)| match (measured.of)(figures) {
        None => Cell { value: measured.absent.to_owned(), change: None },
        Some(value) => {
            let base = base.filter(|_| number > 0);
            let change = base.and_then(|base| measured.change.show(base, value));
            Cell { value: (measured.show)(value), change }
        }
    };
    let cells = report.set_ups.iter().enumerate().map(cell).collect();
    TableRow { name: measured.name.to_owned(), is_storys: false, cells }
}

fn plain(name: &str, report: &Report, cell: impl Fn(&Figures) -> String) -> TableRow {
    let cells = report.set_ups.iter().map(|figures| Cell { value: cell(figures), change: None });
    TableRow { name: name.to_owned(), is_storys: false, cells: cells.collect() }
}

fn stability(figures: &Figures) -> String {
    match (figures.seconds_below_half, figures.restarts) {
        (0, 0) => "held throughout".to_owned(),
        (down, 0) => format!("{down} s down"),
        (down, restarts) => format!("{down} s down, {restarts} restart(s)"),
    }
}

impl Change {
    fn show(self, base: f64, value: f64) -> Option<String> {
        match self {
            Self::Ratio if base > 0.0 => Some(ratio(value / base)),
            Self::Points => Some(format!("{:+.1} pts", (value - base) * 100.0)),
            Self::Ratio | Self::None => None,
        }
    }
}

/// What is left of little is not nothing: only 0 is -100 %.
fn ratio(of: f64) -> String {
    let percent = (of - 1.0) * 100.0;
    if of > 0.0 && percent < -99.0 {
        format!("{:+.1} %", percent.max(-99.9))
    } else {
        format!("{percent:+.0} %")
    }
}

pub(super) fn percent(share: f64) -> String {
    // Never rounded up to a hundred that was not reached.
    let floored = (share * 10_000.0).floor() / 100.0;
    format!("{floored:.2} %")
}

pub(super) fn seconds(value: f64) -> String {
    if value < 1.0 { format!("{:.0} ms", value * 1_000.0) } else { format!("{value:.2} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_against_the_first() {
        assert_eq!(Change::Ratio.show(100.0, 45.0).as_deref(), Some("-55 %"));
        assert_eq!(Change::Ratio.show(0.0, 45.0), None);
        for (value, expected) in
            [(0.0, "-100 %"), (0.001, "-99.9 %"), (0.7, "-99.3 %"), (2.0, "-98 %")]
        {
            assert_eq!(Change::Ratio.show(100.0, value).as_deref(), Some(expected));
        }
        assert_eq!(Change::Points.show(0.05, 0.998).as_deref(), Some("+94.8 pts"));
    }

    #[test]
    fn a_share_is_never_rounded_up() {
        assert_eq!(percent(0.999_99), "99.99 %");
        assert_eq!(percent(1.0), "100.00 %");
    }
}
