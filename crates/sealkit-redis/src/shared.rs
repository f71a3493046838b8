//! What every part of the coordinator needs: the store, asked in the coordinator's words.

use crate::{
    RedisSettings, StoreError,
    connection::Connection,
    grant::Unpublished,
    meeting::Meeting,
    record::{self, Stored},
    replicas::Replicas,
    script::{Claimed, Done, Holding, Met, Scripts},
};
use sealkit::{
    Clock,
    refresh::{Place, Published},
    revocation::{Denial, DenyEntry},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Connection,
    pub(crate) settings: Arc<RedisSettings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) scripts: Scripts,
    pub(crate) replicas: Replicas,
    /// Results that could not be published yet.
    pub(crate) unpublished: watch::Sender<Unpublished>,
}

impl Shared {
    /// Takes the place of this request, or takes it again.
    pub(crate) async fn claim(&self, meeting: &Meeting, over: &[u8]) -> Result<Claimed, StoreError> {
        let life = self.settings.lease;
        self.scripts.claim(&self.store, &meeting.key, &meeting.holder, life, over).await
    }

    /// Says to everybody that this attempt is at it, and whom it met.
    pub(crate) async fn hold(
        &self,
        operation: &'static str,
        meeting: &Meeting,
        holding: Holding,
        over: &[u8],
    ) -> Result<Met, StoreError> {
        let lease = (meeting.key.as_str(), meeting.holder.as_slice(), self.settings.lease);
        self.scripts.hold(&self.store, operation, lease, holding, over).await
    }

    /// Puts something in place of this attempt's lease.
    pub(crate) async fn settle(
        &self,
        meeting: &Meeting,
        instead: &[u8],
        life: Duration,
    ) -> Result<Done, StoreError> {
        self.scripts.settle(&self.store, &meeting.key, &meeting.holder, instead, life).await
    }

    /// True when the store has lost nothing for so long: what was put there since is there.
    pub(crate) async fn remembers(&self, back: Duration) -> bool {
        match self.scripts.age(&self.store, &self.settings.since()).await {
            Ok(age) => age >= back,
            Err(_) => false,
        }
    }

    /// What is at a place.
    pub(crate) async fn read(&self, place: &Place, key: &str) -> Result<Stored, StoreError> {
        let value: Option<Vec<u8>> = self.store.command("look", redis::cmd("GET").arg(key)).await?;
        Ok(record::read(place, value.as_deref()))
    }

    /// Whether this session has been signed out or revoked, in this process or any other. What this one did not know it knows
    /// from then on.
    pub(crate) async fn has_ended(
        &self,
        meeting: &Meeting,
        session_id: Option<&str>,
    ) -> Result<bool, StoreError> {
        let request = &meeting.request;
        if request.has_ended() || session_id.is_some_and(|id| request.deny_list.denies_session(id)) {
            return Ok(true);
        }
        let Some(session_id) = request.session_id.as_deref().or(session_id) else { return Ok(false) };
        let key = self.settings.tombstone(session_id);
        let left: i64 = self.store.command("tombstone", redis::cmd("PTTL").arg(key)).await?;
        // -2: no such key. -1: one that somebody has made to stay.
        let left = match left {
            -2 => return Ok(false),
            left => u64::try_from(left).map_or(Duration::from_secs(86_400), Duration::from_millis),
        };
        let until = self.clock.now().saturating_add(left.max(Duration::from_secs(1)));
        request.deny_list.apply(DenyEntry::new(Denial::session(session_id), until));
        Ok(true)
    }

    /// The success or the refusal at a place that answers this request; `None` when there is none.
    pub(crate) fn answer(&self, meeting: &Meeting, stored: Stored) -> Option<(Published, Option<Arc<str>>)> {
        match stored {
            Stored::Success { published, session_id } => Some((published, session_id)),
            Stored::Refusals(refusals) => {
                let (now, kept) = (self.clock.now(), self.settings.refusal_kept);
                let refusal = refusals
                    .into_iter()
                    .find(|refusal| refusal.is_in_force(now, kept) && refusal.answers(&meeting.request))?;
                Some((Published::kept(Err(refusal.failure), refusal.organization_id), None))
            }
            Stored::Nothing | Stored::Leased { .. } | Stored::UnreadableResult | Stored::Unreadable => None,
        }
    }
}
