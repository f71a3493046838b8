//! What operators measure: every metric of the library, by name, in one place.
//!
//! Counters, gauges and histograms go to whatever recorder of the crate `metrics` the program installs; without one they cost
//! next to nothing. Labels hold codes of closed lists, never an id or a secret. [`describe`] tells the recorder what they mean.
//!
//! The spans of the crate `tracing`: `sealkit.resolve` (a request's session), within it `sealkit.refresh` (`session_id`), and
//! `sealkit.grant` (a refresh token on its way to the API, in a task of its own), which follows from the refresh that began it.

use crate::{keys::KeySetCache, outcome::Outcome, refresh::CoordinatorStatus, revocation::DenyList};
use sealkit_core::{Detail, Reason};
use std::time::Duration;

/// What was decided about session cookies.
pub const DECISIONS: &str = "sealkit_decisions_total";
/// How long a decision took, refreshing included.
pub const DECISION_SECONDS: &str = "sealkit_decision_seconds";
/// Cookies that did not open.
pub const UNSEAL_FAILURES: &str = "sealkit_unseal_failures_total";
/// Cookies that opened.
pub const COOKIES_OPENED: &str = "sealkit_cookies_opened_total";
/// Age of the cookies that opened.
pub const COOKIE_AGE: &str = "sealkit_cookie_age_seconds";
/// Refreshes as their callers saw them.
pub const REFRESHES: &str = "sealkit_refresh_total";
/// How long callers waited for a refresh.
pub const REFRESH_SECONDS: &str = "sealkit_refresh_seconds";
/// Callers that wait for a refresh now.
pub const REFRESH_WAITERS: &str = "sealkit_refresh_waiters";
/// Callers that joined a grant under way.
pub const REFRESH_JOINS: &str = "sealkit_refresh_joins_total";
/// Callers with an old cookie whose refresh was done.
pub const REFRESH_REPLAYED: &str = "sealkit_refresh_replayed_total";
/// Refresh tokens that were sent to the API once more.
pub const GRANT_REPLAYS: &str = "sealkit_grant_replays_total";
/// Leases that ended before their grants, and were taken over: their holders are gone.
pub const LEASE_TAKEOVERS: &str = "sealkit_lease_takeovers_total";
/// Operations on the shared store that failed.
pub const COORDINATOR_ERRORS: &str = "sealkit_coordinator_errors_total";
/// How long operations on the shared store took.
pub const COORDINATOR_SECONDS: &str = "sealkit_coordinator_op_seconds";
/// How refreshes are coordinated.
pub const COORDINATOR_MODE: &str = "sealkit_coordinator_mode";
/// State of a circuit breaker.
pub const BREAKER_STATE: &str = "sealkit_breaker_state";
/// The API's clock less ours.
pub const CLOCK_SKEW: &str = "sealkit_clock_skew_seconds";
/// Fetches of the key set.
pub const KEY_SET_FETCHES: &str = "sealkit_jwks_fetch_total";
/// Age of the key set.
pub const KEY_SET_AGE: &str = "sealkit_jwks_age_seconds";
/// Entries of the key set that were skipped.
pub const KEY_SET_SKIPPED: &str = "sealkit_jwks_skipped_keys";
/// Entries of the deny list.
pub const DENY_LIST_ENTRIES: &str = "sealkit_denylist_entries";
/// Age of this process's copy of the shared deny list.
pub const DENY_LIST_AGE: &str = "sealkit_denylist_stale_seconds";
/// Entries of the deny list that were forgotten before their time.
pub const DENY_LIST_FORGOTTEN: &str = "sealkit_denylist_forgotten_total";
/// Signed-out sessions that were ended at WorkOS.
pub const SIGN_OUT_REVOCATIONS: &str = "sealkit_sign_out_revocations_total";
/// Webhooks that were received.
pub const WEBHOOKS: &str = "sealkit_webhooks_total";
/// Polls of the events API.
pub const EVENT_POLLS: &str = "sealkit_events_poll_total";

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Only grows.
    Counter,
    /// A value of this moment.
    Gauge,
    /// Many values.
    Histogram,
}

/// A metric, told to people.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, and in which unit.
    pub means: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], means: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, means }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], means: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, means }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], means: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, means }
}

/// Every metric.
pub const ALL: &[Metric] = &[
    counter(
        DECISIONS,
        &["result", "reason"],
        "what was decided: `authenticated`, `anonymous`, `rejected` or `unavailable`, and the reason (`none` for the first)",
    ),
    histogram(
        DECISION_SECONDS,
        &["result"],
        "how long a decision took, a refresh that was waited for included",
    ),
    counter(
        UNSEAL_FAILURES,
        &["reason"],
        "cookies that did not open, by the detail of `invalid_session_cookie`",
    ),
    counter(COOKIES_OPENED, &["format", "key"], "cookies that opened, by format and name of the password"),
    histogram(
        COOKIE_AGE,
        &["format", "key"],
        "their age: since they were sealed, or since their token was issued",
    ),
    counter(
        REFRESHES,
        &["outcome"],
        "refreshes as their callers saw them: `refreshed`, or the code of a reason; several callers share one grant",
    ),
    histogram(REFRESH_SECONDS, &[], "how long callers waited for a refresh"),
    gauge(REFRESH_WAITERS, &[], "callers that wait for a refresh now"),
    counter(REFRESH_JOINS, &[], "callers that joined a grant under way in place of beginning one"),
    counter(
        REFRESH_REPLAYED,
        &[],
        "callers with an old cookie whose refresh was done before they asked: many mean that cookies are being lost on the way",
    ),
    counter(
        GRANT_REPLAYS,
        &["reason"],
        "refresh tokens sent to the API once more, by the reason of the attempt before",
    ),
    counter(LEASE_TAKEOVERS, &[], "grants of replicas that went away, taken over by this one"),
    counter(
        COORDINATOR_ERRORS,
        &["operation"],
        "operations on the shared store that failed or took too long",
    ),
    histogram(COORDINATOR_SECONDS, &["operation"], "how long operations on the shared store took"),
    gauge(
        COORDINATOR_MODE,
        &["mode"],
        "1 for the mode in force, of `in_process`, `shared` and `degraded`; 0 for the others",
    ),
    gauge(
        BREAKER_STATE,
        &["upstream"],
        "0 closed, 1 half open, 2 open; `api` is WorkOS, `redis` the shared store",
    ),
    gauge(CLOCK_SKEW, &[], "the API's clock less ours: positive when ours is behind"),
    counter(KEY_SET_FETCHES, &["outcome"], "fetches of the key set: `ok`, or the code of a reason"),
    gauge(KEY_SET_AGE, &[], "age of the key set in use"),
    gauge(
        KEY_SET_SKIPPED,
        &[],
        "entries of the key set in use that cannot verify and were skipped; a WARN line names each with its reason",
    ),
    gauge(DENY_LIST_ENTRIES, &[], "entries of the deny list that are in force"),
    gauge(DENY_LIST_AGE, &[], "age of this process's copy of the shared deny list"),
    counter(
        DENY_LIST_FORGOTTEN,
        &["room"],
        "entries that a full deny list forgot before their time: `own` were denied here, `shared` came from the store, `held` were signed out here and may be alive at WorkOS",
    ),
    counter(
        SIGN_OUT_REVOCATIONS,
        &["outcome"],
        "signed-out sessions that the server ended at WorkOS: `ended`; `already_ended`, as a rule by the browser; `failed`, after the last attempt; `too_many` waited already, so this one was not ended",
    ),
    counter(
        WEBHOOKS,
        &["event", "outcome"],
        "webhooks that were received: `event` is one of those that end sessions, `other`, or `unknown` when it was refused; `outcome` is `applied`, `duplicate`, `ignored` or why it was refused",
    ),
    counter(EVENT_POLLS, &["outcome"], "polls of the events API: `ok`, or what went wrong"),
];

/// Tells the recorder what every metric means. Call it once, after the recorder is installed.
pub fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.means),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.means),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.means),
        }
    }
}

/// A decision about a request's session. On the hot path: what it says of an authenticated one allocates nothing.
pub(crate) fn decided(outcome: &Outcome, took: Duration) {
    let took = took.as_secs_f64();
    let (result, reason) = match outcome {
        Outcome::Authenticated { .. } => {
            metrics::counter!(DECISIONS, "result" => "authenticated", "reason" => "none").increment(1);
            metrics::histogram!(DECISION_SECONDS, "result" => "authenticated").record(took);
            return;
        }
        Outcome::Anonymous => ("anonymous", Reason::NoSessionCookieProvided),
        Outcome::Rejected { failure, .. } => ("rejected", failure.reason()),
        Outcome::Unavailable { failure, .. } => ("unavailable", failure.reason()),
    };
    metrics::counter!(DECISIONS, "result" => result, "reason" => reason.as_str()).increment(1);
    metrics::histogram!(DECISION_SECONDS, "result" => result).record(took);
}

/// A cookie that did not open.
pub(crate) fn not_unsealed(detail: Detail) {
    metrics::counter!(UNSEAL_FAILURES, "reason" => detail.as_str()).increment(1);
}

/// A refresh was over for its caller, well or not.
pub(crate) fn refreshed(reason: Option<Reason>, waited: Duration) {
    let outcome = reason.map_or("refreshed", Reason::as_str);
    metrics::counter!(REFRESHES, "outcome" => outcome).increment(1);
    metrics::histogram!(REFRESH_SECONDS).record(waited.as_secs_f64());
}

/// A caller came with an old cookie after the refresh was done.
pub(crate) fn came_late() {
    metrics::counter!(REFRESH_REPLAYED).increment(1);
}

/// The key set was fetched, or was not.
pub(crate) fn key_set_fetched(failure: Option<Reason>) {
    metrics::counter!(KEY_SET_FETCHES, "outcome" => failure.map_or("ok", Reason::as_str)).increment(1);
}

/// What is so at this moment.
pub(crate) fn record_gauges(keys: &KeySetCache, deny_list: &DenyList, status: CoordinatorStatus) {
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if let Some(age) = keys.age() {
        metrics::gauge!(KEY_SET_AGE).set(age.as_secs_f64());
    }
    if let Some(skipped) = keys.skipped_count() {
        metrics::gauge!(KEY_SET_SKIPPED).set(count(skipped));
    }
    metrics::gauge!(DENY_LIST_ENTRIES).set(count(deny_list.in_force()));
    if let Some(age) = deny_list.age() {
        metrics::gauge!(DENY_LIST_AGE).set(age.as_secs_f64());
    }
    for (mode, holds) in [
        ("in_process", !status.shared),
        ("shared", status.shared && !status.degraded),
        ("degraded", status.degraded),
    ] {
        metrics::gauge!(COORDINATOR_MODE, "mode" => mode).set(if holds { 1.0 } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_the_table_once_and_ends_as_its_kind_does() {
        let names = include_str!("telemetry.rs")
            .lines()
            .filter(|line| line.starts_with("pub const ") && line.contains("&str = \"sealkit_"));
        assert_eq!(names.count(), ALL.len());
        for (i, metric) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.name != metric.name), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert!(!metric.means.ends_with('.') && !metric.labels.contains(&"session_id"));
        }
    }
}
