//! One file a rule: when it fires, what it says, a test that fires it and one that must not.

mod application_aggregation;
mod arrival_surge;
mod budget_beyond_server;
mod cancel_storm;
mod connection_storm;
mod database_down;
mod database_slow;
mod descriptor_limit;
mod direct_connections;
mod double_checkout;
mod leak;
mod limit_near;
mod lock_chain;
mod long_statement;
mod loops;
mod pinning;
mod pool_too_small;
mod slow_route;
#[cfg(test)]
pub(super) mod tests;
mod waits_on_application;

use super::{Cause, Finding};
use crate::activity::Picture;

/// The rule of a cause.
pub(super) const fn rule(cause: Cause) -> fn(&Picture) -> Vec<Finding> {
    match cause {
        Cause::LongStatement => long_statement::long_statement,
        Cause::SlowRoute => slow_route::slow_route,
        Cause::ApplicationAggregation => application_aggregation::application_aggregation,
        Cause::WaitsOnApplication => waits_on_application::waits_on_application,
        Cause::LockChain => lock_chain::lock_chain,
        Cause::Leak => leak::leak,
        Cause::DoubleCheckout => double_checkout::double_checkout,
        Cause::ConnectionStorm => connection_storm::connection_storm,
        Cause::CancelStorm => cancel_storm::cancel_storm,
        Cause::ArrivalSurge => arrival_surge::arrival_surge,
        Cause::PoolTooSmall => pool_too_small::pool_too_small,
        Cause::BudgetBeyondServer => budget_beyond_server::budget_beyond_server,
        Cause::DirectConnections => direct_connections::direct_connections,
        Cause::DatabaseSlow => database_slow::database_slow,
        Cause::DatabaseDown => database_down::database_down,
        Cause::Pinning => pinning::pinning,
        Cause::DescriptorLimit => descriptor_limit::descriptor_limit,
        Cause::LimitNear => limit_near::limit_near,
    }
}
