//! A lease that is renewed while its grant runs, and let go whatever becomes of that.

use crate::{
    meeting::Meeting,
    record::{self, FREE},
    script::Done,
    shared::Shared,
};
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Handle, task::AbortHandle, time::sleep};

/// How long it says that a holder let go: as long as anybody waits between two looks, and more.
pub(crate) const LET_GO: Duration = Duration::from_secs(1);

/// Held while a grant is made.
#[derive(Debug)]
pub(crate) struct Lease {
    shared: Arc<Shared>,
    meeting: Arc<Meeting>,
    renewing: AbortHandle,
    held: bool,
}

impl Lease {
    /// Renews it from now on.
    pub(crate) fn hold(shared: &Arc<Shared>, meeting: &Arc<Meeting>) -> Self {
        let renewing = tokio::spawn(renew(Arc::clone(shared), Arc::clone(meeting))).abort_handle();
        Self { shared: Arc::clone(shared), meeting: Arc::clone(meeting), renewing, held: true }
    }

    /// What became of the grant has taken its place.
    pub(crate) fn end(mut self) {
        self.held = false;
    }
}

impl Drop for Lease {
    /// A grant that panicked leaves its lease: nobody waits for that. One that goes down with its runtime leaves it to end by
    /// itself.
    fn drop(&mut self) {
        self.renewing.abort();
        if self.held
            && let Ok(runtime) = Handle::try_current()
        {
            let (shared, meeting) = (Arc::clone(&self.shared), Arc::clone(&self.meeting));
            runtime.spawn(async move {
                // It ends by itself where this does not work.
                let _ = shared.settle(&meeting, FREE, LET_GO).await;
            });
        }
    }
}

/// Renews until it is aborted, or somebody else has the place. A lease that got lost is taken again; a store that does not answer
/// ends no grant.
async fn renew(shared: Arc<Shared>, meeting: Arc<Meeting>) {
    let mut wait = shared.settings.renew_every;
    loop {
        sleep(wait).await;
        wait = match shared.claim("renew", &meeting, &[]).await {
            Ok(Done::New) => {
                tracing::debug!(key = ?meeting.request.key(), "the lease of a refresh was lost, and taken again");
                shared.settings.renew_every
            }
            Ok(Done::Over) => shared.settings.renew_every,
            Ok(Done::Not(value)) => {
                if value.is_some_and(|value| value.first() == Some(&record::LEASE)) {
                    tracing::warn!(key = ?meeting.request.key(), "another process has taken over a refresh that is still under way here");
                }
                return;
            }
            Err(_) => shared.settings.renew_every / 4,
        };
    }
}
