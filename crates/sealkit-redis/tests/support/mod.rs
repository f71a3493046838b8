//! Real servers for tests: single, replicated, watched by a Sentinel, clustered, behind TLS; on loopback, gone at the end of a
//! test. A machine without them skips those tests, and is told.

mod cluster;
mod find;
mod sentinel;
mod server;
pub(crate) mod slow;
mod tls;

pub(crate) use cluster::Cluster;
pub(crate) use sentinel::Sentinel;
pub(crate) use server::Redis;

use std::{future::Future, time::Duration};

/// Waits for a condition, and fails when it does not come about: long after anything here takes even on a busy machine.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let holds = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let held = tokio::time::timeout(Duration::from_secs(60), holds).await;
        assert!(held.is_ok(), "{place}: never came about: {what}");
    }
}
