//! What a client asks with, and what an operator may say about its class.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ClassId, ClientId, ServerId};

/// Who asks for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The client connection.
    pub client: ClientId,
    /// The unit of fairness the client belongs to.
    pub class: ClassId,
    /// The server connection this client used last.
    pub affinity: Option<ServerId>,
    /// A hash of the end user whose journey this is part of, so that the whole of it is admitted
    /// or refused; 0 where nobody said.
    pub user: u32,
}

/// How waiting clients are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// First in, first out while nobody waits long; then the class that holds least is served
    /// first, and classes that got slow are capped.
    #[default]
    Fair,
    /// First in, first out, always; classes mean nothing.
    Fifo,
    /// One queue, newest first with a short deadline once somebody has waited for 100 ms (CoDel's
    /// standing queue with adaptive LIFO). For comparison in the simulator.
    Codel,
}

/// How much a class matters when everything is slow.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Criticality {
    /// Refused first.
    Sheddable,
    /// Refused user by user after those.
    #[default]
    Normal,
    /// Never refused to make room for others.
    Critical,
}

/// What the controller of a pool works out and does not do, because operators only want to see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advises {
    /// Caps of classes.
    pub cap: bool,
    /// Early refusals.
    pub shed: bool,
}

/// What an operator says about one class of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassRules {
    /// Its share of the slots relative to other classes, 1 to 10,000. Default 100.
    pub weight: u32,
    /// Slots kept for it: others may not take the pool's last ones while it holds fewer. Default
    /// 0.
    pub minimum: u32,
    /// Most slots it may hold; none is no limit.
    pub ceiling: Option<u32>,
    /// How much it matters when everything is slow.
    pub criticality: Criticality,
    /// Never capped, and never refused before the pool's usual limit.
    pub exempt: bool,
    /// What is only shown of it; as in the rest of the pool without.
    pub advises: Option<Advises>,
}

impl Default for ClassRules {
    fn default() -> Self {
        Self {
            weight: 100,
            minimum: 0,
            ceiling: None,
            criticality: Criticality::Normal,
            exempt: false,
            advises: None,
        }
    }
}
