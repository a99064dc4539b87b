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

/// Where the rest of an incident is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum More {
    /// In this state directory.
    Kept(String),
    /// With the proxy, as long as it runs.
    Proxy,
    /// Nowhere: who tells of it keeps no more.
    Nowhere,
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
    /// Where the rest is.
    pub more: More,
}

impl More {
    fn words(&self, id: &IncidentId) -> String {
        match self {
            Self::Kept(dir) => format!("More: `{}`", show(id, dir)),
            Self::Proxy => format!(
                "More, until Weir stops: `SHOW INCIDENT \"{id}\"` on the console, or GET \
                 /api/v1/incidents/{id}. `state_dir` keeps it for longer"
            ),
            Self::Nowhere => {
                "No more is kept of it: with --state-dir DIR the next one can be read later".into()
            }
        }
    }

    fn words_zh(&self, id: &IncidentId) -> String {
        match self {
            Self::Kept(dir) => format!("详情：`{}`", show(id, dir)),
            Self::Proxy => format!(
                "详情（Weir 停止前）：控制台 `SHOW INCIDENT \"{id}\"` 或 GET \
                 /api/v1/incidents/{id}；设置 `state_dir` 可长期保存"
            ),
            Self::Nowhere => "没有保存更多内容：加上 --state-dir DIR，以后的事件可随时查看".into(),
        }
    }
}

/// The command, to be copied.
fn show(id: &IncidentId, dir: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@%:,".contains(&byte);
    let dir = match dir.bytes().all(plain) {
        true => dir.to_owned(),
        false => format!("'{}'", dir.replace('\'', r"'\''")),
    };
    format!("weir incident show {id} --state-dir {dir}")
}

impl Message {
    /// Tells of a change.
    #[must_use]
    pub fn change(installation: &str, incident: Incident, more: More) -> Self {
        let at = incident.updated;
        let occasion = Occasion::Change(Box::new(incident));
        Self { installation: installation.to_owned(), occasion, at, merged: 0, more }
    }

    /// A try.
    #[must_use]
    pub fn test(installation: &str, at: Wall) -> Self {
        let (installation, more) = (installation.to_owned(), More::Nowhere);
        Self { installation, occasion: Occasion::Test, at, merged: 0, more }
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
        lines.push(match language {
            Language::En => format!("Since {}. {}", incident.opened, self.more.words(&incident.id)),
            Language::Zh => {
                format!("开始于 {}。{}", incident.opened, self.more.words_zh(&incident.id))
            }
        });
        lines
    }

    /// Title and lines as plain text.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        format!("{}\n\n{}\n", self.title(language), self.lines(language).join("\n"))
    }
}

/// What it did, as far as that is known: who only watches a server sees no requests.
fn impact(incident: &Incident, language: Language) -> String {
    let known = incident.impact.requests > 0 || incident.impact.lost() > 0;
    let requests = known.then(|| requests(incident, language));
    let connections = incident.impact.connections_max.map(|(used, limit)| match language {
        Language::En => format!("at most {used} of {limit} connections used"),
        Language::Zh => format!("连接使用峰值 {used} / {limit}"),
    });
    let parts: Vec<String> = requests.into_iter().chain(connections).collect();
    let lasted = words::duration(Duration::from_millis(incident.impact.lasted_ms), language);
    match (language, parts.is_empty()) {
        (Language::En, true) => format!("For {lasted}"),
        (Language::En, false) => format!("For {lasted}: {}", parts.join("; ")),
        (Language::Zh, true) => format!("持续 {lasted}"),
        (Language::Zh, false) => format!("持续 {lasted}：{}", parts.join("；")),
    }
}

fn requests(incident: &Incident, language: Language) -> String {
    let impact = &incident.impact;
    let (refused, failed, percent) = (impact.refused, impact.failed, impact.failure_percent_max);
    let lost = match language {
        Language::En => format!("{refused} requests refused, {failed} failed"),
        Language::Zh => format!("拒绝 {refused} 个请求，失败 {failed} 个"),
    };
    match (language, percent) {
        (_, None | Some(0)) => lost,
        (Language::En, Some(percent)) => format!("{lost}, {percent} % at the peak"),
        (Language::Zh, Some(percent)) => format!("{lost}，失败率峰值 {percent}%"),
    }
}
