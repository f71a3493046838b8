//! The coordinator of one process: a bounded map, a task per grant, no service to run.

use super::{CoordinationKey, CoordinatorFuture, GrantJob, GrantRequest, Published, RefreshCoordinator};
use crate::clock::Clock;
use sealkit_core::{Failure, Reason, UnixMillis};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Most refusals, each for an organization of its own, that are remembered of one refresh token.
const MAX_REFUSALS: usize = 8;

/// How long a refusal is remembered that nobody could confirm: another process may hold a success.
const UNCONFIRMED: Duration = Duration::from_secs(5);

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
}

impl Default for InProcessSettings {
    fn default() -> Self {
        Self {
            keep_results: Duration::from_secs(600),
            keep_refusals: Duration::from_secs(30),
            max_results: 10_000,
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
}

/// What is known of one refresh token.
#[derive(Default)]
struct Entry {
    running: Option<Receiver>,
    /// One success, or refusals for different organizations, the oldest first.
    kept: Vec<Kept>,
}

struct Kept {
    published: Published,
    session_id: Option<Arc<str>>,
    since: UnixMillis,
    keep: Duration,
}

type Receiver = watch::Receiver<Option<Published>>;

/// A job that knows more of its result than that it is new: what a store of several processes gave.
pub type PublishedJob = Box<dyn FnOnce() -> CoordinatorFuture<'static, Published> + Send>;

impl Kept {
    /// True while it is kept. After the clock was set back to before its time nobody knows how old it is: then it is over.
    fn is_in_force(&self, now: UnixMillis) -> bool {
        now >= self.since && now < self.until()
    }

    fn until(&self) -> UnixMillis {
        self.since.saturating_add(self.keep)
    }
}

impl Entry {
    fn kept_for(&self, request: &GrantRequest, now: UnixMillis) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.is_in_force(now) && kept.published.answers(request))
    }

    fn keep(&mut self, new: Kept, now: UnixMillis) {
        if new.published.result.is_ok() {
            self.kept.clear();
        }
        self.kept.retain(|old| {
            old.is_in_force(now) && old.published.organization_id != new.published.organization_id
        });
        if self.kept.len() >= MAX_REFUSALS {
            self.kept.remove(0);
        }
        self.kept.push(new);
    }

    /// When the last of it is over.
    fn until(&self) -> UnixMillis {
        self.kept.iter().map(Kept::until).max().unwrap_or_default()
    }
}

impl InProcessCoordinator {
    /// A coordinator that reads the time from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, settings: InProcessSettings) -> Self {
        Self { shared: Arc::new(Shared { clock, settings, state: Mutex::default() }) }
    }

    /// As [`run`](RefreshCoordinator::run), with a job that says itself where its result is from: the front of a coordinator of
    /// several processes, in which every refresh token is asked for once.
    pub async fn run_published(&self, request: GrantRequest, mut job: PublishedJob) -> Published {
        loop {
            match self.join(&request, job) {
                Joined::Kept(kept) => return kept,
                Joined::Mine(receiver) => return published(receiver).await,
                Joined::Theirs { receiver, job: unused } => {
                    let theirs = published(receiver).await;
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
        let now = self.shared.clock.now();
        let state = self.shared.state();
        let kept = state.grants.get(request.key())?.kept_for(request, now)?;
        let ended = request.has_ended() || is_denied(kept.session_id.as_deref(), request);
        (kept.published.result.is_ok() && !ended).then(|| Published { kept: true, ..kept.published.clone() })
    }

    /// The kept result, or a receiver of the one to come; begins the grant when there is neither.
    fn join(&self, request: &GrantRequest, job: PublishedJob) -> Joined {
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        if request.has_ended() {
            return Joined::Kept(request.revoked());
        }
        if let Some(entry) = state.grants.get(request.key()) {
            if let Some(kept) = entry.kept_for(request, now) {
                return Joined::Kept(if is_denied(kept.session_id.as_deref(), request) {
                    request.revoked()
                } else {
                    Published { kept: true, ..kept.published.clone() }
                });
            }
            if let Some(receiver) = &entry.running {
                return Joined::Theirs { receiver: receiver.clone(), job };
            }
        }
        let (sender, receiver) = watch::channel(None);
        state.grants.entry(*request.key()).or_default().running = Some(receiver.clone());
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
    Kept(Published),
    /// The caller's own grant has begun.
    Mine(Receiver),
    /// Another caller's is under way; the job has not begun.
    Theirs { receiver: Receiver, job: PublishedJob },
}

/// Whether a kept result is of a session that has ended.
fn is_denied(session_id: Option<&str>, request: &GrantRequest) -> bool {
    session_id.is_some_and(|id| request.deny_list.denies_session(id))
}

async fn published(mut receiver: Receiver) -> Published {
    let published = receiver.wait_for(Option::is_some).await;
    // `Publish` settles before it lets go of the sender, so there is always a result.
    published.ok().and_then(|published| published.clone()).unwrap_or_else(nothing)
}

/// The grant's task ended without a word.
fn nothing() -> Published {
    Published::fresh(Err(Failure::new(Reason::ServerError)), None)
}

/// Publishes exactly one result, also when the grant's task panics or is torn down with its runtime.
struct Publish {
    shared: Arc<Shared>,
    request: GrantRequest,
    sender: watch::Sender<Option<Published>>,
}

impl Publish {
    fn publish(self, published: Published) {
        self.settle(published);
    }

    fn settle(&self, published: Published) {
        let (now, settings) = (self.shared.clock.now(), &self.shared.settings);
        let mut state = self.shared.state();
        let published = if self.request.has_ended() { self.request.revoked() } else { published };
        let keep = match &published.result {
            Ok(_) => Some(settings.keep_results),
            Err(failure) if failure.is_retryable() => None,
            Err(_) if !published.confirmed => Some(settings.keep_refusals.min(UNCONFIRMED)),
            Err(_) => Some(settings.keep_refusals),
        };
        if keep.is_some() {
            state.make_room(settings, now);
        }
        let entry = state.grants.entry(*self.request.key()).or_default();
        entry.running = None;
        if let Some(keep) = keep {
            let session_id = self.request.session_id.clone();
            entry.keep(Kept { published: published.clone(), session_id, since: now, keep }, now);
        }
        if entry.kept.is_empty() {
            state.grants.remove(self.request.key());
        }
        drop(state);
        self.sender.send_replace(Some(published));
    }
}

impl Drop for Publish {
    fn drop(&mut self) {
        if self.sender.borrow().is_none() {
            self.settle(nothing());
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
    /// Makes room for one more result: drops what is over, then the oldest, an eighth more than must go.
    fn make_room(&mut self, settings: &InProcessSettings, now: UnixMillis) {
        if self.grants.len() < settings.max_results {
            return;
        }
        self.grants.retain(|_, entry| {
            entry.kept.retain(|kept| kept.is_in_force(now));
            entry.running.is_some() || !entry.kept.is_empty()
        });
        let idle = self.grants.iter().filter(|(_, entry)| entry.running.is_none());
        let mut done: Vec<_> = idle.map(|(key, entry)| (entry.until(), *key)).collect();
        let Some(over) = done.len().checked_sub(settings.max_results) else { return };
        done.sort_unstable();
        for (_, key) in done.iter().take(over + settings.max_results / 8 + 1) {
            self.grants.remove(key);
        }
    }
}

impl RefreshCoordinator for InProcessCoordinator {
    fn run<'a>(&'a self, request: GrantRequest, job: GrantJob) -> CoordinatorFuture<'a, Published> {
        let organization_id = request.organization_id.clone();
        let job: PublishedJob =
            Box::new(move || Box::pin(async move { Published::fresh(job().await, organization_id) }));
        Box::pin(self.run_published(request, job))
    }

    fn look_up<'a>(&'a self, request: &'a GrantRequest) -> CoordinatorFuture<'a, Option<Published>> {
        Box::pin(std::future::ready(self.kept_success(request)))
    }

    fn knows(&self, key: &CoordinationKey) -> bool {
        let now = self.shared.clock.now();
        self.shared.state().grants.get(key).is_some_and(|entry| {
            entry.running.is_some()
                || entry.kept.iter().any(|kept| kept.is_in_force(now) && kept.published.result.is_ok())
        })
    }

    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool> {
        Box::pin(async move {
            let running: Vec<_> =
                self.shared.state().grants.values().filter_map(|entry| entry.running.clone()).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        refresh::CoordinatorSecret,
        revocation::{DenyList, DenyListSettings},
    };
    use sealkit_core::{ApiKey, RefreshToken, session::AuthResponse};
    use std::sync::atomic::{AtomicU32, Ordering};

    struct House {
        clock: ManualClock,
        coordinator: InProcessCoordinator,
        grants: Arc<AtomicU32>,
    }

    fn house(settings: InProcessSettings) -> House {
        let clock = ManualClock::new(UnixMillis::from_secs(1_000_000));
        let coordinator = InProcessCoordinator::new(Arc::new(clock.clone()), settings);
        House { clock, coordinator, grants: Arc::default() }
    }

    impl House {
        /// Asks for `organization`, with a job that is answered like this; how many grants there have been, and the result.
        async fn ask(&self, organization: Option<&str>, answer: Result<(), Reason>) -> (u32, Published) {
            let token = RefreshToken::from("rt");
            let place = CoordinatorSecret::from_api_key(&ApiKey::from("sk")).place("client", &token);
            let deny_list = DenyList::new(Arc::new(self.clock.clone()), DenyListSettings::default());
            let request = GrantRequest::new(place, deny_list)
                .with_session(Some("session_1"))
                .with_organization(organization);
            let grants = Arc::clone(&self.grants);
            let job: GrantJob = Box::new(move || {
                grants.fetch_add(1, Ordering::SeqCst);
                let body = br#"{"access_token":"a","refresh_token":"r"}"#;
                let result =
                    answer.map_err(Failure::new).map(|()| Arc::new(AuthResponse::from_json(body).unwrap()));
                Box::pin(std::future::ready(result))
            });
            let published = self.coordinator.run(request, job).await;
            (self.grants.load(Ordering::SeqCst), published)
        }
    }

    #[tokio::test]
    async fn a_result_says_whether_it_was_kept_and_what_was_asked() {
        let house = house(InProcessSettings::default());
        let (grants, first) = house.ask(Some("org_1"), Ok(())).await;
        assert_eq!((grants, first.kept, first.organization_id.as_deref()), (1, false, Some("org_1")));
        let (grants, later) = house.ask(None, Ok(())).await;
        assert_eq!((grants, later.kept, later.organization_id.as_deref()), (1, true, Some("org_1")));
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_prolongs_nothing_that_is_kept() {
        let house = house(InProcessSettings::default());
        let (day, now) = (Duration::from_secs(86_400), house.clock.now());
        house.clock.advance(day);
        house.ask(None, Ok(())).await;
        assert_eq!(house.ask(None, Ok(())).await.0, 1);
        house.clock.set(now);
        let (grants, asked) = house.ask(None, Ok(())).await;
        assert_eq!((grants, asked.kept), (2, false));
    }

    #[tokio::test]
    async fn so_many_refusals_are_remembered_and_a_success_forgets_them() {
        let house = house(InProcessSettings::default());
        let refused = Err(Reason::OrganizationNotFound);
        let name = |i: usize| format!("org_{i}");
        for i in 0..=MAX_REFUSALS {
            house.ask(Some(&name(i)), refused).await;
        }
        for i in 1..=MAX_REFUSALS {
            let (grants, answer) = house.ask(Some(&name(i)), Ok(())).await;
            assert_eq!((grants, answer.kept, answer.result.is_err()), (9, true, true));
        }
        let (grants, answer) = house.ask(Some(&name(0)), Ok(())).await;
        assert_eq!((grants, answer.kept, answer.result.is_ok()), (10, false, true));
        assert!(house.ask(Some(&name(1)), refused).await.1.result.is_ok());
        assert_eq!(house.coordinator.shared.state().grants.len(), 1);
    }

    #[tokio::test]
    async fn nothing_stays_of_a_failure_that_may_pass() {
        let house = house(InProcessSettings::default());
        house.ask(None, Err(Reason::ServerError)).await;
        assert!(house.coordinator.shared.state().grants.is_empty());
    }
}
