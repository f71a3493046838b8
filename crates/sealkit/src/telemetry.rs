//! What operators measure: every metric of the library, by name, in one place.
//!
//! Counters, gauges and histograms go to whatever recorder of the crate `metrics` the program installs; without one they cost
//! next to nothing.

/// Refreshes that reached the coordinator, by `outcome`: `refreshed`, or the code of a reason.
pub const REFRESHES: &str = "sealkit_refresh_total";
/// How long callers waited for a refresh, in seconds.
pub const REFRESH_SECONDS: &str = "sealkit_refresh_seconds";
/// Callers that wait for a refresh now.
pub const REFRESH_WAITERS: &str = "sealkit_refresh_waiters";
/// Callers that joined a grant under way in place of beginning one.
pub const REFRESH_JOINS: &str = "sealkit_refresh_joins_total";
/// Requests with an old cookie whose refresh was done before they asked: many mean that cookies are being lost.
pub const REFRESH_REPLAYED: &str = "sealkit_refresh_replayed_total";
/// Refresh tokens that were sent to the API once more, by the `reason` of the attempt before.
pub const GRANT_REPLAYS: &str = "sealkit_grant_replays_total";
/// Leases of holders that went away, taken over by this process.
pub const LEASE_TAKEOVERS: &str = "sealkit_lease_takeovers_total";
/// Operations on the shared store that failed, by `operation`.
pub const COORDINATOR_ERRORS: &str = "sealkit_coordinator_errors_total";
/// How long operations on the shared store took, in seconds, by `operation`.
pub const COORDINATOR_SECONDS: &str = "sealkit_coordinator_op_seconds";
/// 1 while refreshes are coordinated in the way that `mode` names: `in_process`, `shared`, `degraded`.
pub const COORDINATOR_MODE: &str = "sealkit_coordinator_mode";
/// State of a circuit breaker, by `upstream`: 0 closed, 1 half open, 2 open.
pub const BREAKER_STATE: &str = "sealkit_breaker_state";
/// The API's clock less ours, in seconds.
pub const CLOCK_SKEW: &str = "sealkit_clock_skew_seconds";

/// A caller came with an old cookie after the refresh was done.
pub(crate) fn came_late() {
    metrics::counter!(REFRESH_REPLAYED).increment(1);
}
