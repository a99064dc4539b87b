//! What happened, a sentence each.

use super::actions::{acted, lifted, worked};
use super::{cause, culprit, duration, finding, state};
use crate::config::choices::Language;
use crate::incident::event::EventKind;
use std::time::Duration;

/// An event in one sentence.
#[must_use]
pub fn event(kind: &EventKind, language: Language) -> String {
    match language {
        Language::En => english(kind),
        Language::Zh => chinese(kind),
    }
}

fn time(seconds: u64, language: Language) -> String {
    duration(Duration::from_secs(seconds), language)
}

fn english(kind: &EventKind) -> String {
    let language = Language::En;
    match kind {
        EventKind::FirstDeviation { finding: one } => {
            format!("First deviation: {}", finding(one, language))
        }
        EventKind::FirstWait { waiting } => format!("Clients wait for a slot: {waiting}"),
        EventKind::FirstRefusal { refused } => format!("First requests refused: {refused}"),
        EventKind::FirstFailure { failed } => {
            format!("First requests failed for want of a connection: {failed}")
        }
        EventKind::LimitReached { used, limit } => {
            format!("All connections are used: {used} of {limit}")
        }
        EventKind::FailureRate { percent } => {
            format!("More than {percent} % of requests fail or are refused")
        }
        EventKind::Offender { rank, finding: one } => {
            format!("Cause {rank}, {}: {}", cause(one.cause, language), who(one, language))
        }
        EventKind::Action(action) => acted(action, language),
        EventKind::Effect(effect) => worked(effect, language),
        EventKind::Lifted(end) => lifted(end, language),
        EventKind::ServerLost => "PostgreSQL no longer answers".into(),
        EventKind::ServerBack { seconds } => {
            format!("PostgreSQL answers again, after {}", time(*seconds, language))
        }
        EventKind::ConfigChanged { what } => format!("Configuration changed: {what}"),
        EventKind::State { from: None, .. } => "Incident opened".into(),
        EventKind::State { from: Some(_), to } => format!("Incident {}", state(*to, language)),
        EventKind::Recovered { seconds } => {
            format!("Requests are served again, after {}", time(*seconds, language))
        }
        EventKind::Interrupted => "Weir ended during the incident, and started again".into(),
        EventKind::LeftOut { count } => format!("{count} further events are not kept"),
    }
}

fn chinese(kind: &EventKind) -> String {
    let language = Language::Zh;
    match kind {
        EventKind::FirstDeviation { finding: one } => {
            format!("首次异常：{}", finding(one, language))
        }
        EventKind::FirstWait { waiting } => format!("开始有客户端排队等待连接：{waiting}"),
        EventKind::FirstRefusal { refused } => format!("首次拒绝请求：{refused}"),
        EventKind::FirstFailure { failed } => format!("首次因无连接而请求失败：{failed}"),
        EventKind::LimitReached { used, limit } => format!("连接数达到上限：{used}/{limit}"),
        EventKind::FailureRate { percent } => format!("超过 {percent}% 的请求失败或被拒绝"),
        EventKind::Offender { rank, finding: one } => {
            format!("原因 {rank}，{}：{}", cause(one.cause, language), who(one, language))
        }
        EventKind::Action(action) => acted(action, language),
        EventKind::Effect(effect) => worked(effect, language),
        EventKind::Lifted(end) => lifted(end, language),
        EventKind::ServerLost => "PostgreSQL 不再响应".into(),
        EventKind::ServerBack { seconds } => {
            format!("PostgreSQL 恢复响应，历时 {}", time(*seconds, language))
        }
        EventKind::ConfigChanged { what } => format!("配置变更：{what}"),
        EventKind::State { from: None, .. } => "事件触发".into(),
        EventKind::State { from: Some(_), to } => format!("事件状态：{}", state(*to, language)),
        EventKind::Recovered { seconds } => {
            format!("请求恢复正常，历时 {}", time(*seconds, language))
        }
        EventKind::Interrupted => "事件期间 Weir 进程结束并重新启动".into(),
        EventKind::LeftOut { count } => format!("另有 {count} 个事件未保留"),
    }
}

fn who(one: &crate::diagnosis::Finding, language: Language) -> String {
    culprit(&one.culprit, language).unwrap_or_else(|| finding(one, language))
}
