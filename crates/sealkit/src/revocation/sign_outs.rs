//! Ends signed-out sessions at WorkOS, from the server.
//!
//! ```text
//! sign-out ──► denied here, and held ──────────────────────────────────────────► denied for as long as tokens live
//!          └─► 10 s for the browser, which follows the redirect ──► revoke ──► 200, or "already ended" ─┘
//!              (none while draining)                                  └─ no answer, 408, 429, 5xx: again, 1 s, 2 s, … 5 min, 1 h in all
//! ```
//!
//! The browser goes first: it is not known what WorkOS's logout address does with a session that has ended. It may also never
//! follow the redirect, and then the refresh token of every copy of the cookie stays good.

use super::WeakDenyList;
use crate::{
    api::{ApiClient, ApiError, ApiErrorKind, RequestContext, checked_id},
    clock::Clock,
    config::SignOutSettings,
    jitter, telemetry,
    until::Until,
};
use sealkit_core::{SecureRandom, UnixMillis, Untrusted};
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout, timeout_at},
};

/// First wait between two attempts; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Requests that are under way at once: when a process drains, all that are pending begin together.
const AT_ONCE: usize = 8;

/// Sessions whose end is known, so that a repeated sign-out asks for nothing.
const REMEMBERED: usize = 100_000;

/// The sign-outs of this process that WorkOS does not know yet. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SignOuts(Arc<Shared>);

/// What ending a session needs.
pub(crate) struct Parts {
    pub(crate) api: ApiClient,
    pub(crate) list: WeakDenyList,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn SecureRandom>,
    pub(crate) settings: SignOutSettings,
    /// How long one attempt may take.
    pub(crate) attempt_timeout: Duration,
    /// How long a copy of the cookie can live.
    pub(crate) cookie_life: Duration,
    /// How long a session is known to have ended.
    pub(crate) remembered_for: Duration,
}

struct Shared {
    parts: Parts,
    memory: Mutex<Memory>,
    pending: watch::Sender<usize>,
    draining: watch::Sender<bool>,
    turns: Semaphore,
}

struct Memory {
    /// At most one task for each session.
    pending: HashSet<Arc<str>>,
    /// Sessions that are not asked for again before a time: they have ended, or asking is of no use now.
    settled: Until<Arc<str>>,
    /// It was logged that there are too many.
    warned: bool,
}

/// What becomes of a sign-out.
enum Admission {
    Begins(Pending),
    /// Another sign-out of the same session is pending, or was a moment ago.
    Joins,
    TooMany,
}

/// What one attempt came to.
enum Attempt {
    Ended {
        before: bool,
    },
    /// Asking again does not help.
    Rejected(ApiError),
    /// No usable answer; `None` without any in time.
    Failed(Option<ApiError>),
}

impl SignOuts {
    pub(crate) fn new(parts: Parts) -> Self {
        let memory = Memory { pending: HashSet::new(), settled: Until::at_most(REMEMBERED), warned: false };
        Self(Arc::new(Shared {
            parts,
            memory: Mutex::new(memory),
            pending: watch::Sender::new(0),
            draining: watch::Sender::new(false),
            turns: Semaphore::new(AT_ONCE),
        }))
    }

    /// Ends the session at WorkOS, in a task that outlives the caller. Until that is done, this process denies it.
    pub(crate) fn begin(&self, session_id: &str) {
        if checked_id(session_id).is_err() {
            return;
        }
        let shared = &self.0;
        let Ok(runtime) = Handle::try_current() else {
            tracing::debug!("a signed-out session is not ended at WorkOS: that needs a tokio runtime");
            return;
        };
        let pending = match shared.admit(session_id) {
            Admission::Joins => return,
            Admission::TooMany => {
                shared.hold(session_id);
                outcome("too_many");
                return;
            }
            Admission::Begins(pending) => pending,
        };
        shared.hold(session_id);
        runtime.spawn(pending.end(Instant::now() + shared.parts.settings.revoke_after));
    }

    /// From now on nothing waits for the browser. Waits until nothing is pending; true when that is so in time.
    pub(crate) async fn drain(&self, at_most: Duration) -> bool {
        self.0.draining.send_replace(true);
        let mut pending = self.0.pending.subscribe();
        timeout(at_most, pending.wait_for(|pending| *pending == 0)).await.is_ok()
    }
}

impl Shared {
    fn admit(self: &Arc<Self>, session_id: &str) -> Admission {
        let now = self.now();
        let mut memory = self.memory();
        let settled = memory.settled.get(session_id).is_some_and(|until| until > now);
        if settled || memory.pending.contains(session_id) {
            return Admission::Joins;
        }
        if memory.pending.len() >= self.parts.settings.max_pending {
            if !std::mem::replace(&mut memory.warned, true) {
                tracing::warn!(
                    max_pending = self.parts.settings.max_pending,
                    "too many signed-out sessions wait to be ended at WorkOS; further ones are denied but not ended there; raise `SignOutSettings::max_pending`"
                );
            }
            return Admission::TooMany;
        }
        let session_id: Arc<str> = session_id.into();
        memory.pending.insert(Arc::clone(&session_id));
        self.pending.send_replace(memory.pending.len());
        Admission::Begins(Pending { shared: Arc::clone(self), session_id })
    }

    fn hold(&self, session_id: &str) {
        if let Some(list) = self.parts.list.upgrade() {
            list.hold(session_id, self.now().saturating_add(self.parts.cookie_life));
        }
    }

    fn now(&self) -> UnixMillis {
        self.parts.clock.now()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing inside the lock can panic half-way through a change.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(&self, session_id: &str) -> Attempt {
        let Parts { api, attempt_timeout, .. } = &self.parts;
        let context = RequestContext::default().with_time_limit(*attempt_timeout);
        // A permit is never refused: nothing closes the semaphore.
        let _turn = self.turns.acquire().await;
        match timeout(*attempt_timeout, api.revoke_session(session_id, &context)).await {
            Ok(Ok(_)) => Attempt::Ended { before: false },
            Ok(Err(error)) => judged(error),
            Err(_) => Attempt::Failed(None),
        }
    }
}

/// Which errors say that the session has ended. The OpenAPI document names 400 for it, an emulator answers 404; neither says more
/// than a message. So every refusal counts, but those of the API key.
fn judged(error: ApiError) -> Attempt {
    match error.kind() {
        ApiErrorKind::Status(401 | 403) | ApiErrorKind::Grant(_) => Attempt::Rejected(error),
        _ if error.is_replayable() => Attempt::Failed(Some(error)),
        ApiErrorKind::Status(400..500) => Attempt::Ended { before: true },
        _ => Attempt::Rejected(error),
    }
}

/// One session that is to be ended at WorkOS.
struct Pending {
    shared: Arc<Shared>,
    session_id: Arc<str>,
}

impl Pending {
    /// `due`: when the head start of the browser is over.
    async fn end(self, due: Instant) {
        let settings = self.shared.parts.settings;
        let mut draining = self.shared.draining.subscribe();
        let is_draining = timeout_at(due, draining.wait_for(|draining| *draining)).await.is_ok();
        let (begun, mut wait, mut hurried) = (Instant::now(), FIRST_WAIT, is_draining);
        loop {
            let error = match self.shared.attempt(&self.session_id).await {
                Attempt::Ended { before } => return self.ended(before),
                Attempt::Rejected(error) => return self.given_up(Some(&error)),
                Attempt::Failed(error) => error,
            };
            let asked = error.as_ref().and_then(ApiError::retry_after).unwrap_or_default();
            let next = jitter::around(wait, &*self.shared.parts.random).max(asked);
            if begun.elapsed().saturating_add(next) > settings.give_up_after {
                return self.given_up(error.as_ref());
            }
            wait = wait.saturating_mul(2).min(settings.retry_longest);
            if hurried {
                sleep(next).await;
            } else if timeout(next, draining.wait_for(|draining| *draining)).await.is_ok() {
                // A process that drains asks once more at once, however long the wait has grown.
                (hurried, wait) = (true, FIRST_WAIT);
            }
        }
    }

    fn ended(&self, before: bool) {
        self.settle(self.shared.parts.remembered_for);
        if let Some(list) = self.shared.parts.list.upgrade() {
            list.release(&self.session_id);
        }
        outcome(if before { "already_ended" } else { "ended" });
        tracing::debug!(session_id = %Untrusted::new(&*self.session_id), before, "a signed-out session has ended at WorkOS");
    }

    fn given_up(&self, error: Option<&ApiError>) {
        // A repeated sign-out asks again, but not at once.
        self.settle(self.shared.parts.settings.retry_longest);
        outcome("failed");
        tracing::warn!(
            session_id = %Untrusted::new(&*self.session_id),
            error = error.map(display),
            request_id = error.and_then(|error| error.meta().request_id.as_deref()).map(|id| display(Untrusted::new(id))),
            "a signed-out session could not be ended at WorkOS; this process rejects it; end it in the WorkOS dashboard"
        );
    }

    fn settle(&self, length: Duration) {
        let now = self.shared.now();
        let until = now.saturating_add(length);
        self.shared.memory().settled.put(Arc::clone(&self.session_id), until, now);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut memory = self.shared.memory();
        memory.pending.remove(&self.session_id);
        memory.warned &= memory.pending.len() >= self.shared.parts.settings.max_pending / 2;
        self.shared.pending.send_replace(memory.pending.len());
    }
}

fn outcome(outcome: &'static str) {
    metrics::counter!(telemetry::SIGN_OUT_REVOCATIONS, "outcome" => outcome).increment(1);
}

impl fmt::Debug for SignOuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignOuts").field("pending", &*self.0.pending.borrow()).finish_non_exhaustive()
    }
}
