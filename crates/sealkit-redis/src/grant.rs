//! A grant of ours, and how everybody else hears of it.

use crate::{
    StoreError,
    coordinator::LONGEST,
    lease::{LET_GO, Lease},
    meeting::Meeting,
    record::{self, FREE, Refusal, Stored},
    script::{Done, Holding, Met},
    shared::Shared,
    waits::Waits,
};
use sealkit::{
    Failure, Reason,
    refresh::{GrantJob, GrantResult, Published},
    session::AuthResponse,
    token,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// How often publishing is tried before the caller is answered; then it goes on beside.
const TRIES: u32 = 3;

/// First wait between attempts to publish beside. The longest is that of a lease that could not be renewed: whoever is refused
/// elsewhere waits as long for either.
const BESIDE: Duration = Duration::from_millis(50);

/// Most results that wait to be published, and most bytes of them: so many processes' refreshes of some minutes without a store.
const MOST: Unpublished = Unpublished { results: 10_000, bytes: 64 * 1024 * 1024 };

impl Shared {
    /// Makes the grant under our lease, and shares what it came to before anybody is answered.
    pub(crate) async fn grant(
        self: &Arc<Self>,
        meeting: &Arc<Meeting>,
        job: GrantJob,
        refusals: Vec<Refusal>,
    ) -> Published {
        let lease = Lease::hold(self, meeting);
        let result = job().await;
        self.granted(meeting, lease, result, refusals).await
    }

    /// Makes the grant although the store cannot be asked. As soon as it can, the others hear of it, as of every grant.
    pub(crate) async fn grant_alone(self: &Arc<Self>, meeting: &Arc<Meeting>, job: GrantJob) -> Published {
        tracing::debug!(key = ?meeting.request.key(), "a refresh is made without the other processes");
        let lease = Lease::take(self, meeting);
        let result = job().await;
        let published = self.granted(meeting, lease, result, Vec::new()).await;
        // Others may have been alone, too, and for longer.
        if published.is_refusal() && !published.kept { published.unconfirmed() } else { published }
    }

    async fn granted(
        self: &Arc<Self>,
        meeting: &Arc<Meeting>,
        lease: Lease,
        result: GrantResult,
        refusals: Vec<Refusal>,
    ) -> Published {
        match result {
            Ok(response) => {
                // Renewed until everybody can see the result.
                let published = self.succeeded(meeting, response).await;
                lease.end();
                published
            }
            Err(failure) => {
                // Or else it might be renewed over what is put in its place.
                lease.end();
                if failure.is_retryable() {
                    self.may_pass(meeting, failure, &refusals).await
                } else {
                    self.refused(meeting, failure, refusals).await
                }
            }
        }
    }

    fn ours(&self, meeting: &Meeting, result: Result<Arc<AuthResponse>, Failure>) -> Published {
        Published::fresh(result, meeting.request.organization_id.clone())
    }

    /// Shares the success. If somebody else's is there already, that is everybody's.
    async fn succeeded(self: &Arc<Self>, meeting: &Arc<Meeting>, response: Arc<AuthResponse>) -> Published {
        let session_id = meeting
            .request
            .session_id
            .clone()
            .or_else(|| token::peek_session_id(response.access_token().expose_secret()).map(Arc::from));
        let organization_id = meeting.request.organization_id.as_deref();
        let place = &meeting.request.place;
        let value = record::write_success(place, &response, organization_id, session_id.as_deref());
        let ours = self.ours(meeting, Ok(response));
        let Some(value) = value else {
            tracing::warn!(key = ?meeting.request.key(), "the result of a refresh cannot be shared: it is too large");
            // Whoever waits asks the provider, which may answer once more.
            let _ = self.settle(meeting, FREE, LET_GO).await;
            return ours;
        };
        let life = ours.keep_for(meeting.request.result_kept);
        let published = self.publish(meeting, value, life).await.unwrap_or(ours);
        // A sign-out that came meanwhile wins. Where the store does not say, this process's own list has the word.
        match self.has_ended(meeting, session_id.as_deref()).await {
            Ok(true) => meeting.request.revoked(),
            Ok(false) | Err(_) => published,
        }
    }

    /// Publishes for so long, now or beside the caller. Somebody else's success, if there was one before.
    async fn publish(
        self: &Arc<Self>,
        meeting: &Arc<Meeting>,
        value: Vec<u8>,
        life: Duration,
    ) -> Option<Published> {
        let mut over = Vec::new();
        let mut waits = Waits::new(&self.settings);
        let mut tries = 0;
        loop {
            match self.put(meeting, &value, life, &over).await {
                Ok(Done::New | Done::Over) => return None,
                Ok(Done::Not(theirs)) => {
                    match record::read(&meeting.request.place, theirs.as_deref()) {
                        Stored::Success { published, .. } => return Some(published),
                        // Nobody here can read it, so it is no result.
                        _ if over.is_empty() => over = theirs.unwrap_or_default(),
                        _ => return None,
                    }
                }
                Err(_) => {
                    tries += 1;
                    if tries >= TRIES || self.store.is_degraded() {
                        self.publish_beside(meeting, value, life);
                        return None;
                    }
                    sleep(waits.next()).await;
                }
            }
        }
    }

    async fn put(
        &self,
        meeting: &Meeting,
        value: &[u8],
        life: Duration,
        over: &[u8],
    ) -> Result<Done, StoreError> {
        let done = self.scripts.publish(&self.store, &meeting.key, value, life, over).await?;
        if self.settings.wait_replicas > 0 && !matches!(done, Done::Not(_)) {
            self.replicas.wait(&self.store, &self.settings, &meeting.key, life).await;
        }
        Ok(done)
    }

    /// Goes on trying for as long as the result is kept.
    fn publish_beside(self: &Arc<Self>, meeting: &Arc<Meeting>, value: Vec<u8>, life: Duration) {
        let Some(counted) = Counted::count(self, value.len()) else {
            tracing::warn!("too many results of refreshes wait to be shared; one stays in this process");
            return;
        };
        let meeting = Arc::clone(meeting);
        tokio::spawn(async move {
            let shared = &counted.shared;
            let longest = shared.settings.renew_again();
            let mut waits = Waits::between(BESIDE, longest);
            let begun = Instant::now();
            while begun.elapsed() < life && !meeting.request.has_ended() {
                sleep(waits.next()).await;
                let left = life.saturating_sub(begun.elapsed());
                if shared.put(&meeting, &value, left, &[]).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// The grant failed in a way that may pass: whoever waits tries next. Refusals for other organizations stay.
    async fn may_pass(&self, meeting: &Meeting, failure: Failure, refusals: &[Refusal]) -> Published {
        let kept =
            if refusals.is_empty() { None } else { record::write_refusals(&meeting.request.place, refusals) };
        let (instead, life) = match &kept {
            Some(kept) => (kept.as_slice(), self.settings.refusal_kept),
            None => (FREE, LET_GO),
        };
        if let Ok(Done::Not(theirs)) = self.settle(meeting, instead, life).await
            && let Stored::Success { published, .. } = record::read(&meeting.request.place, theirs.as_deref())
        {
            return published;
        }
        self.ours(meeting, Err(failure))
    }

    /// The provider refused. Before that is anybody's answer, somebody else's success is looked for.
    async fn refused(&self, meeting: &Meeting, failure: Failure, refusals: Vec<Refusal>) -> Published {
        let mut confirmed = true;
        if failure.reason() == Reason::InvalidGrant {
            match self.look_again(meeting).await {
                Look::Answer(theirs) => {
                    let _ = self.settle(meeting, FREE, LET_GO).await;
                    return theirs;
                }
                // If there had been one, the store would still have it.
                Look::NoneHas => confirmed = self.remembers(meeting.request.remembered_for()).await,
                Look::NoneCanSay => confirmed = false,
            }
        }
        let refusal = Refusal {
            failure: failure.clone(),
            organization_id: meeting.request.organization_id.clone(),
            until: self.clock.now().saturating_add(self.settings.refusal_kept),
        };
        let place = &meeting.request.place;
        let value = record::write_refusals(place, &record::with_refusal(refusals, refusal));
        let (value, life) = match value.filter(|_| confirmed) {
            Some(value) => (value, self.settings.refusal_kept),
            None => (FREE.to_vec(), LET_GO),
        };
        confirmed &= match self.settle(meeting, &value, life).await {
            Ok(Done::New | Done::Over) => true,
            Ok(Done::Not(theirs)) => match record::read(place, theirs.as_deref()) {
                Stored::Success { published, .. } => return published,
                // Others were refused as well, and the last of them stores it.
                Stored::Leased { under_way: false } => true,
                // The lease was lost: somebody may have been successful meanwhile.
                _ => false,
            },
            Err(_) => false,
        };
        let ours = self.ours(meeting, Err(failure));
        if confirmed { ours } else { ours.unconfirmed() }
    }

    /// Looks for what others come to, until nobody has been at it for a while: every process that is has had the time to say so.
    async fn look_again(&self, meeting: &Meeting) -> Look {
        let quiet = self.settings.quiet();
        let patience = self.settings.second_look + self.settings.pause * 2;
        let mut waits = Waits::new(&self.settings);
        let (begun, mut heard, mut alone) = (Instant::now(), Instant::now(), None);
        let mut over = Vec::new();
        loop {
            let seen = self.see(meeting, &mut over).await;
            let now = Instant::now();
            alone = match seen {
                Ok(Seen::Answer(published)) => return Look::Answer(published),
                Ok(Seen::Itself) => Some(alone.unwrap_or(now)),
                // The store has forgotten something: everybody says once more who is at it.
                Ok(Seen::Nobody) => Some(now),
                Ok(Seen::Others) | Err(_) => None,
            };
            if seen.is_ok() {
                heard = now;
            }
            if alone.is_some_and(|since| now >= since + quiet) {
                return Look::NoneHas;
            }
            if now >= heard + patience || now >= begun + LONGEST {
                return Look::NoneCanSay;
            }
            sleep(waits.next()).await;
        }
    }

    /// One look, which also keeps the lease. `over`: refusals that are of no use.
    async fn see(&self, meeting: &Meeting, over: &mut Vec<u8>) -> Result<Seen, StoreError> {
        let mut others = false;
        for (place, key) in meeting.older_places() {
            match self.read(place, key).await? {
                Stored::Success { published, .. } => return Ok(Seen::Answer(published)),
                // It may well be a success, of a newer version.
                Stored::UnreadableResult => return Err(StoreError::Unreachable),
                Stored::Leased { under_way } => others |= under_way,
                Stored::Nothing | Stored::Refusals(_) | Stored::Unreadable => {}
            }
        }
        let value = match self.hold("look", meeting, Holding::Refused, over).await? {
            _ if others => return Ok(Seen::Others),
            Met::Others => return Ok(Seen::Others),
            Met::Nobody => return Ok(Seen::Nobody),
            Met::Itself => return Ok(Seen::Itself),
            Met::Not(value) => value,
        };
        match record::read(&meeting.request.place, Some(&value)) {
            Stored::Success { published, .. } => Ok(Seen::Answer(published)),
            refusals @ Stored::Refusals(_) => Ok(match self.answer(meeting, refusals) {
                Some((published, _)) => Seen::Answer(published),
                None => {
                    *over = value;
                    Seen::Nobody
                }
            }),
            Stored::Unreadable if value.starts_with(&[record::REFUSALS]) => {
                *over = value;
                Ok(Seen::Nobody)
            }
            _ => Err(StoreError::Unreachable),
        }
    }
}

/// What looking again came to.
enum Look {
    /// Somebody else's.
    Answer(Published),
    /// Nobody has a result, and nobody is at it.
    NoneHas,
    /// The store did not answer to the end.
    NoneCanSay,
}

/// What one look found.
enum Seen {
    Answer(Published),
    /// Nobody is at it but who looks.
    Itself,
    /// The same, but nothing was known even of that.
    Nobody,
    /// Somebody's grant is under way.
    Others,
}

/// Results that wait to be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unpublished {
    pub(crate) results: usize,
    bytes: usize,
}

impl Unpublished {
    /// One more, of so many bytes; `None` when that is too many.
    fn with(self, bytes: usize) -> Option<Self> {
        let more = Self { results: self.results + 1, bytes: self.bytes.saturating_add(bytes) };
        (more.results <= MOST.results && more.bytes <= MOST.bytes).then_some(more)
    }
}

/// Counts one of them.
#[derive(Debug)]
struct Counted {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Counted {
    /// `None` when there are too many.
    fn count(shared: &Arc<Shared>, bytes: usize) -> Option<Self> {
        let fits = shared.unpublished.send_if_modified(|now| match now.with(bytes) {
            Some(more) => {
                *now = more;
                true
            }
            None => false,
        });
        fits.then(|| Self { shared: Arc::clone(shared), bytes })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.unpublished.send_modify(|now| {
            now.results = now.results.saturating_sub(1);
            now.bytes = now.bytes.saturating_sub(self.bytes);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(bytes: usize) -> Unpublished {
        std::iter::successors(Some(Unpublished::default()), |now| now.with(bytes)).last().unwrap()
    }

    #[test]
    fn what_waits_to_be_published_is_bounded_in_number_and_in_bytes() {
        assert_eq!(most(2_000), Unpublished { results: 10_000, bytes: 20_000_000 });
        assert_eq!(most(64_000), Unpublished { results: 1_048, bytes: 67_072_000 });
        assert_eq!(Unpublished::default().with(usize::MAX), None);
    }
}
