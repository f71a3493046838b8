//! When a process should be given requests.

use crate::support::World;
use sealkit::{
    refresh::CoordinatorFuture,
    revocation::{DenyEntry, DenyListStore, WeakDenyList},
};
use sealkit_devidp::{Endpoint, Fault};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

#[tokio::test(start_paused = true)]
async fn a_process_is_ready_when_it_has_keys_and_not_while_it_ends() {
    let world = World::new();
    world.idp.fault(Endpoint::Jwks, Fault::status(503));
    let ready = world.sealkit.readiness().await;
    assert!(!ready.keys && !ready.is_ready());
    world.pass(Duration::from_secs(30)).await;
    let ready = world.sealkit.readiness().await;
    assert!(ready.keys && ready.deny_list && !ready.degraded && ready.is_ready());
    assert!(world.sealkit.drain(Duration::from_secs(1)).await);
    let ready = world.sealkit.readiness().await;
    assert!(ready.draining && !ready.is_ready());
}

/// A store whose copy is complete when the test says so.
#[derive(Debug, Default)]
struct Slow(AtomicBool);

impl DenyListStore for Slow {
    fn follow(&self, _: WeakDenyList) {}

    fn share(&self, _: DenyEntry) -> CoordinatorFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn age(&self) -> Option<Duration> {
        self.0.load(Ordering::SeqCst).then_some(Duration::ZERO)
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_is_ready_when_it_knows_what_others_have_revoked() {
    let world = World::new();
    let store = Arc::new(Slow::default());
    let shared: Arc<dyn DenyListStore> = store.clone();
    let sealkit = world.builder().deny_list_store(shared).build().unwrap();
    assert!(!sealkit.readiness().await.is_ready());
    store.0.store(true, Ordering::SeqCst);
    assert!(sealkit.readiness().await.is_ready());
}
