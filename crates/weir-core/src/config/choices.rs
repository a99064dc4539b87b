//! The closed choices an option can take: one enum each, used as written and as resolved.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

/// Reads a choice from the word the file uses, for the command line.
macro_rules! from_word {
    ($($name:ident),+) => {
        $(impl FromStr for $name {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self, Error> {
                let word: StrDeserializer<'_, Error> = word.into_deserializer();
                Self::deserialize(word)
            }
        })+
    };
}

from_word!(PoolMode, AuthMethod, LogFormat, DriverChoice);

/// When a server connection goes back to its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PoolMode {
    /// When the client disconnects. Everything works; nothing is shared at the same time.
    Session,
    /// When the transaction ends. What outlives a transaction is tracked, replayed or pinned.
    #[default]
    Transaction,
    /// After each statement. Transactions of more than one statement are refused.
    Statement,
}

/// How much TLS one side of the proxy wants, in the words of libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS when the peer asks for it.
    Allow,
    /// TLS when the peer can do it, plain text otherwise.
    #[default]
    Prefer,
    /// TLS or no connection. The peer's certificate is not checked.
    Require,
    /// TLS, and the peer's certificate must be signed by `ca`.
    VerifyCa,
    /// As `verify-ca`, and the name must match: the server's host name, or the client's user.
    VerifyFull,
}

impl TlsMode {
    /// Whether a connection without TLS is refused.
    #[must_use]
    pub const fn is_mandatory(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }

    /// Whether the peer's certificate is checked.
    #[must_use]
    pub const fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }
}

/// The oldest TLS version accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    Tls13,
}

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMethod {
    /// Not at all: any client is believed. Only for loopback and unix sockets.
    Trust,
    /// The password in clear text, checked against what is stored. Wants TLS.
    Password,
    /// An md5 challenge (deprecated by PostgreSQL), or SCRAM where a SCRAM secret is stored.
    Md5,
    /// SCRAM-SHA-256 against the password or verifier stored for the user.
    #[default]
    Scram,
    /// SCRAM (or md5) against the secret PostgreSQL holds, fetched with `query` or read from
    /// `file`; the client's own proof then logs in to the server, as the client's user.
    Passthrough,
    /// The first matching line of `hba_file` decides.
    Hba,
    /// A TLS client certificate whose common name is the user.
    Cert,
}

/// Which idle server connection is handed out next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
#[schemars(extend("format" = Rotation::FORMAT))]
pub enum Rotation {
    /// The one used last: few warm connections, the others age out.
    #[default]
    Lifo,
    /// The one unused for longest: load is even over all of them.
    RoundRobin,
    /// The one used last, but never twice in a row for the same client where there is a choice.
    /// For finding code that depends on its connection.
    EveryTransaction,
    /// A random one, from this seed; for tests that want the same order twice. Takes time in
    /// proportion to the idle connections.
    Random(u64),
}

impl Rotation {
    /// The schema format of its text.
    pub(super) const FORMAT: &str = "weir-rotation";
}

impl TryFrom<String> for Rotation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "lifo" => Ok(Self::Lifo),
            "round-robin" => Ok(Self::RoundRobin),
            "every-transaction" => Ok(Self::EveryTransaction),
            other => {
                let seed = other.strip_prefix("random:").and_then(|seed| seed.parse().ok());
                seed.map(Self::Random).ok_or_else(|| {
                    format!(
                        "`{other}` is not lifo, round-robin, every-transaction or random:SEED \
                         (a number from 0 to {})",
                        u64::MAX
                    )
                })
            }
        }
    }
}

impl From<Rotation> for String {
    fn from(rotation: Rotation) -> Self {
        match rotation {
            Rotation::Lifo => "lifo".into(),
            Rotation::RoundRobin => "round-robin".into(),
            Rotation::EveryTransaction => "every-transaction".into(),
            Rotation::Random(seed) => format!("random:{seed}"),
        }
    }
}

/// What is cleaned when a server connection comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerReset {
    /// What the client left behind, when it left something behind.
    #[default]
    Smart,
    /// Everything, after every release, whatever was seen (`DISCARD ALL`).
    Always,
}

/// In which order waiting clients get slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dispatch {
    /// In the order of arrival while nobody waits long. Once somebody has waited for 100 ms,
    /// classes that hold less are served first, classes that got slow are limited, and what
    /// cannot be served in time is refused early.
    #[default]
    Fair,
    /// Always in the order of arrival.
    Fifo,
}

/// What happens with several hosts in one database entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostBalance {
    /// New server connections go to the hosts in turn.
    #[default]
    RoundRobin,
    /// The first host that answers is used; the next only when it does not.
    FirstUp,
}

/// The event loop of the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DriverChoice {
    /// io_uring where the kernel has and allows what is needed, else epoll.
    #[default]
    Auto,
    /// epoll.
    Epoll,
    /// io_uring; without it Weir does not start.
    Uring,
}

/// The finding that opens an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpenAt {
    /// Somebody is hurt now, or within seconds.
    #[default]
    Critical,
    /// Somebody will be hurt if it goes on.
    Warning,
}

/// A service that takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// Any web service: a CloudEvent in JSON.
    #[default]
    Webhook,
    /// Prometheus Alertmanager, its v2 API.
    Alertmanager,
    /// Slack, an incoming webhook.
    Slack,
    /// PagerDuty, Events API v2.
    Pagerduty,
    /// DingTalk, a robot of a group.
    Dingtalk,
    /// Feishu (Lark), a robot of a group.
    Feishu,
    /// WeCom, a robot of a group.
    Wecom,
    /// Mail over SMTP.
    Email,
}

impl AlertKind {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::Slack => "slack",
            Self::Pagerduty => "pagerduty",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::Wecom => "wecom",
            Self::Email => "email",
        }
    }

    /// Messages a minute that the service takes. DingTalk mutes a robot that sends more.
    #[must_use]
    pub const fn per_minute(self) -> u32 {
        match self {
            Self::Dingtalk | Self::Wecom => 20,
            Self::Webhook
            | Self::Alertmanager
            | Self::Slack
            | Self::Pagerduty
            | Self::Feishu
            | Self::Email => 60,
        }
    }

    /// The address of a service that has the same for everybody.
    #[must_use]
    pub const fn default_url(self) -> Option<&'static str> {
        match self {
            Self::Pagerduty => Some("https://events.pagerduty.com/v2/enqueue"),
            Self::Webhook
            | Self::Alertmanager
            | Self::Slack
            | Self::Dingtalk
            | Self::Feishu
            | Self::Wecom
            | Self::Email => None,
        }
    }
}

/// The language people are spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

impl Language {
    /// The text in this language.
    #[must_use]
    pub const fn pick<T: Copy>(self, english: T, chinese: T) -> T {
        match self {
            Self::En => english,
            Self::Zh => chinese,
        }
    }
}

/// The shape of the log on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// One readable line an event.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe event that is logged.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Something failed and somebody must act.
    Error,
    /// Something is wrong and the proxy copes.
    Warn,
    /// What an operator wants to read later.
    #[default]
    Info,
    /// What a developer wants to read now.
    Debug,
    /// Every message; slow.
    Trace,
}
