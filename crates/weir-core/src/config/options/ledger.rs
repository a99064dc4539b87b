//! Options of the ledger, of its history, and of the export of metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::settings::{History, Otlp, Secret};
use crate::config::units::{ByteSize, TimeSpan};

/// The ledger, and its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerOptions {
    /// Whether it is kept. Without it Weir takes a little less processor time, and does not know
    /// who holds which slot, for which route and in which phase: the dispatch tells no route from
    /// another, `[classes]` must be empty, and the steps of `[healing]` that end work or let it in
    /// one at a time cannot act. Pools, limits, refusals, waits and the guard's own look at the
    /// servers stay.
    pub enabled: bool,
    /// How long the stretches are whose sums are kept: who had server connections, for what, and
    /// who waited. At least a second. When Weir is killed, the stretch under way is lost.
    pub history_every: TimeSpan,
    /// How long they are kept in the state directory. Without a state directory, and while its
    /// disk takes nothing, the latest 240 are kept in memory.
    pub history_keep: TimeSpan,
    /// How large the file may become, at least 1 MiB. Before it is full the oldest sixteenth goes.
    pub history_size_max: ByteSize,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        let history = History::default();
        Self {
            enabled: true,
            history_every: TimeSpan(history.every),
            history_keep: TimeSpan(history.keep),
            history_size_max: ByteSize(history.bytes_max),
        }
    }
}

/// The export of metrics to an OpenTelemetry collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpOptions {
    /// Where the collector takes OTLP over HTTP: `/v1/metrics` is added where there is no path.
    /// Without it nothing is exported.
    /// Example: `"http://127.0.0.1:4318"`
    pub url: Option<String>,
    /// The time from one export to the next. At least a second.
    pub every: TimeSpan,
    /// How long one export may take. What is not taken until then is dropped; sums go on, so the
    /// next export makes up for it.
    pub timeout: TimeSpan,
    /// What the collector calls this installation (`service.instance.id`). Without it, the name in
    /// `[incident]`.
    /// Example: `"weir-a"`
    pub instance: Option<String>,
    /// A bearer token.
    /// Example: `"secret"`
    pub token: Option<Secret>,
    /// The environment variable that holds the token.
    /// Example: `"WEIR_OTLP_TOKEN"`
    pub token_env: Option<String>,
    /// The file that holds the token.
    /// Example: `"/run/secrets/weir-otlp"`
    pub token_file: Option<String>,
    /// File with the issuers whose certificates are believed (PEM). Without it, those of the
    /// operating system.
    /// Example: `"/etc/weir/otlp-ca.crt"`
    pub ca: Option<String>,
}

impl Default for OtlpOptions {
    fn default() -> Self {
        let otlp = Otlp::default();
        Self {
            url: None,
            every: TimeSpan(otlp.every),
            timeout: TimeSpan(otlp.timeout),
            instance: None,
            token: None,
            token_env: None,
            token_file: None,
            ca: None,
        }
    }
}
