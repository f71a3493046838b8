//! A lease that is renewed while its grant runs, and let go whatever becomes of that.

use crate::{
    meeting::Meeting,
    record::FREE,
    script::{Holding, Met},
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
        Self::begin(shared, meeting, shared.settings.renew_every)
    }

    /// Takes it as soon as the store can be asked, and renews it.
    pub(crate) fn take(shared: &Arc<Shared>, meeting: &Arc<Meeting>) -> Self {
        Self::begin(shared, meeting, Duration::ZERO)
    }

    fn begin(shared: &Arc<Shared>, meeting: &Arc<Meeting>, first: Duration) -> Self {
        let renewing = tokio::spawn(renew(Arc::clone(shared), Arc::clone(meeting), first)).abort_handle();
        Self { shared: Arc::clone(shared), meeting: Arc::clone(meeting), renewing, held: true }
    }

    /// The grant is over: what becomes of it takes the lease's place.
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

/// Renews until it is aborted, or there is a result. A lease that got lost is taken again, beside that of whoever has the place
/// now: each must know of the other, because the provider may refuse the one while the answer to the other is on its way. A store
/// that does not answer ends no grant.
async fn renew(shared: Arc<Shared>, meeting: Arc<Meeting>, first: Duration) {
    let mut wait = first;
    let mut warned = false;
    loop {
        sleep(wait).await;
        wait = match shared.hold("renew", &meeting, Holding::UnderWay, &[]).await {
            Ok(Met::Others) if !warned => {
                tracing::warn!(key = ?meeting.request.key(), "another process makes the same refresh as this one: the store has lost a lease, or could not be asked");
                warned = true;
                shared.settings.renew_every
            }
            Ok(Met::Nobody | Met::Itself | Met::Others) => shared.settings.renew_every,
            Ok(Met::Not(_)) => return,
            Err(_) => shared.settings.renew_again(),
        };
    }
}
