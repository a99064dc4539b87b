//! One change of an incident, in words.

use std::time::Duration;

use crate::config::choices::Language;
use crate::incident::{Incident, IncidentId, State, Wall, words};

/// Why somebody is told something.
#[derive(Debug, Clone, PartialEq)]
pub enum Occasion {
    /// An incident changed its state.
    Change(Box<Incident>),
    /// Somebody tries whether messages arrive.
    Test,
}

/// What a receiver is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What the operator calls this installation.
    pub installation: String,
    /// Why.
    pub occasion: Occasion,
    /// When it was made.
    pub at: Wall,
    /// Changes of the same incident that this message stands for as well, because they came faster
    /// than the receiver takes them.
    pub merged: u32,
}

impl Message {
    /// Tells of a change.
    #[must_use]
    pub fn change(installation: &str, incident: Incident) -> Self {
        let at = incident.updated;
        let occasion = Occasion::Change(Box::new(incident));
        Self { installation: installation.to_owned(), occasion, at, merged: 0 }
    }

    /// A try.
    #[must_use]
    pub fn test(installation: &str, at: Wall) -> Self {
        Self { installation: installation.to_owned(), occasion: Occasion::Test, at, merged: 0 }
    }

    /// The incident it tells of.
    #[must_use]
    pub const fn incident(&self) -> Option<&Incident> {
        match &self.occasion {
            Occasion::Change(incident) => Some(incident),
            Occasion::Test => None,
        }
    }

    /// The name of the incident.
    #[must_use]
    pub fn id(&self) -> Option<&IncidentId> {
        self.incident().map(|incident| &incident.id)
    }

    /// The state it tells of; a try is over at once.
    #[must_use]
    pub fn state(&self) -> State {
        self.incident().map_or(State::Closed, |incident| incident.state)
    }

    /// The same for all messages of one incident of one installation: services put them together
    /// by it. At most 255 characters, which is what PagerDuty takes.
    #[must_use]
    pub fn key(&self) -> String {
        let id = self.id().map_or("test", |id| id.0.as_str());
        let name: String = self.installation.chars().take(200).collect();
        format!("weir/{name}/{id}")
    }

    /// One line.
    #[must_use]
    pub fn title(&self, language: Language) -> String {
        let name = &self.installation;
        let Some(incident) = self.incident() else {
            return match language {
                Language::En => format!("[{name}] Weir: this is a test"),
                Language::Zh => format!("[{name}] Weir：这是一条测试消息"),
            };
        };
        let state = words::state(incident.state, language);
        let nothing = language.pick("cause not known yet", "原因未知");
        let cause = incident
            .lead()
            .map_or(nothing, |suspect| words::cause(suspect.finding.cause, language));
        match language {
            Language::En => format!("[{name}] PostgreSQL connections, {state}: {cause}"),
            Language::Zh => format!("[{name}] 数据库连接事件 {state}：{cause}"),
        }
    }

    /// Everything worth knowing at once, a line each; no line is empty.
    #[must_use]
    pub fn lines(&self, language: Language) -> Vec<String> {
        let Some(incident) = self.incident() else {
            let text = "Messages arrive here when an incident opens, changes and closes.";
            return vec![
                language.pick(text, "事件触发、变化和恢复时，消息会发送到这里。").to_owned(),
            ];
        };
        let mut lines = Vec::new();
        for suspect in incident.suspects.iter().filter(|s| !s.finding.cause.is_symptom()).take(3) {
            lines.push(words::finding(&suspect.finding, language));
            if language == Language::En {
                lines.extend(words::culprit(&suspect.finding.culprit, language));
            }
            lines.push(words::advice(suspect.finding.cause, language).to_owned());
        }
        lines.push(impact(incident, language));
        if incident.actions > 0 {
            let (actions, freed) = (incident.actions, incident.slots_freed);
            lines.push(match language {
                Language::En => format!("Actions: {actions}, slots freed: {freed}"),
                Language::Zh => format!("处置动作 {actions} 次，释放连接 {freed} 个"),
            });
        }
        if self.merged > 0 {
            lines.push(match language {
                Language::En => format!("Stands for {} earlier changes as well", self.merged),
                Language::Zh => format!("合并了之前的 {} 次变化", self.merged),
            });
        }
        let show = format!("weir incident show {}", incident.id);
        lines.push(match language {
            Language::En => format!("Since {}. More: `{show}`", incident.opened),
            Language::Zh => format!("开始于 {}。详情：`{show}`", incident.opened),
        });
        lines
    }

    /// Title and lines as plain text.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        format!("{}\n\n{}\n", self.title(language), self.lines(language).join("\n"))
    }
}

fn impact(incident: &Incident, language: Language) -> String {
    let impact = &incident.impact;
    let lasted = words::duration(Duration::from_millis(impact.lasted_ms), language);
    let (refused, failed, percent) = (impact.refused, impact.failed, impact.failure_percent_max);
    match language {
        Language::En => format!(
            "For {lasted}: {refused} requests refused, {failed} failed, {percent} % at the peak"
        ),
        Language::Zh => {
            format!("持续 {lasted}：拒绝 {refused} 个请求，失败 {failed} 个，失败率峰值 {percent}%")
        }
    }
}
