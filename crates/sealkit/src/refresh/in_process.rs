//! The coordinator of one process: a bounded map, a task per grant, no service to run.

use super::{CoordinationKey, CoordinatorFuture, GrantJob, GrantRequest, GrantResult, RefreshCoordinator};
use crate::clock::Clock;
use sealkit_core::{Failure, Reason, UnixMillis};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How long results are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InProcessSettings {
    /// A success is given to late callers for so long.
    pub keep_results: Duration,
    /// A refusal is remembered, and not asked for again, for so long.
    pub keep_refusals: Duration,
    /// Most results that are kept; the oldest go first. Grants under way are never dropped.
    pub max_results: usize,
    /// How long an ended session stays known as ended.
    pub keep_ended: Duration,
    /// Most ended sessions that are remembered.
    pub max_ended: usize,
}

impl Default for InProcessSettings {
    fn default() -> Self {
        Self {
            keep_results: Duration::from_secs(600),
            keep_refusals: Duration::from_secs(30),
            max_results: 10_000,
            keep_ended: Duration::from_secs(24 * 3600),
            max_ended: 100_000,
        }
    }
}

/// Coordinates the tasks of this process. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct InProcessCoordinator {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    settings: InProcessSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    grants: HashMap<CoordinationKey, Entry>,
    ended: HashMap<Box<str>, UnixMillis>,
}

enum Entry {
    Running { receiver: Receiver, request: GrantRequest },
    Done { result: GrantResult, request: GrantRequest, until: UnixMillis },
}

type Receiver = watch::Receiver<Option<GrantResult>>;

impl InProcessCoordinator {
    /// A coordinator that reads the time from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, settings: InProcessSettings) -> Self {
        Self { shared: Arc::new(Shared { clock, settings, state: Mutex::default() }) }
    }

    /// The kept result, or a receiver of the one to come; begins the grant when there is neither.
    fn join(&self, request: &GrantRequest, job: GrantJob) -> Joined {
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        if state.has_ended(request.session_id.as_deref(), now) {
            return Joined::Kept(Err(Failure::new(Reason::SessionRevoked)));
        }
        match state.grants.get(&request.key) {
            Some(Entry::Running { receiver, request: theirs }) => {
                return Joined::Theirs { receiver: receiver.clone(), same: answers(theirs, request), job };
            }
            Some(Entry::Done { result, until, request: theirs })
                if *until > now && (result.is_ok() || answers(theirs, request)) =>
            {
                return Joined::Kept(if state.has_ended(theirs.session_id.as_deref(), now) {
                    Err(Failure::new(Reason::SessionRevoked))
                } else {
                    result.clone()
                });
            }
            _ => {}
        }
        let (sender, receiver) = watch::channel(None);
        let running = Entry::Running { receiver: receiver.clone(), request: request.clone() };
        state.grants.insert(request.key, running);
        drop(state);
        let publish = Publish { shared: Arc::clone(&self.shared), request: request.clone(), sender };
        tokio::spawn(async move {
            let result = job().await;
            publish.publish(result);
        });
        Joined::Mine(receiver)
    }
}

enum Joined {
    /// There is a result.
    Kept(GrantResult),
    /// The caller's own grant has begun.
    Mine(Receiver),
    /// Another caller's is under way; the job has not begun.
    Theirs { receiver: Receiver, same: bool, job: GrantJob },
}

/// Whether a refusal of `theirs` is one of `ours`, too.
fn answers(theirs: &GrantRequest, ours: &GrantRequest) -> bool {
    theirs.organization_id == ours.organization_id
}

async fn published(mut receiver: Receiver) -> GrantResult {
    let published = receiver.wait_for(Option::is_some).await;
    // `Publish` settles before it lets go of the sender, so there is always a result.
    published.ok().and_then(|result| result.clone()).unwrap_or_else(|| Err(Failure::new(Reason::ServerError)))
}

/// Publishes exactly one result, also when the grant's task panics or is torn down with its runtime.
struct Publish {
    shared: Arc<Shared>,
    request: GrantRequest,
    sender: watch::Sender<Option<GrantResult>>,
}

impl Publish {
    fn publish(self, result: GrantResult) {
        self.settle(result);
    }

    fn settle(&self, result: GrantResult) {
        let (now, settings) = (self.shared.clock.now(), &self.shared.settings);
        let mut state = self.shared.state();
        let ended = state.has_ended(self.request.session_id.as_deref(), now);
        let result = if ended { Err(Failure::new(Reason::SessionRevoked)) } else { result };
        let keep = match &result {
            Ok(_) => Some(settings.keep_results),
            Err(failure) if failure.is_retryable() => None,
            Err(_) => Some(settings.keep_refusals),
        };
        match keep {
            None => {
                state.grants.remove(&self.request.key);
            }
            Some(keep) => {
                state.make_room(settings, now);
                let (result, request) = (result.clone(), self.request.clone());
                let entry = Entry::Done { result, request, until: now.saturating_add(keep) };
                state.grants.insert(self.request.key, entry);
            }
        }
        drop(state);
        self.sender.send_replace(Some(result));
    }
}

impl Drop for Publish {
    fn drop(&mut self) {
        if self.sender.borrow().is_none() {
            self.settle(Err(Failure::new(Reason::ServerError)));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing inside the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_ended(&self, session_id: Option<&str>, now: UnixMillis) -> bool {
        session_id.and_then(|id| self.ended.get(id)).is_some_and(|until| *until > now)
    }

    /// Makes room for one more result: drops what is over, then the oldest, an eighth more than must go.
    fn make_room(&mut self, settings: &InProcessSettings, now: UnixMillis) {
        if self.grants.len() < settings.max_results {
            return;
        }
        self.grants.retain(|_, entry| match entry {
            Entry::Running { .. } => true,
            Entry::Done { until, .. } => *until > now,
        });
        let mut done: Vec<(UnixMillis, CoordinationKey)> = self
            .grants
            .iter()
            .filter_map(|(key, entry)| match entry {
                Entry::Running { .. } => None,
                Entry::Done { until, .. } => Some((*until, *key)),
            })
            .collect();
        let Some(over) = done.len().checked_sub(settings.max_results) else { return };
        done.sort_unstable();
        for (_, key) in done.iter().take(over + settings.max_results / 8 + 1) {
            self.grants.remove(key);
        }
    }

    fn end(&mut self, session_id: &str, settings: &InProcessSettings, now: UnixMillis) {
        if self.ended.len() >= settings.max_ended {
            self.ended.retain(|_, until| *until > now);
        }
        if self.ended.len() >= settings.max_ended
            && let Some(oldest) = self.ended.iter().min_by_key(|(_, until)| **until).map(|(id, _)| id.clone())
        {
            self.ended.remove(&oldest);
        }
        self.ended.insert(session_id.into(), now.saturating_add(settings.keep_ended));
    }
}

impl RefreshCoordinator for InProcessCoordinator {
    fn run<'a>(&'a self, request: GrantRequest, mut job: GrantJob) -> CoordinatorFuture<'a, GrantResult> {
        Box::pin(async move {
            loop {
                match self.join(&request, job) {
                    Joined::Kept(result) => return result,
                    Joined::Mine(receiver) => return published(receiver).await,
                    Joined::Theirs { receiver, same, job: unused } => match published(receiver).await {
                        Err(failure) if !same && !failure.is_retryable() => job = unused,
                        result => return result,
                    },
                }
            }
        })
    }

    fn end_session<'a>(&'a self, session_id: &'a str) -> CoordinatorFuture<'a, ()> {
        let now = self.shared.clock.now();
        self.shared.state().end(session_id, &self.shared.settings, now);
        Box::pin(std::future::ready(()))
    }

    fn has_ended(&self, session_id: &str) -> bool {
        self.shared.state().has_ended(Some(session_id), self.shared.clock.now())
    }

    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool> {
        Box::pin(async move {
            let running: Vec<_> = self
                .shared
                .state()
                .grants
                .values()
                .filter_map(|entry| match entry {
                    Entry::Running { receiver, .. } => Some(receiver.clone()),
                    Entry::Done { .. } => None,
                })
                .collect();
            let all = async {
                for mut receiver in running {
                    // A closed channel has settled, too.
                    let _ = receiver.wait_for(Option::is_some).await;
                }
            };
            tokio::time::timeout(at_most, all).await.is_ok()
        })
    }
}

impl fmt::Debug for InProcessCoordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessCoordinator")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}
