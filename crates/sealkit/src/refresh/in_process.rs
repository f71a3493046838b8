//! The coordinator of one process: a bounded map, a task per grant, no service to run.

mod chains;
mod memory;

use super::{CoordinationKey, CoordinatorFuture, GrantJob, GrantRequest, Published, RefreshCoordinator};
use crate::{clock::Clock, telemetry};
use memory::{Evicted, Kept, Memory, Settled};
use sealkit_core::{Failure, Reason, UnixMillis, token};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch};

/// How long a refusal is remembered that nobody could confirm: another process may hold a success.
const UNCONFIRMED: Duration = Duration::from_secs(5);

/// How often it is logged that results went before their time.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

/// What a caller should wait when too many grants are under way.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long refusals are kept, and how many results. How long a success is, [the request](GrantRequest::result_kept) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InProcessSettings {
    /// A refusal is remembered, and not asked for again, for so long. Default 30 s.
    pub keep_refusals: Duration,
    /// Most results that are kept; those whose time ends first go first. Grants under way are never dropped. Default 50,000.
    pub max_results: usize,
    /// Most bytes of results that are kept, counted as the texts in them. One of more than 64 KiB, which no cookie could hold, is
    /// given to those who wait and not kept. Default 128 MiB.
    pub max_bytes: usize,
    /// Most refresh tokens of one session whose success is kept, and most whose refusals are; of more the oldest goes. Default 4,
    /// as many as a late request follows.
    pub max_per_session: usize,
    /// Most grants that are under way at once. Whoever would begin one more is answered [`Reason::ServerError`], which may be
    /// retried and leaves the cookie alone; joining is always possible. Default 10,000.
    pub max_running: usize,
}

impl Default for InProcessSettings {
    fn default() -> Self {
        Self {
            keep_refusals: Duration::from_secs(30),
            max_results: 50_000,
            max_bytes: 128 * 1024 * 1024,
            max_per_session: 4,
            max_running: 10_000,
        }
    }
}

/// Coordinates the tasks of this process. Cheap to clone; clones share everything.
///
/// A grant runs in a task of the tokio runtime that its first caller is in. Without one nothing is sent, and the caller is
/// answered [`Reason::ServerError`] with a hint. When that runtime is dropped before the grant is over, everybody who waits,
/// in whatever runtime, is answered the same, and the next caller begins anew.
#[derive(Clone)]
pub struct InProcessCoordinator {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    settings: InProcessSettings,
    memory: Mutex<Memory>,
    /// When evictions were logged last, in milliseconds.
    logged: AtomicU64,
}

type Receiver = watch::Receiver<Option<Settled>>;

/// A job that knows more of its result than that it is new: what a store of several processes gave.
pub type PublishedJob = Box<dyn FnOnce() -> CoordinatorFuture<'static, Published> + Send>;

impl InProcessCoordinator {
    /// A coordinator that reads the time from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, settings: InProcessSettings) -> Self {
        let memory = Mutex::new(Memory::new(clock.now(), &settings));
        Self { shared: Arc::new(Shared { clock, settings, memory, logged: AtomicU64::new(0) }) }
    }

    /// As [`run`](RefreshCoordinator::run), with a job that says itself where its result is from: the front of a coordinator of
    /// several processes, in which every refresh token is asked for once.
    pub async fn run_published(&self, request: GrantRequest, mut job: PublishedJob) -> Published {
        let mut waiting = None;
        loop {
            match self.join(&request, job) {
                Joined::Answered(published) => return published,
                Joined::Mine(receiver) => {
                    waiting.get_or_insert_with(Waiting::begin);
                    return settled(receiver).await.given_to(&request);
                }
                Joined::Theirs { receiver, job: unused } => {
                    waiting.get_or_insert_with(Waiting::join);
                    let theirs = settled(receiver).await.given_to(&request);
                    if !theirs.is_refusal() || theirs.answers(&request) {
                        return theirs;
                    }
                    job = unused;
                }
            }
        }
    }

    /// The success that is kept for this request in this process.
    #[must_use]
    pub fn kept_success(&self, request: &GrantRequest) -> Option<Published> {
        let memory = self.shared.memory();
        memory.success_for(request, self.shared.clock.now())
    }

    /// The kept result, or a receiver of the one to come; begins the grant when there is neither.
    fn join(&self, request: &GrantRequest, job: PublishedJob) -> Joined {
        let mut memory = self.shared.memory();
        // Read under the lock: what another thread has kept before is never of a later time.
        let now = self.shared.clock.now();
        if request.has_ended() {
            return Joined::Answered(request.revoked());
        }
        if let Some(kept) = memory.kept_for(request, now) {
            return Joined::Answered(kept.given_to(request));
        }
        if let Some(receiver) = memory.running(request.key()) {
            return Joined::Theirs { receiver, job };
        }
        let Ok(runtime) = Handle::try_current() else {
            let failure = Failure::new(Reason::ServerError);
            return unable(
                failure.with_hint("a refresh runs in a tokio runtime: call it within one"),
                request,
            );
        };
        if memory.count_running() >= self.shared.settings.max_running {
            let failure = Failure::new(Reason::ServerError).with_retry_after(Some(RETRY_AFTER));
            return unable(failure.with_hint("too many refreshes are under way in this process"), request);
        }
        let (sender, receiver) = watch::channel(None);
        memory.begin(*request.key(), receiver.clone());
        drop(memory);
        let publish = Publish { shared: Arc::clone(&self.shared), request: request.clone(), sender };
        runtime.spawn(async move {
            let published = if publish.request.has_ended() { publish.request.revoked() } else { job().await };
            publish.settle(published);
        });
        Joined::Mine(receiver)
    }
}

enum Joined {
    /// There is nothing to wait for.
    Answered(Published),
    /// The caller's own grant has begun.
    Mine(Receiver),
    /// Another caller's is under way; the job has not begun.
    Theirs { receiver: Receiver, job: PublishedJob },
}

/// The grant cannot begin now.
fn unable(failure: Failure, request: &GrantRequest) -> Joined {
    Joined::Answered(Published::fresh(Err(failure), request.organization_id.clone()))
}

async fn settled(mut receiver: Receiver) -> Settled {
    let settled = receiver.wait_for(Option::is_some).await;
    // `Publish` settles before it lets go of the sender, so there is always a result.
    let settled = settled.ok().and_then(|settled| settled.clone());
    settled.unwrap_or_else(|| Settled { published: nothing(), session_id: None })
}

/// The grant's task ended without a word.
fn nothing() -> Published {
    Published::fresh(Err(Failure::new(Reason::ServerError)), None)
}

/// One caller that waits, on the gauge until it is answered or goes away.
struct Waiting(metrics::Gauge);

impl Waiting {
    fn begin() -> Self {
        let gauge = metrics::gauge!(telemetry::REFRESH_WAITERS);
        gauge.increment(1.0);
        Self(gauge)
    }

    fn join() -> Self {
        metrics::counter!(telemetry::REFRESH_JOINS).increment(1);
        Self::begin()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Publishes exactly one result, also when the grant's task panics or is torn down with its runtime.
struct Publish {
    shared: Arc<Shared>,
    request: GrantRequest,
    sender: watch::Sender<Option<Settled>>,
}

impl Publish {
    fn settle(&self, published: Published) {
        let session_id = self.request.session_id.clone().or_else(|| session_of(&published));
        let settled = Settled { published, session_id };
        let settled = Settled { published: settled.given_to(&self.request), ..settled };
        let keep = self.shared.settings.keep(&settled.published, &self.request);
        let mut memory = self.shared.memory();
        let now = self.shared.clock.now();
        let left = keep.map(|keep| Kept::new(settled.clone(), now, keep));
        let evicted = memory.settle(*self.request.key(), left, now, &self.shared.settings);
        drop(memory);
        self.shared.note(evicted, now);
        self.sender.send_replace(Some(settled));
    }
}

impl Drop for Publish {
    fn drop(&mut self) {
        if self.sender.borrow().is_none() {
            self.settle(nothing());
        }
    }
}

/// The session of an answer whose caller did not know it. Proven by nothing: good for refusing only.
fn session_of(published: &Published) -> Option<Arc<str>> {
    let response = published.result.as_ref().ok()?;
    token::peek_session_id(response.access_token().expose_secret()).map(Arc::from)
}

impl InProcessSettings {
    /// How long this result is kept; a failure that may pass is not.
    fn keep(&self, published: &Published, request: &GrantRequest) -> Option<Duration> {
        match &published.result {
            Ok(_) => Some(published.keep_for(request.result_kept)),
            Err(failure) if failure.is_retryable() => None,
            Err(_) if !published.confirmed => Some(self.keep_refusals.min(UNCONFIRMED)),
            Err(_) => Some(self.keep_refusals),
        }
    }
}

impl Shared {
    /// Counts what had to go before its time, and logs it once in a while.
    fn note(&self, evicted: Evicted, now: UnixMillis) {
        let Evicted { by_session, by_memory } = evicted;
        telemetry::results_evicted("session", by_session);
        telemetry::results_evicted("memory", by_memory);
        if by_session + by_memory == 0 {
            return;
        }
        let (now, every) = (now.as_millis(), u64::try_from(LOGGED_EVERY.as_millis()).unwrap_or(u64::MAX));
        let due = |last: u64| (last == 0 || now < last || now - last >= every).then_some(now);
        if self.logged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
            tracing::warn!(
                by_session,
                by_memory,
                max_results = self.settings.max_results,
                "results of refreshes went before their time; a browser that missed its new cookie may have to sign in again; see SEALKIT_MAX_RESULTS"
            );
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing inside the lock can panic half-way through a change.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RefreshCoordinator for InProcessCoordinator {
    fn run<'a>(&'a self, request: GrantRequest, job: GrantJob) -> CoordinatorFuture<'a, Published> {
        let (asked, organization_id) = (request.clone(), request.organization_id.clone());
        let job: PublishedJob =
            Box::new(move || Box::pin(async move { Published::fresh(job().await, organization_id) }));
        Box::pin(async move {
            let published = self.run_published(request, job).await;
            // A success that the provider spent this token on was given here, or to the process that was here before.
            let sure =
                !published.is_refusal() || self.shared.memory().would_know(&asked, self.shared.clock.now());
            if sure { published } else { published.unconfirmed() }
        })
    }

    fn look_up<'a>(&'a self, request: &'a GrantRequest) -> CoordinatorFuture<'a, Option<Published>> {
        Box::pin(std::future::ready(self.kept_success(request)))
    }

    fn knows(&self, key: &CoordinationKey) -> bool {
        let memory = self.shared.memory();
        memory.knows(key, self.shared.clock.now())
    }

    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool> {
        Box::pin(async move {
            if self.shared.memory().count_running() == 0 {
                return true;
            }
            // Without a runtime there is nothing to wait with.
            if Handle::try_current().is_err() {
                return false;
            }
            tokio::time::timeout(at_most, self.shared.idle()).await.is_ok()
        })
    }
}

impl Shared {
    /// Until nothing is under way, what has begun meanwhile included.
    async fn idle(&self) {
        loop {
            let running = self.memory().all_running();
            if running.is_empty() {
                return;
            }
            for mut receiver in running {
                // A closed channel has settled, too.
                let _ = receiver.wait_for(Option::is_some).await;
            }
        }
    }
}

impl fmt::Debug for InProcessCoordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessCoordinator")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
