//! What is said of an incident, in English and in Chinese.
//!
//! | file | job |
//! | --- | --- |
//! | `causes` | names of causes, what helps, what prevents |
//! | `consequences` | what they lead to |
//! | `measures` | evidence |
//! | `events` | what happened, a sentence each |
//! | `actions` | what was done and why |
//! | `culprit` | who |

mod actions;
mod causes;
mod consequences;
mod culprit;
mod events;
mod measures;

use std::time::Duration;

pub use actions::{reason, step, target, verdict};
pub use causes::{advice, cause};
pub use consequences::consequence;
pub use culprit::{culprit, gap, place};
pub use events::event;
pub use measures::figure;

use super::machine::State;
use crate::config::choices::Language;
use crate::diagnosis::{Confidence, Finding, Scope, Severity};

/// A state in a word.
#[must_use]
pub const fn state(state: State, language: Language) -> &'static str {
    match state {
        State::Open => language.pick("open", "已触发"),
        State::Mitigating => language.pick("mitigating", "处置中"),
        State::Watching => language.pick("watching", "观察中"),
        State::Closed => language.pick("closed", "已恢复"),
    }
}

/// A severity in a word.
#[must_use]
pub const fn severity(severity: Severity, language: Language) -> &'static str {
    match severity {
        Severity::Info => language.pick("info", "信息"),
        Severity::Warning => language.pick("warning", "警告"),
        Severity::Critical => language.pick("critical", "严重"),
    }
}

/// How sure, in a word.
#[must_use]
pub const fn confidence(confidence: Confidence, language: Language) -> &'static str {
    match confidence {
        Confidence::Possible => language.pick("possible", "可能"),
        Confidence::Likely => language.pick("likely", "很可能"),
        Confidence::Certain => language.pick("certain", "确定"),
    }
}

/// Whether one route got slow or everything did; `None` where that is not known.
#[must_use]
pub const fn scope(scope: Scope, language: Language) -> Option<&'static str> {
    match scope {
        Scope::Local => Some(language.pick(
            "local: one route got slow, the others are as usual",
            "局部：仅该路由变慢，其他路由正常",
        )),
        Scope::Common => Some(language.pick(
            "common: all routes got slow alike, so no route is to blame",
            "全局：所有路由同时变慢，不归咎于任何路由",
        )),
        Scope::Undecided => None,
    }
}

/// A length of time in its two largest units: `2 h 15 min`.
#[must_use]
pub fn duration(span: Duration, language: Language) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let (d, h, min, s, ms) = match language {
        Language::En => (" d", " h", " min", " s", " ms"),
        Language::Zh => (" 天", " 小时", " 分钟", " 秒", " 毫秒"),
    };
    let pair = |large, unit, small, of| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit} {small}{of}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 && !span.is_zero() => format!("{}{ms}", span.as_millis()),
        (0, 0, 0) => format!("{seconds}{s}"),
        (0, 0, _) => pair(minutes, min, seconds % 60, s),
        (0, _, _) => pair(hours, h, minutes, min),
        (_, _, _) => pair(days, d, hours, h),
    }
}

/// A finding in one sentence. The rule's own words in English; cause, who and the figures in
/// Chinese, because rules speak English.
#[must_use]
pub fn finding(finding: &Finding, language: Language) -> String {
    match language {
        Language::En => finding.summary.clone(),
        Language::Zh => {
            let mut parts = vec![cause(finding.cause, language).to_owned()];
            parts.extend(culprit(&finding.culprit, language));
            let figures = finding.evidence.iter().take(4);
            parts.extend(figures.map(|one| figure(one, language)));
            parts.join("，")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_two_largest_units() {
        let check = |millis, english: &str, chinese: &str| {
            let span = Duration::from_millis(millis);
            assert_eq!(duration(span, Language::En), english);
            assert_eq!(duration(span, Language::Zh), chinese);
        };
        check(0, "0 s", "0 秒");
        check(250, "250 ms", "250 毫秒");
        check(42_900, "42 s", "42 秒");
        check(60_000, "1 min", "1 分钟");
        check(8_100_000, "2 h 15 min", "2 小时 15 分钟");
        check(180_000_000, "2 d 2 h", "2 天 2 小时");
    }
}
