//! One grant per refresh token over all processes.
//!
//! Within a process the [`InProcessCoordinator`] sees to it, so the store is asked by one task per token; what that task does
//! with the store is here.

use crate::{
    RedisSettings, StoreError,
    connection::Connection,
    lease::LET_GO,
    meeting::Meeting,
    record::{self, FREE, Refusal, Stored},
    replicas::Replicas,
    script::{Claimed, Scripts},
    settings::OnError,
    shared::Shared,
    waits::Waits,
};
use sealkit::{
    Clock, Failure, Reason,
    refresh::{
        CoordinationKey, CoordinatorFuture, CoordinatorStatus, GrantJob, GrantRequest, InProcessCoordinator,
        Published, PublishedJob, RefreshCoordinator,
    },
    telemetry,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// Failures in a row after which a store that was not asked before counts as out of reach.
const TRIES: u32 = 3;

/// Longest time that anybody waits for somebody else's grant. No grant takes so long: its last attempt is sent after 25 s at the
/// latest and takes five minutes at most, whatever is set.
pub(crate) const LONGEST: Duration = Duration::from_secs(330);

/// What an operator hears.
const OUT_OF_REACH: &str =
    "the coordinator's store cannot be reached; see SEALKIT_COORDINATOR_URL and SEALKIT_COORDINATOR_ON_ERROR";

/// Coordinates refreshes with other processes through Redis or Valkey. Made by [`RedisStore`](crate::RedisStore).
#[derive(Debug)]
pub struct RedisCoordinator {
    local: InProcessCoordinator,
    shared: Arc<Shared>,
}

/// How a request and the store met.
enum Met {
    /// There is a result.
    Answer(Published),
    /// The grant is ours to make, and these refusals for other organizations are to be kept.
    Ours(Vec<Refusal>),
    /// The grant is to be made without the store.
    Alone,
    /// The store cannot be asked, and nothing is to be done.
    Unavailable,
}

/// What a look at the store found.
enum Found {
    Answer(Published),
    Ended,
    /// Somebody is at it: for so long at our place, if the lease is not renewed.
    Held(Duration),
    /// Somebody is at it at this older place.
    HeldElsewhere(CoordinationKey),
    /// A result that is not to be destroyed, although it is of no use here.
    Unreadable,
    /// Something that is of no use to this request.
    Useless(Vec<u8>, Vec<Refusal>),
    /// The place is ours; and whether nothing was there.
    Ours(bool),
}

impl RedisCoordinator {
    pub(crate) fn new(store: Connection, settings: Arc<RedisSettings>, clock: Arc<dyn Clock>) -> Self {
        let mut local = settings.local;
        local.keep_refusals = settings.refusal_kept;
        let local = InProcessCoordinator::new(Arc::clone(&clock), local);
        let (scripts, unpublished) = (Scripts::new(), watch::Sender::default());
        Self {
            local,
            shared: Arc::new(Shared {
                store,
                settings,
                clock,
                scripts,
                replicas: Replicas::default(),
                unpublished,
            }),
        }
    }
}

impl RefreshCoordinator for RedisCoordinator {
    fn run<'a>(&'a self, request: GrantRequest, job: GrantJob) -> CoordinatorFuture<'a, Published> {
        let (shared, asked) = (Arc::clone(&self.shared), request.clone());
        let job: PublishedJob = Box::new(move || Box::pin(obtain(shared, asked, job)));
        Box::pin(self.local.run_published(request, job))
    }

    fn look_up<'a>(&'a self, request: &'a GrantRequest) -> CoordinatorFuture<'a, Option<Published>> {
        Box::pin(async move {
            match self.local.kept_success(request) {
                Some(kept) => Some(kept),
                // Nobody can say; then there is none.
                None => self.shared.look_up(request.clone()).await.unwrap_or_default(),
            }
        })
    }

    fn knows(&self, key: &CoordinationKey) -> bool {
        self.local.knows(key)
    }

    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool> {
        Box::pin(async move {
            let begun = Instant::now();
            if !self.local.drain(at_most).await {
                return false;
            }
            let mut unpublished = self.shared.unpublished.subscribe();
            let published = unpublished.wait_for(|left| left.results == 0);
            timeout(at_most.saturating_sub(begun.elapsed()), published).await.is_ok()
        })
    }

    fn status(&self) -> CoordinatorStatus {
        CoordinatorStatus::shared(self.shared.store.is_degraded())
    }
}

/// The result for this request: somebody else's, or that of the job.
async fn obtain(shared: Arc<Shared>, request: GrantRequest, job: GrantJob) -> Published {
    let Some(meeting) = Meeting::new(request.clone(), &shared.settings) else {
        return Published::fresh(job().await, request.organization_id).unconfirmed();
    };
    let meeting = Arc::new(meeting);
    match shared.meet(&meeting).await {
        Met::Answer(published) => published,
        Met::Ours(refusals) => shared.grant(&meeting, job, refusals).await,
        Met::Alone => shared.grant_alone(&meeting, job).await,
        Met::Unavailable => {
            let failure = Failure::new(Reason::NetworkError).with_hint(OUT_OF_REACH);
            Published::fresh(
                Err(failure.with_retry_after(Some(shared.settings.pause))),
                request.organization_id,
            )
        }
    }
}

impl Shared {
    /// Asks the store until there is a result, or the grant is ours, or it cannot be asked.
    async fn meet(&self, meeting: &Meeting) -> Met {
        let mut taken = false;
        let met = self.ask(meeting, &mut taken).await;
        // A grant that is made alone needs it as well.
        if taken && !matches!(met, Met::Ours(_) | Met::Alone) {
            // It ends by itself where this does not work.
            let _ = self.settle(meeting, FREE, LET_GO).await;
        }
        met
    }

    async fn ask(&self, meeting: &Meeting, taken: &mut bool) -> Met {
        let mut waits = Waits::new(&self.settings);
        let begun = Instant::now();
        let (mut over, mut refusals) = (Vec::new(), Vec::new());
        let (mut failed, mut held) = (0, None);
        // When the lease ends that was seen last.
        let mut ends = None;
        loop {
            let asked = Instant::now();
            match self.attempt(meeting, &over, taken).await {
                Ok(Found::Answer(mut published)) => {
                    // It was there before anybody here asked, unless we have seen it being made.
                    published.kept = held.is_none();
                    return Met::Answer(published);
                }
                Ok(Found::Ended) => return Met::Answer(meeting.request.revoked()),
                Ok(Found::Unreadable) => return Met::Alone,
                Ok(Found::Ours(new)) => {
                    // Gone before its time, it was the store that lost it, and nobody died.
                    if new && ends.is_some_and(|ends| Instant::now() >= ends) {
                        tracing::warn!(key = ?meeting.request.key(), "a process left a refresh unfinished; it is taken over");
                        metrics::counter!(telemetry::LEASE_TAKEOVERS).increment(1);
                    }
                    return Met::Ours(refusals);
                }
                Ok(Found::Useless(value, theirs)) => {
                    (over, refusals) = (value, theirs);
                    failed = 0;
                    continue;
                }
                Ok(found @ (Found::Held(_) | Found::HeldElsewhere(_))) => {
                    (failed, held) = (0, Some(Instant::now()));
                    ends = match found {
                        Found::Held(left) => Some(asked + left),
                        _ => None,
                    };
                    if begun.elapsed() > LONGEST {
                        return Met::Unavailable;
                    }
                }
                Err(error) => {
                    failed += 1;
                    let enough = failed >= TRIES || error == StoreError::Open;
                    match self.settings.on_error {
                        // Whoever was at it a moment ago still is, and will share the result when the store is back.
                        OnError::Local if held.is_some_and(|seen| seen.elapsed() < self.settings.lease) => {}
                        OnError::Local if enough => return Met::Alone,
                        OnError::Deny if enough => return Met::Unavailable,
                        OnError::Wait if begun.elapsed() > self.settings.give_up => return Met::Unavailable,
                        OnError::Local | OnError::Wait | OnError::Deny => {}
                    }
                }
            }
            sleep(waits.next()).await;
        }
    }

    /// One look, which takes the place if it is free. `taken` says whether it is ours when this is over.
    async fn attempt(&self, meeting: &Meeting, over: &[u8], taken: &mut bool) -> Result<Found, StoreError> {
        if meeting.request.has_ended() {
            return Ok(Found::Ended);
        }
        let (ended, found) = tokio::join!(self.has_ended(meeting, None), self.find(meeting, over, taken));
        let (ended, found) = (ended?, found?);
        Ok(if ended { Found::Ended } else { found })
    }

    async fn find(&self, meeting: &Meeting, over: &[u8], taken: &mut bool) -> Result<Found, StoreError> {
        if let Some(found) = self.find_older(meeting).await? {
            return Ok(found);
        }
        // Also when the answer is lost.
        *taken = true;
        let new = match self.claim(meeting, over).await? {
            Claimed::New => true,
            Claimed::Over => false,
            Claimed::Held(left) => {
                *taken = false;
                return Ok(Found::Held(left));
            }
            Claimed::Not(value) => {
                *taken = false;
                return self.judge(meeting, value).await;
            }
        };
        // While secrets are changed, two processes may each have taken the place that they write to, and one of them cannot know
        // whether the other has seen it. So whoever sees another goes no further: the greater key lets go, the lesser one waits
        // with its place taken until the other has let go or is done.
        Ok(match self.find_older(meeting).await? {
            None => Found::Ours(new),
            Some(Found::HeldElsewhere(theirs)) if theirs < *meeting.request.key() => {
                self.settle(meeting, FREE, LET_GO).await?;
                *taken = false;
                Found::HeldElsewhere(theirs)
            }
            Some(found) => found,
        })
    }

    /// What older places have: a result, or else the lease of the least key.
    async fn find_older(&self, meeting: &Meeting) -> Result<Option<Found>, StoreError> {
        let mut held = None;
        for (place, key) in meeting.older_places() {
            match self.read(place, key).await? {
                Stored::Leased { .. } => {
                    held = Some(held.map_or(place.key, |least: CoordinationKey| least.min(place.key)))
                }
                stored => {
                    if let Some(answer) = self.answer(meeting, stored) {
                        return self.given(meeting, answer).await.map(Some);
                    }
                }
            }
        }
        Ok(held.map(Found::HeldElsewhere))
    }

    /// What the value of its own place is to this request.
    async fn judge(&self, meeting: &Meeting, value: Vec<u8>) -> Result<Found, StoreError> {
        let stored = record::read(&meeting.request.place, Some(&value));
        let refusals = match stored {
            Stored::Refusals(ref refusals) => {
                let (now, kept) = (self.clock.now(), self.settings.refusal_kept);
                refusals.iter().filter(|refusal| refusal.is_in_force(now, kept)).cloned().collect()
            }
            Stored::UnreadableResult => {
                tracing::warn!(key = ?meeting.request.key(), "another process has stored the result of a refresh in a way that this one cannot read");
                return Ok(Found::Unreadable);
            }
            Stored::Success { .. } | Stored::Nothing | Stored::Leased { .. } | Stored::Unreadable => {
                Vec::new()
            }
        };
        match self.answer(meeting, stored) {
            Some(answer) => self.given(meeting, answer).await,
            None => Ok(Found::Useless(value, refusals)),
        }
    }

    /// A stored answer, unless its session has ended.
    async fn given(
        &self,
        meeting: &Meeting,
        (published, session_id): (Published, Option<Arc<str>>),
    ) -> Result<Found, StoreError> {
        // The request's own session is being asked for already.
        let other = session_id.filter(|_| meeting.request.session_id.is_none());
        let ended = match other {
            Some(session_id) => self.has_ended(meeting, Some(&session_id)).await?,
            None => false,
        };
        Ok(if ended { Found::Ended } else { Found::Answer(published) })
    }

    /// The success that is stored for this request, wherever.
    async fn look_up(&self, request: GrantRequest) -> Result<Option<Published>, StoreError> {
        let Some(meeting) = Meeting::new(request, &self.settings) else { return Ok(None) };
        for (place, key) in meeting.places() {
            if let Stored::Success { published, session_id } = self.read(place, key).await? {
                let ended = self.has_ended(&meeting, session_id.as_deref()).await?;
                return Ok((!ended).then_some(published));
            }
        }
        Ok(None)
    }
}
