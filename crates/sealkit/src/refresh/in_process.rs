//! The coordinator of one process: a bounded map, a task per grant, no service to run.

use super::{CoordinationKey, CoordinatorFuture, GrantJob, GrantResult, RefreshCoordinator};
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
    Running(watch::Receiver<Option<GrantResult>>),
    Done { result: GrantResult, session_id: Option<Box<str>>, until: UnixMillis },
}

impl InProcessCoordinator {
    /// A coordinator that reads the time from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, settings: InProcessSettings) -> Self {
        Self { shared: Arc::new(Shared { clock, settings, state: Mutex::default() }) }
    }

    /// The kept result, or a receiver of the one to come; begins the grant when there is neither.
    fn join(&self, key: CoordinationKey, session_id: Option<String>, job: GrantJob) -> Joined {
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        if session_id.as_deref().is_some_and(|id| state.has_ended(id, now)) {
            return Joined::Result(Err(Failure::new(Reason::SessionRevoked)));
        }
        match state.grants.get(&key) {
            Some(Entry::Running(receiver)) => return Joined::Wait(receiver.clone()),
            Some(Entry::Done { result, until, session_id }) if *until > now => {
                let ended = session_id.as_deref().is_some_and(|id| state.has_ended(id, now));
                return Joined::Result(if ended {
                    Err(Failure::new(Reason::SessionRevoked))
                } else {
                    result.clone()
                });
            }
            _ => {}
        }
        let (sender, receiver) = watch::channel(None);
        state.make_room(&self.shared.settings, now);
        state.grants.insert(key, Entry::Running(receiver.clone()));
        drop(state);
        let publish = Publish { shared: Arc::clone(&self.shared), key, session_id, sender };
        tokio::spawn(async move {
            let result = job().await;
            publish.publish(result);
        });
        Joined::Wait(receiver)
    }
}

enum Joined {
    Result(GrantResult),
    Wait(watch::Receiver<Option<GrantResult>>),
}

/// Publishes exactly one result, also when the grant's task panics or is torn down with its runtime.
struct Publish {
    shared: Arc<Shared>,
    key: CoordinationKey,
    session_id: Option<String>,
    sender: watch::Sender<Option<GrantResult>>,
}

impl Publish {
    fn publish(self, result: GrantResult) {
        self.settle(result);
    }

    fn settle(&self, result: GrantResult) {
        let (now, settings) = (self.shared.clock.now(), &self.shared.settings);
        let mut state = self.shared.state();
        let ended = self.session_id.as_deref().is_some_and(|id| state.has_ended(id, now));
        let result = if ended { Err(Failure::new(Reason::SessionRevoked)) } else { result };
        let keep = match &result {
            Ok(_) => Some(settings.keep_results),
            Err(failure) if failure.is_retryable() => None,
            Err(_) => Some(settings.keep_refusals),
        };
        match keep {
            None => {
                state.grants.remove(&self.key);
            }
            Some(keep) => {
                let session_id = self.session_id.as_deref().map(Box::from);
                let entry =
                    Entry::Done { result: result.clone(), session_id, until: now.saturating_add(keep) };
                state.grants.insert(self.key, entry);
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
    fn has_ended(&self, session_id: &str, now: UnixMillis) -> bool {
        self.ended.get(session_id).is_some_and(|until| *until > now)
    }

    /// Drops what is over, and the oldest eighth of the results when there are too many.
    fn make_room(&mut self, settings: &InProcessSettings, now: UnixMillis) {
        if self.grants.len() < settings.max_results {
            return;
        }
        self.grants.retain(|_, entry| match entry {
            Entry::Running(_) => true,
            Entry::Done { until, .. } => *until > now,
        });
        if self.grants.len() < settings.max_results {
            return;
        }
        let mut done: Vec<(UnixMillis, CoordinationKey)> = self
            .grants
            .iter()
            .filter_map(|(key, entry)| match entry {
                Entry::Running(_) => None,
                Entry::Done { until, .. } => Some((*until, *key)),
            })
            .collect();
        done.sort_unstable();
        for (_, key) in done.iter().take(settings.max_results / 8 + 1) {
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
    fn run<'a>(
        &'a self,
        key: CoordinationKey,
        session_id: Option<String>,
        job: GrantJob,
    ) -> CoordinatorFuture<'a, GrantResult> {
        Box::pin(async move {
            match self.join(key, session_id, job) {
                Joined::Result(result) => result,
                Joined::Wait(mut receiver) => {
                    let published = receiver.wait_for(Option::is_some).await;
                    // `Publish` settles before it lets go of the sender, so there is always a result.
                    published
                        .ok()
                        .and_then(|result| result.clone())
                        .unwrap_or_else(|| Err(Failure::new(Reason::ServerError)))
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
        self.shared.state().has_ended(session_id, self.shared.clock.now())
    }

    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool> {
        Box::pin(async move {
            let running: Vec<_> = self
                .shared
                .state()
                .grants
                .values()
                .filter_map(|entry| match entry {
                    Entry::Running(receiver) => Some(receiver.clone()),
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
