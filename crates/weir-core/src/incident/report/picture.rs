//! Slots by what they do, over time: stacked areas, the limit as a line, unmet demand above it.

use super::Story;
use super::html::escape;
use crate::config::choices::Language;
use crate::incident::flight::Point;
use crate::incident::moment::Wall;
use crate::incident::signals::Slots;

const WIDTH: f32 = 960.0;
const HEIGHT: f32 = 300.0;
const LEFT: f32 = 44.0;
const TOP: f32 = 28.0;
/// A line of the legend.
const ROW: f32 = 22.0;
/// Points drawn, at most: more than two a pixel nobody sees.
const COLUMNS: usize = 480;
/// The scale ends at so many times the limit; a higher demand is cut there.
const LIMITS_SHOWN: f32 = 3.0;

/// A band of the stack.
struct Band {
    colour: &'static str,
    english: &'static str,
    chinese: &'static str,
    value: fn(&Slots) -> f32,
}

const BANDS: [Band; 6] = [
    Band { colour: "#3a7d44", english: "executing", chinese: "执行中", value: |s| s.executing },
    Band {
        colour: "#d9822b",
        english: "in a transaction, waiting for the application",
        chinese: "事务中等待应用",
        value: |s| s.in_transaction,
    },
    Band {
        colour: "#8e6bbf",
        english: "slow reader",
        chinese: "等待慢客户端",
        value: |s| s.client_blocked,
    },
    Band { colour: "#4a7fb5", english: "pinned", chinese: "被固定", value: |s| s.pinned },
    Band { colour: "#8a8a8a", english: "upkeep", chinese: "维护", value: |s| s.upkeep },
    Band {
        colour: "#d64545",
        english: "waiting for a slot (unmet demand)",
        chinese: "排队等待（未满足的需求）",
        value: |s| s.waiting,
    },
];

/// The picture; `None` where too little was recorded.
pub(super) fn draw(story: &Story, language: Language) -> Option<String> {
    let flight = &story.flight;
    let points = thin(&flight.points);
    let (first, last) = (points.first()?, points.last()?);
    if first.at_ms == last.at_ms {
        return None;
    }
    let scale = Scale::of(&points, first.at_ms, last.at_ms);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
         aria-label=\"{}\">\n",
        HEIGHT + TOP + 44.0 + ROW * BANDS.len() as f32 / 2.0,
        language.pick("Slots by what they do, over time", "各状态连接数随时间的变化")
    );
    let mut base = vec![0.0; points.len()];
    for band in &BANDS {
        svg.push_str(&area(&points, &mut base, band, &scale));
    }
    svg.push_str(&limit_line(&points, &scale, language));
    svg.push_str(&marks(story, &scale, language));
    svg.push_str(&legend(language));
    svg.push_str("</svg>\n");
    Some(svg)
}

fn thin(points: &[Point]) -> Vec<&Point> {
    let step = points.len().div_ceil(COLUMNS).max(1);
    points.iter().step_by(step).collect()
}

/// From milliseconds and slots to the page.
struct Scale {
    start: i64,
    span: f32,
    top: f32,
}

impl Scale {
    #[expect(clippy::cast_precision_loss, reason = "places on a page")]
    fn of(points: &[&Point], start: i64, end: i64) -> Self {
        let most = |value: &dyn Fn(&Slots) -> f32| {
            points.iter().map(|point| value(&point.slots)).fold(1.0, f32::max)
        };
        let limit = most(&|slots| slots.limit);
        let demand = most(&|slots| slots.held() + slots.waiting);
        let top = demand.min(limit * LIMITS_SHOWN).max(limit) * 1.1;
        Self { start, span: (end - start) as f32, top }
    }

    #[expect(clippy::cast_precision_loss, reason = "places on a page")]
    fn x(&self, at_ms: i64) -> f32 {
        LEFT + (at_ms - self.start) as f32 / self.span * (WIDTH - LEFT)
    }

    fn y(&self, slots: f32) -> f32 {
        TOP + HEIGHT * (1.0 - slots.min(self.top) / self.top)
    }
}

fn area(points: &[&Point], base: &mut [f32], band: &Band, scale: &Scale) -> String {
    let place =
        |point: &&Point, level: f32| format!("{:.1},{:.1}", scale.x(point.at_ms), scale.y(level));
    let below: Vec<String> = points.iter().zip(base.iter()).map(|(p, &b)| place(p, b)).collect();
    for (point, level) in points.iter().zip(base.iter_mut()) {
        *level += (band.value)(&point.slots);
    }
    let above: Vec<String> = points.iter().zip(base.iter()).map(|(p, &b)| place(p, b)).collect();
    let outline: Vec<String> = above.into_iter().chain(below.into_iter().rev()).collect();
    format!("<polygon fill=\"{}\" points=\"{}\"/>\n", band.colour, outline.join(" "))
}

fn limit_line(points: &[&Point], scale: &Scale, language: Language) -> String {
    // Before there is a pool there is no limit.
    let path: Vec<String> = points
        .iter()
        .filter(|point| point.slots.limit > 0.0)
        .map(|point| format!("{:.1},{:.1}", scale.x(point.at_ms), scale.y(point.slots.limit)))
        .collect();
    let limit = points.last().map_or(0.0, |point| point.slots.limit);
    let label = language.pick("limit", "上限");
    format!(
        "<polyline fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" \
         stroke-dasharray=\"6 4\" points=\"{}\"/>\n<text x=\"2\" y=\"{:.1}\">{label} {limit:.0}</text>\n",
        path.join(" "),
        scale.y(limit) - 4.0
    )
}

fn marks(story: &Story, scale: &Scale, language: Language) -> String {
    let flight = &story.flight;
    let mark = |at_ms: i64, label: &str| {
        let x = scale.x(at_ms);
        let (anchor, side) = if x > WIDTH - 120.0 { ("end", -3.0) } else { ("start", 3.0) };
        format!(
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\" stroke=\"currentColor\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>\n",
            TOP + HEIGHT,
            x + side,
            TOP - 8.0
        )
    };
    let opened = mark(0, language.pick("opened", "触发"));
    let calm = flight.calm_ms.map(|at| mark(at, language.pick("served again", "恢复")));
    let bottom = TOP + HEIGHT + 18.0;
    let clock = |at_ms: i64| Wall(story.incident.opened.0.saturating_add_signed(at_ms)).clock();
    let ends = flight.points.first().zip(flight.points.last()).map(|(first, last)| {
        format!(
            "<text x=\"{LEFT}\" y=\"{bottom}\">{}</text>\n\
             <text x=\"{WIDTH}\" y=\"{bottom}\" text-anchor=\"end\">{} UTC</text>\n\
             <text x=\"2\" y=\"{}\">0</text>\n",
            clock(first.at_ms),
            clock(last.at_ms),
            TOP + HEIGHT
        )
    });
    opened + &calm.unwrap_or_default() + &ends.unwrap_or_default()
}

fn legend(language: Language) -> String {
    let mut legend = String::new();
    for (index, band) in BANDS.iter().enumerate() {
        let (row, column) = (index / 2, index % 2);
        let (x, y) = (LEFT + 440.0 * column as f32, TOP + HEIGHT + 34.0 + ROW * row as f32);
        let label = escape(language.pick(band.english, band.chinese));
        legend.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n\
             <text x=\"{}\" y=\"{}\">{label}</text>\n",
            band.colour,
            x + 18.0,
            y + 11.0
        ));
    }
    legend
}
