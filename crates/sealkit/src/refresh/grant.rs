//! One grant: the same refresh token, sent again while that is safe, and every answer to it listened to.
//!
//! ```text
//!  0 s        5 s 5.5 s             12 s                    20 s  25 s
//!  ├─ first ───┼────┼─────────────────┼───────────────────────┼─────┤ the first answer with tokens is the answer,
//!              │    ├─ replay ────────┼───────────────────────┼─────┤ whichever attempt it belongs to
//!         no answer └ in case the first was lost        last replay └ the budget: nothing is listened to any more
//! ```

use super::GrantResult;
use crate::{
    api::{
        ApiClient, ApiError, ApiErrorKind, Grant, IdempotencyKey, Purpose, RefreshTokenGrant, RequestContext,
        TransportErrorKind,
    },
    breaker::{Breaker, LeftAlone},
    budget::Source,
    clock::Clock,
    jitter, telemetry,
};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use sealkit_core::{Failure, Reason, RefreshToken, SecureRandom, UnixMillis, session::AuthResponse};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until, timeout_at};

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

/// What a grant goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means<'a> {
    pub(crate) api: &'a ApiClient,
    pub(crate) breaker: &'a Breaker<Reason>,
    /// In whose name its failures count for the breaker. None where the caller chose what is asked for: then a failure says
    /// nothing about the API.
    pub(crate) source: Option<&'a Source>,
    pub(crate) retry: RetrySettings,
    /// After so long without an answer another attempt is made.
    pub(crate) attempt_timeout: Duration,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) random: &'a dyn SecureRandom,
}

/// Refreshes, and sends the same token again after a failure that says nothing about it: a time-out, a cut or unreadable
/// answer, 408, 429, 5xx. After any other 4xx never. `Retry-After` is honoured where it fits into the window and handed to
/// the caller where it does not. The window is looked at again after every wait, by both clocks: a machine that was suspended
/// meanwhile has not counted that time, and a token that is sent too late is refused for good.
///
/// An attempt without an answer goes on beside the next one until the budget ends, and no refusal is final before: a provider
/// that takes a token once refuses the second attempt while the answer to the first, with the new tokens, is on its way.
///
/// While the breaker is open nothing is sent. It is asked before the first attempt only: a token that may be spent is always
/// sent again.
pub(crate) async fn grant(
    means: Means<'_>,
    refresh_token: RefreshToken,
    organization_id: Option<String>,
) -> GrantResult {
    let leave = match means.source {
        Some(_) => means.breaker.ask(),
        None => means.breaker.ask_if_closed(),
    };
    let _leave = leave.map_err(left_alone)?;
    let mut grant = RefreshTokenGrant::new(refresh_token);
    if let Some(organization_id) = organization_id {
        grant = grant.with_organization_id(organization_id);
    }
    Attempts::new(means, &Grant::RefreshToken(grant)).run().await
}

/// The failure that the breaker has seen last, of a request that was not sent.
fn left_alone(left_alone: LeftAlone<Reason>) -> Failure {
    Failure::new(left_alone.last)
        .with_retry_after(Some(left_alone.retry_after))
        .with_hint("the API has failed again and again and is left alone for a moment; nothing was sent")
}

/// One attempt's number, and what it came to.
type Answer = (u32, Result<Arc<AuthResponse>, ApiError>);

/// What is done when no answer comes before.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The newest attempt has no answer for so long that there will be another.
    Overdue(Instant),
    /// The token is sent again.
    Replay(Instant),
    /// Nothing more is sent, and from then on nothing is listened to.
    End(Instant),
}

/// The attempts of one grant.
struct Attempts<'a> {
    means: Means<'a>,
    grant: &'a Grant,
    context: RequestContext,
    begun: Instant,
    begun_at: UnixMillis,
    waits: std::array::IntoIter<Duration, 3>,
    /// Those that have no answer yet.
    in_flight: FuturesUnordered<Pin<Box<dyn Future<Output = Answer> + Send + 'a>>>,
    sent: u32,
    next: Next,
    /// What the caller hears if no attempt succeeds: a refusal, else what failed last.
    failure: Option<Failure>,
    replayed_unusable: bool,
}

impl<'a> Attempts<'a> {
    fn new(means: Means<'a>, grant: &'a Grant) -> Self {
        let context = IdempotencyKey::random(means.random)
            .map(RequestContext::with_idempotency_key)
            .unwrap_or_default();
        let begun = Instant::now();
        Self {
            means,
            grant,
            context,
            begun,
            begun_at: means.clock.now(),
            waits: means.retry.waits.into_iter(),
            in_flight: FuturesUnordered::new(),
            sent: 0,
            next: Next::Replay(begun),
            failure: None,
            replayed_unusable: false,
        }
    }

    async fn run(mut self) -> GrantResult {
        self.send();
        loop {
            match self.answer_or_next().await {
                Some((_, Ok(response))) => {
                    self.means.breaker.answered();
                    return Ok(response);
                }
                Some((number, Err(error))) => self.failed(number, &error),
                None => match self.next {
                    Next::Overdue(_) => self.overdue(),
                    Next::Replay(_) => self.replay(),
                    Next::End(_) => return self.given_up(),
                },
            }
            if self.in_flight.is_empty() && matches!(self.next, Next::End(_)) {
                return self.given_up();
            }
        }
    }

    /// The next answer, or none when it is time for what is to be done next.
    async fn answer_or_next(&mut self) -> Option<Answer> {
        let (Next::Overdue(at) | Next::Replay(at) | Next::End(at)) = self.next;
        if self.in_flight.is_empty() {
            sleep_until(at).await;
            return None;
        }
        timeout_at(at, self.in_flight.next()).await.ok().flatten()
    }

    /// Sends the token; the answer is listened to until the end of the budget.
    fn send(&mut self) {
        let (api, grant, number) = (self.means.api, self.grant, self.sent);
        let limit = self.end().saturating_duration_since(Instant::now());
        let context = self.context.clone().with_time_limit(limit);
        self.sent += 1;
        self.in_flight.push(Box::pin(async move {
            let reply = api.authenticate(grant, &context).await;
            (number, reply.map(|reply| Arc::new(reply.into_body())))
        }));
        self.next = Next::Overdue(Instant::now() + self.means.attempt_timeout);
    }

    /// Counts a failure of the API, if it says something about the API.
    fn count(&self, reason: Reason) {
        if let Some(source) = self.means.source {
            self.means.breaker.failed_for(source, reason);
        }
    }

    /// The newest attempt has no answer yet. It goes on.
    fn overdue(&mut self) {
        self.count(Reason::Timeout);
        self.remember(Failure::new(Reason::Timeout));
        self.replay_after(Duration::ZERO);
    }

    /// An attempt is over. Every attempt asks for one replay at most: when it is overdue, or when it fails before that.
    fn failed(&mut self, number: u32, error: &ApiError) {
        let failure = error.to_failure(Purpose::Refresh);
        let in_time = number + 1 == self.sent && matches!(self.next, Next::Overdue(_));
        match upstream_failure(error, &failure) {
            Some(reason) if in_time => self.count(reason),
            None if error.may_have_been_sent() => self.means.breaker.answered(),
            _ => {}
        }
        let unusable = is_unusable(error, &failure);
        let retry_after = failure.retry_after().unwrap_or_default();
        self.remember(failure);
        if !error.is_replayable() || (unusable && self.replayed_unusable) {
            self.next = Next::End(self.end());
        } else if in_time {
            self.replayed_unusable |= unusable;
            self.replay_after(retry_after);
        } else if let Next::Replay(at) = self.next {
            // The replay is on its way already; it may have to wait for longer.
            self.replay_at(at.max(Instant::now() + retry_after));
        }
    }

    /// Sends the token again after the next wait, or after this one if it is longer.
    fn replay_after(&mut self, at_least: Duration) {
        match self.waits.next() {
            Some(wait) => {
                self.replay_at(Instant::now() + jitter::around(wait, self.means.random).max(at_least))
            }
            None => self.next = Next::End(self.end()),
        }
    }

    /// Sends the token again at this time, if that is within the window.
    fn replay_at(&mut self, at: Instant) {
        let wait = at.saturating_duration_since(Instant::now());
        let fits = self.elapsed() + wait <= self.means.retry.last_attempt;
        self.next = if fits { Next::Replay(at) } else { Next::End(self.end()) };
    }

    /// It is time to send the token again.
    fn replay(&mut self) {
        if self.elapsed() > self.means.retry.last_attempt {
            self.next = Next::End(self.end());
            return;
        }
        if let Some(reason) = self.failure.as_ref().map(Failure::reason) {
            tracing::debug!(%reason, attempt = self.sent + 1, "the refresh is sent again");
            metrics::counter!(telemetry::GRANT_REPLAYS, "reason" => reason.as_str()).increment(1);
        }
        self.send();
    }

    /// What fails last is what the caller hears, unless there was a refusal: nothing that fails later takes that back.
    fn remember(&mut self, failure: Failure) {
        if self.failure.as_ref().is_none_or(Failure::is_retryable) {
            self.failure = Some(failure);
        }
    }

    fn given_up(self) -> GrantResult {
        Err(self.failure.unwrap_or_else(|| Failure::new(Reason::Timeout)))
    }

    /// How long ago the first attempt was sent.
    fn elapsed(&self) -> Duration {
        let by_clock = self.means.clock.now().saturating_since(self.begun_at);
        self.begun.elapsed().max(by_clock)
    }

    /// The end of the budget: when an attempt that was sent at the last moment would be overdue.
    fn end(&self) -> Instant {
        self.begun + self.means.retry.last_attempt + self.means.attempt_timeout
    }
}

/// Why the API itself seems to be out of order, if it does: no connection, no answer in time, half an answer, 5xx. A refusal is
/// an answer, and so is 429.
fn upstream_failure(error: &ApiError, failure: &Failure) -> Option<Reason> {
    match error.kind() {
        ApiErrorKind::Transport(TransportErrorKind::TooLarge) => None,
        ApiErrorKind::Transport(_) | ApiErrorKind::Status(500..) => Some(failure.reason()),
        _ => None,
    }
}

/// An answer that came in full and is none. One that was cut off says nothing about the next.
fn is_unusable(error: &ApiError, failure: &Failure) -> bool {
    let cut_off = error.kind() == ApiErrorKind::Transport(TransportErrorKind::Interrupted);
    failure.reason() == Reason::InvalidResponse && !cut_off
}
