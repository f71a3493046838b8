//! A grant of ours, and how everybody else hears of it.

use crate::{
    lease::{LET_GO, Lease},
    meeting::Meeting,
    record::{self, FREE, Refusal, Stored},
    script::Done,
    shared::Shared,
    waits::Waits,
};
use sealkit::{
    Failure, Reason,
    refresh::{GrantJob, Published},
    session::AuthResponse,
    token,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// How often publishing is tried before the caller is answered; then it goes on beside.
const TRIES: u32 = 3;

/// First and longest wait between attempts to publish beside.
const BESIDE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Most results that wait to be published: so many processes' refreshes of some minutes without a store.
const MOST: usize = 10_000;

/// How many milliseconds the server waits for its replicas.
const REPLICAS_WITHIN: u32 = 50;

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
        let published = match result {
            Ok(response) => self.succeeded(meeting, response).await,
            Err(failure) if failure.is_retryable() => self.may_pass(meeting, failure, &refusals).await,
            Err(failure) => self.refused(meeting, failure, refusals).await,
        };
        lease.end();
        published
    }

    /// Makes the grant although the store cannot be asked.
    pub(crate) async fn grant_alone(self: &Arc<Self>, meeting: &Arc<Meeting>, job: GrantJob) -> Published {
        tracing::debug!(key = ?meeting.request.key(), "a refresh is made without the other processes");
        match job().await {
            Ok(response) => self.succeeded(meeting, response).await,
            Err(failure) => {
                let theirs = match failure.reason() {
                    Reason::InvalidGrant => self.look_again(meeting).await.success,
                    _ => None,
                };
                let ours = || self.ours(meeting, Err(failure)).unconfirmed();
                theirs.unwrap_or_else(ours)
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
        let published = self.publish(meeting, value).await.unwrap_or(ours);
        // A sign-out that came meanwhile wins. Where the store does not say, this process's own list has the word.
        match self.has_ended(meeting, session_id.as_deref()).await {
            Ok(true) => meeting.request.revoked(),
            Ok(false) | Err(_) => published,
        }
    }

    /// Publishes, now or beside the caller. Somebody else's success, if there was one before.
    async fn publish(self: &Arc<Self>, meeting: &Arc<Meeting>, value: Vec<u8>) -> Option<Published> {
        let mut over = Vec::new();
        let mut waits = Waits::new(&self.settings);
        let mut tries = 0;
        loop {
            match self.put(meeting, &value, &over).await {
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
                        self.publish_beside(meeting, value);
                        return None;
                    }
                    sleep(waits.next()).await;
                }
            }
        }
    }

    async fn put(&self, meeting: &Meeting, value: &[u8], over: &[u8]) -> Result<Done, crate::StoreError> {
        let done =
            self.scripts.publish(&self.store, &meeting.key, value, self.settings.result_kept, over).await?;
        if self.settings.wait_replicas > 0 && !matches!(done, Done::Not(_)) {
            let mut wait = redis::cmd("WAIT");
            wait.arg(self.settings.wait_replicas).arg(REPLICAS_WITHIN);
            match self.store.command::<u32>("wait", &wait).await {
                Ok(replicas) if replicas >= self.settings.wait_replicas => {}
                Ok(replicas) => {
                    tracing::warn!(replicas, "the result of a refresh is on fewer replicas than wanted")
                }
                Err(error) => {
                    tracing::debug!(%error, "the replicas of the coordinator's store were not waited for")
                }
            }
        }
        Ok(done)
    }

    /// Goes on trying for as long as the result is kept.
    fn publish_beside(self: &Arc<Self>, meeting: &Arc<Meeting>, value: Vec<u8>) {
        if *self.unpublished.borrow() >= MOST {
            tracing::warn!("too many results of refreshes wait to be shared; one stays in this process");
            return;
        }
        let counted = Unpublished::count(self);
        let meeting = Arc::clone(meeting);
        tokio::spawn(async move {
            let shared = &counted.0;
            let (mut wait, longest) = BESIDE;
            let begun = Instant::now();
            while begun.elapsed() < shared.settings.result_kept && !meeting.request.has_ended() {
                sleep(wait).await;
                if shared.put(&meeting, &value, &[]).await.is_ok() {
                    return;
                }
                wait = (wait * 2).min(longest);
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
            let look = self.look_again(meeting).await;
            if let Some(theirs) = look.success {
                let _ = self.settle(meeting, FREE, LET_GO).await;
                return theirs;
            }
            confirmed = look.complete;
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
                // The lease was lost: somebody may have been successful meanwhile.
                _ => false,
            },
            Err(_) => false,
        };
        let ours = self.ours(meeting, Err(failure));
        if confirmed { ours } else { ours.unconfirmed() }
    }

    /// Looks for a success for a while: as long as the settings say, and longer while the store does not answer.
    async fn look_again(&self, meeting: &Meeting) -> Look {
        let mut waits = Waits::new(&self.settings);
        let (begun, second_look) = (Instant::now(), self.settings.second_look);
        let mut answered: Option<Instant> = None;
        loop {
            let complete = match self.success_anywhere(meeting).await {
                Ok(Some(published)) => return Look { success: Some(published), complete: true },
                Ok(None) => {
                    answered.get_or_insert_with(Instant::now);
                    true
                }
                Err(_) => false,
            };
            let long_enough = answered.is_some_and(|since| since.elapsed() >= second_look) && complete;
            if long_enough || begun.elapsed() >= second_look + self.settings.pause * 2 {
                return Look { success: None, complete: long_enough };
            }
            sleep(waits.next()).await;
        }
    }

    async fn success_anywhere(&self, meeting: &Meeting) -> Result<Option<Published>, crate::StoreError> {
        let mut unreadable = false;
        for (place, key) in meeting.places() {
            match self.read(place, key).await? {
                Stored::Success { published, .. } => return Ok(Some(published)),
                Stored::UnreadableResult => unreadable = true,
                Stored::Nothing | Stored::Leased | Stored::Refusals(_) | Stored::Unreadable => {}
            }
        }
        // It may well be a success, of a newer version.
        if unreadable { Err(crate::StoreError::Unreachable) } else { Ok(None) }
    }
}

/// What a second look found.
struct Look {
    success: Option<Published>,
    /// The store answered to the end.
    complete: bool,
}

/// Counts a result that waits to be published.
#[derive(Debug)]
struct Unpublished(Arc<Shared>);

impl Unpublished {
    fn count(shared: &Arc<Shared>) -> Self {
        shared.unpublished.send_modify(|count| *count += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        self.0.unpublished.send_modify(|count| *count = count.saturating_sub(1));
    }
}
