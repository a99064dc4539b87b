//! Options of incidents and of those who are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::choices::{AlertKind, Language, OpenAt};
use crate::config::settings::{Incidents, Secret};
use crate::config::units::TimeSpan;

/// Incidents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IncidentOptions {
    /// What messages and reports call this installation.
    /// Example: `"shop production"`
    pub name: String,
    /// The language of messages and reports.
    pub language: Language,
    /// The finding that opens an incident. A refused request always does.
    pub open_at: OpenAt,
    /// Without trouble for so long, an incident is only watched. Doubles with each relapse.
    pub calm: TimeSpan,
    /// Watched for so long without trouble, it is closed. Doubles with each relapse.
    pub quiet: TimeSpan,
    /// Trouble within this time after closing opens the same incident again.
    pub reopen: TimeSpan,
    /// What one refused or failed request costs: an amount and a currency. Reports estimate the
    /// loss from it.
    /// Example: `"26.5 CNY"`
    pub request_price: Option<String>,
    /// How long incidents are kept in the state directory.
    pub keep: TimeSpan,
}

impl Default for IncidentOptions {
    fn default() -> Self {
        let incidents = Incidents::default();
        Self {
            name: incidents.name,
            language: incidents.language,
            open_at: OpenAt::default(),
            calm: TimeSpan(incidents.rules.calm),
            quiet: TimeSpan(incidents.rules.quiet),
            reopen: TimeSpan(incidents.rules.reopen),
            request_price: None,
            keep: TimeSpan(incidents.keep),
        }
    }
}

/// Somebody who is told of each change of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlertOptions {
    /// The service that takes the message.
    pub kind: AlertKind,
    /// Where the message goes: a web address, which the service gave you; of Alertmanager its
    /// address without a path; for e-mail `"smtps://host:465"`, or `"smtp://host:587"`, which
    /// demands STARTTLS except on loopback without `ca`. Only PagerDuty has a default. Not shown,
    /// because most services put a key in it.
    /// Example: `"https://hooks.example.com/T000/B000/XXXX"`
    pub url: Option<Secret>,
    /// The environment variable that holds the address.
    /// Example: `"WEIR_ALERT_URL"`
    pub url_env: Option<String>,
    /// The file that holds the address.
    /// Example: `"/run/secrets/weir-alert-url"`
    pub url_file: Option<String>,
    /// The secret: DingTalk's and Feishu's signing secret, PagerDuty's routing key, the password
    /// of the mail server, a bearer token for `"webhook"` and `"alertmanager"`.
    /// Example: `"SEC000"`
    pub secret: Option<Secret>,
    /// The environment variable that holds the secret.
    /// Example: `"WEIR_ALERT_SECRET"`
    pub secret_env: Option<String>,
    /// The file that holds the secret.
    /// Example: `"/run/secrets/weir-alert"`
    pub secret_file: Option<String>,
    /// The user of the mail server.
    /// Example: `"weir@example.com"`
    pub user: Option<String>,
    /// The sender of mails.
    /// Example: `"Weir <weir@example.com>"`
    pub from: Option<String>,
    /// The receivers of mails.
    /// Example: `["oncall@example.com"]`
    pub to: Vec<String>,
    /// Telephone numbers that DingTalk and WeCom call by name while the incident is open.
    /// Example: `["13800000000"]`
    pub mention: Vec<String>,
    /// The language of these messages. Without it, that of `[incident]`.
    /// Example: `"zh"`
    pub language: Option<Language>,
    /// Messages a minute, at most; what comes faster is put together. Without it, what the service
    /// allows: 20 for DingTalk and WeCom, 60 for the others.
    /// Example: `20`
    #[schemars(range(min = 1, max = 600))]
    pub per_minute: Option<u32>,
    /// File with the issuers whose certificates are believed (PEM). Without it, those of the
    /// operating system.
    /// Example: `"/etc/weir/alerts-ca.crt"`
    pub ca: Option<String>,
}
