//! One grant: the same refresh token, sent again while that is safe.

use super::GrantResult;
use crate::{
    api::{
        ApiClient, ApiError, ApiErrorKind, Grant, IdempotencyKey, Purpose, RefreshTokenGrant, RequestContext,
        TransportErrorKind,
    },
    clock::Clock,
};
use sealkit_core::{Failure, Reason, RefreshToken, SecureRandom};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// When a refresh is tried again.
///
/// The provider answers the same refresh token with the same new pair for 30 s (WorkOS "Session resilience"), so every
/// attempt must have been sent well before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetrySettings {
    /// No attempt is sent later than so long after the first.
    pub last_attempt: Duration,
    /// Waits between the attempts, before jitter of a quarter up or down.
    pub waits: [Duration; 3],
}

impl Default for RetrySettings {
    fn default() -> Self {
        let waits = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_millis(2500)];
        Self { last_attempt: Duration::from_secs(20), waits }
    }
}

/// Refreshes, and sends the same token again after a failure that says nothing about it: a time-out, a cut or unreadable
/// answer, 408, 429, 5xx. After any other 4xx never. `Retry-After` is honoured where it fits into the window and handed to
/// the caller where it does not. The window is looked at again after every wait, by both clocks: a machine that was suspended
/// meanwhile has not counted that time, and a token that is sent too late is refused for good.
pub(crate) async fn grant(
    api: &ApiClient,
    refresh_token: RefreshToken,
    organization_id: Option<String>,
    settings: RetrySettings,
    clock: &dyn Clock,
    random: &dyn SecureRandom,
) -> GrantResult {
    let mut grant = RefreshTokenGrant::new(refresh_token);
    if let Some(organization_id) = organization_id {
        grant = grant.with_organization_id(organization_id);
    }
    let grant = Grant::RefreshToken(grant);
    let context =
        IdempotencyKey::random(random).map(RequestContext::with_idempotency_key).unwrap_or_default();
    let (begun, begun_at) = (Instant::now(), clock.now());
    let elapsed = || begun.elapsed().max(clock.now().saturating_since(begun_at));
    let mut waits = settings.waits.iter();
    let mut replayed_unusable = false;
    loop {
        let error = match api.authenticate(&grant, &context).await {
            Ok(reply) => return Ok(Arc::new(reply.into_body())),
            Err(error) => error,
        };
        let failure = error.to_failure(Purpose::Refresh);
        let Some(wait) = waits.next().filter(|_| may_replay(&error, &failure, replayed_unusable)) else {
            return Err(failure);
        };
        replayed_unusable |= is_unusable(&error, &failure);
        let wait = jittered(*wait, random).max(failure.retry_after().unwrap_or_default());
        if elapsed() + wait > settings.last_attempt {
            return Err(failure);
        }
        tracing::debug!(reason = %failure.reason(), wait_ms = wait.as_millis(), "refresh will be sent again");
        sleep(wait).await;
        if elapsed() > settings.last_attempt {
            return Err(failure);
        }
    }
}

/// A complete answer that is of no use is asked for once more; it will hardly be another one the third time.
fn may_replay(error: &ApiError, failure: &Failure, replayed_unusable: bool) -> bool {
    error.is_replayable() && !(replayed_unusable && is_unusable(error, failure))
}

/// An answer that came in full and is none. One that was cut off says nothing about the next.
fn is_unusable(error: &ApiError, failure: &Failure) -> bool {
    let cut_off = error.kind() == ApiErrorKind::Transport(TransportErrorKind::Interrupted);
    failure.reason() == Reason::InvalidResponse && !cut_off
}

fn jittered(wait: Duration, random: &dyn SecureRandom) -> Duration {
    let mut byte = [128];
    // Without randomness there is no jitter, which is no reason to give up.
    let _ = random.fill(&mut byte);
    let [byte] = byte;
    wait * 3 / 4 + wait * u32::from(byte) / 512
}
