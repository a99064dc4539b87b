//! Options of the healing ladder.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::settings::Healing;
use crate::config::units::{TimeLimit, TimeSpan};
use crate::healing::{Mode, Step};

/// The healing ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HealingOptions {
    /// Refusing clients early, so that others are served.
    pub shed: Mode,
    /// Limiting the slots of a class that got slow while others did not.
    pub cap: Mode,
    /// Letting a class in one at a time whose transactions had to be ended three times in a
    /// minute. It goes no further than what led to it.
    pub quarantine: Mode,
    /// Rolling back transactions that wait for their application longer than
    /// `idle_in_transaction`. The client stays connected and is told at its next statement.
    pub evict: Mode,
    /// Cancelling statements that run longer than `statement`.
    pub cancel: Mode,
    /// Closing server connections whose statement was cancelled, or whose client does not read,
    /// longer than `stuck`.
    pub close: Mode,
    /// How long a transaction may wait for its application while somebody waits for a slot.
    pub idle_in_transaction: TimeSpan,
    /// How long a statement may run while somebody waits for a slot.
    pub statement: TimeSpan,
    /// How long a cancelled statement may run on, or a client not read, while somebody waits for a
    /// slot.
    pub stuck: TimeSpan,
    /// Whether transactions that wrote rows may be evicted, too.
    pub writers: bool,
    /// Transactions, statements and connections that may be ended in any minute; the workers share
    /// them. 0 ends none.
    #[schemars(range(max = 10_000))]
    pub per_minute_max: u32,
    /// So many of them in a row that did not help stop the healer, until UNFREEZE on the console.
    #[schemars(range(min = 1, max = 1_000))]
    pub fruitless_max: u32,
    /// Users whose work is never ended. `*` at the end stands for anything.
    /// Example: `["etl", "dba_*"]`
    pub exempt_users: Vec<String>,
    /// Application names whose work is never ended; likewise.
    pub exempt_applications: Vec<String>,
    /// Routes whose work is never ended; likewise.
    pub exempt_classes: Vec<String>,
    /// Whether the work of PostgreSQL's superusers is never ended.
    pub exempt_superusers: bool,
    /// PostgreSQL itself ends what exceeds `timeouts.idle_transaction` or `timeouts.statement` by
    /// this much, should the proxy hang or die: `idle_in_transaction_session_timeout` and
    /// `statement_timeout` of its connections. `"off"` leaves the server's own. Exempt users are
    /// left alone.
    /// Example: `"5s"`
    pub server_margin: TimeLimit,
    /// How often the log has what the ladder did in the last seven days, and what it would have
    /// saved where it only warns or observes. `SHOW ACTIONS SUMMARY` on the console has it at any
    /// time.
    pub summary_every: TimeLimit,
}

impl Default for HealingOptions {
    fn default() -> Self {
        let Healing { rules, server_margin, summary_every } = Healing::default();
        let mode = |step| rules.ladder.usual(step);
        Self {
            shed: mode(Step::Shed),
            cap: mode(Step::Cap),
            quarantine: mode(Step::Quarantine),
            evict: mode(Step::Evict),
            cancel: mode(Step::Cancel),
            close: mode(Step::Close),
            idle_in_transaction: TimeSpan(rules.limits.idle),
            statement: TimeSpan(rules.limits.statement),
            stuck: TimeSpan(rules.limits.stuck),
            writers: rules.limits.writers,
            per_minute_max: rules.envelope.destructive_per_minute,
            fruitless_max: rules.envelope.fruitless_max,
            exempt_users: rules.exempt.users,
            exempt_applications: rules.exempt.applications,
            exempt_classes: rules.exempt.classes,
            exempt_superusers: rules.exempt.superusers,
            server_margin: TimeLimit(server_margin),
            summary_every: TimeLimit(summary_every),
        }
    }
}
