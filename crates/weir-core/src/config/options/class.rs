//! Options of classes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dispatch::{ClassRules, Criticality};
use crate::healing::Mode;

/// Transactions that are served as one class. What fits several classes belongs to the one with
/// the longest pattern that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassOptions {
    /// Routes, as `SHOW ROUTES` names them, of transactions that have a tag. `*` stands for
    /// anything.
    /// Example: `["GET /reports/*"]`
    pub routes: Vec<String>,
    /// Application names of transactions without a tag. `*` stands for anything.
    /// Example: `["nightly-*"]`
    pub applications: Vec<String>,
    /// Users of transactions without a tag and application name, where several share a pool. `*`
    /// stands for anything.
    /// Example: `["etl"]`
    pub users: Vec<String>,
    /// Its share of each pool while clients wait long, relative to other classes.
    #[schemars(range(min = 1, max = 10_000))]
    pub weight: u32,
    /// Slots of each pool that are kept for it once it has been seen there.
    #[schemars(range(max = 10_000))]
    pub minimum: u32,
    /// Slots of each pool that it may hold at most. Without it there is no limit.
    /// Example: `5`
    #[schemars(range(min = 1, max = 10_000))]
    pub ceiling: Option<u32>,
    /// Who is refused first when everything is slow and no class is to blame: `"sheddable"`, then
    /// `"normal"`, `"critical"` never.
    pub criticality: Criticality,
    /// Whether it is never capped, refused only when `query_wait_timeout` is over, and its work
    /// never ended by the healing ladder.
    pub exempt: bool,
    /// The mode of `healing.shed` for this class; that one without.
    /// Example: `"observe"`
    pub shed: Option<Mode>,
    /// The mode of `healing.cap` for this class; that one without.
    /// Example: `"warn"`
    pub cap: Option<Mode>,
    /// The mode of `healing.quarantine` for this class; that one without.
    /// Example: `"observe"`
    pub quarantine: Option<Mode>,
    /// The mode of `healing.evict` for this class; that one without.
    /// Example: `"enforce"`
    pub evict: Option<Mode>,
    /// The mode of `healing.cancel` for this class; that one without.
    /// Example: `"enforce"`
    pub cancel: Option<Mode>,
    /// The mode of `healing.close` for this class; that one without.
    /// Example: `"enforce"`
    pub close: Option<Mode>,
}

impl Default for ClassOptions {
    fn default() -> Self {
        let ClassRules { weight, minimum, ceiling, criticality, exempt, .. } =
            ClassRules::default();
        let (routes, applications, users) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            routes,
            applications,
            users,
            weight,
            minimum,
            ceiling,
            criticality,
            exempt,
            shed: None,
            cap: None,
            quarantine: None,
            evict: None,
            cancel: None,
            close: None,
        }
    }
}
