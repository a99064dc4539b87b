//! Why connections run out: a closed list, each cause with its page.

use serde::{Deserialize, Serialize};

macro_rules! causes {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident = $id:literal, $title:literal, [$($rule:literal),*];
    )+) => {
        /// What a finding blames. The word in JSON is also the name of the page.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum Cause {
            $($(#[doc = $doc])+ #[serde(rename = $id)] $name,)+
        }

        impl Cause {
            /// Every cause, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable word for machines: `lock-chain`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }

            /// A few words for people: `lock chain`.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }

            /// The page in the documentation, from its top folder.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("operating/causes/", $id, ".md"),)+
                }
            }

            /// The checker's rules that find the same in code before it ships.
            #[must_use]
            pub const fn checks(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($rule),*],)+
                }
            }
        }
    };
}

causes! {
    /// Statements run for long on the server itself.
    LongStatement = "long-statement", "long statements", ["unbounded-queryset"];
    /// The statements of one route are slow and take most of the slots.
    SlowRoute = "slow-route", "slow route", ["unbounded-queryset"];
    /// The application takes many rows, or many small statements, to compute what SQL could.
    ApplicationAggregation = "application-aggregation", "aggregation in the application",
        ["python-aggregate", "loop-query", "loop-n-plus-one"];
    /// Open transactions wait for their application.
    WaitsOnApplication = "waits-on-application", "transactions wait on the application",
        ["atomic-network", "atomic-sleep", "atomic-unbounded-loop"];
    /// Sessions wait for the locks of one.
    LockChain = "lock-chain", "lock chain", ["atomic-network", "atomic-unbounded-loop"];
    /// Connections or transactions were opened and forgotten.
    Leak = "leak", "leaked connections",
        ["settings-persistent-asgi", "thread-orm", "settings-pool-with-max-age"];
    /// Everyone who holds a slot of the pool waits for a second one.
    DoubleCheckout = "double-checkout", "double checkout", ["thread-orm"];
    /// Connections are opened for a moment each.
    ConnectionStorm = "connection-storm", "connection storm", ["settings-connection-budget"];
    /// Clients cancel statements in masses.
    CancelStorm = "cancel-storm", "cancel storm", ["settings-no-statement-timeout"];
    /// Far more work arrives than usual.
    ArrivalSurge = "arrival-surge", "arrival surge", ["cache-stampede"];
    /// The pool has fewer slots than healthy work needs.
    PoolTooSmall = "pool-too-small", "pool too small", [];
    /// The pools may open more connections than the server gives.
    BudgetBeyondServer = "budget-beyond-server", "budget larger than the server",
        ["settings-connection-budget"];
    /// Sessions that do not come through the proxy eat the server's limit.
    DirectConnections = "direct-connections", "direct connections",
        ["settings-connection-budget"];
    /// Everything on the server got slow.
    DatabaseSlow = "database-slow", "slow database", [];
    /// The server does not answer.
    DatabaseDown = "database-down", "database down", [];
    /// Clients keep server connections between transactions.
    Pinning = "pinning", "pinned connections", ["pooler-session-state"];
    /// The proxy runs out of file descriptors.
    DescriptorLimit = "descriptor-limit", "descriptor limit", [];
    /// A limit on connections is near or reached. Says that, not why.
    LimitNear = "limit-near", "connections near the limit", ["settings-connection-budget"];
}

impl Cause {
    /// Whether this says what is wrong and not why. Ranked behind causes of the same severity.
    #[must_use]
    pub const fn is_symptom(self) -> bool {
        matches!(self, Self::LimitNear)
    }

    /// How far from the root it is: 0 is a cause, 1 what is found when no other cause is, 2 a
    /// symptom. Of the same severity the smaller is first.
    #[must_use]
    pub const fn depth(self) -> u8 {
        match (self.is_symptom(), matches!(self, Self::PoolTooSmall)) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_machines_are_those_of_json() {
        for cause in Cause::ALL {
            let json = serde_json::to_string(cause).unwrap();
            assert_eq!(json, format!("\"{}\"", cause.id()));
            assert!(cause.page().contains(cause.id()));
        }
    }
}
