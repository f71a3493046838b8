//! Waiting until replicas of the server have what was published.

use crate::{
    RedisSettings, StoreError,
    connection::{Connection, Line},
};
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{sync::Mutex, time::timeout};

/// How many milliseconds the server waits for its replicas.
const WITHIN: u16 = 50;

/// Waits for replicas on a connection of its own: the server answers nothing else on it meanwhile, and what does not come in time
/// says nothing about the server. One wait is for all who have published before it began.
#[derive(Default)]
pub(crate) struct Replicas {
    begun: AtomicU64,
    line: Mutex<Waited>,
}

#[derive(Default)]
struct Waited {
    line: Option<Line>,
    /// The number of the last wait that was over, and how many replicas had everything.
    last: Option<(u64, u32)>,
}

impl Replicas {
    /// After this was published, for so long. Never fails: what was published is published.
    pub(crate) async fn wait(&self, store: &Connection, settings: &RedisSettings, key: &str, life: Duration) {
        let patience = Duration::from_millis(WITHIN.into()) + settings.operation_timeout;
        // One wait that began too early, and one that did not.
        match timeout(patience * 2, self.waited(store, patience, settings.wait_replicas, key, life)).await {
            Ok(Ok(replicas)) if replicas >= settings.wait_replicas => {}
            Ok(Ok(replicas)) => {
                tracing::warn!(replicas, "the result of a refresh is on fewer replicas than wanted");
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "the replicas of the coordinator's store were not waited for");
            }
            Err(_) => tracing::debug!("the replicas of the coordinator's store were not waited for in time"),
        }
    }

    async fn waited(
        &self,
        store: &Connection,
        patience: Duration,
        wanted: u32,
        key: &str,
        life: Duration,
    ) -> Result<u32, StoreError> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut waited = self.line.lock().await;
        if let Some((number, replicas)) = waited.last
            && number > before
        {
            return Ok(replicas);
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        // Not there while it is used: one whose answer is not waited for is not used again.
        let mut line = match waited.line.take() {
            Some(line) => line,
            None => store.own(patience).await?,
        };
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 50);
        // The server waits for what this connection has written, and with it for everything before.
        let asked = async {
            redis::cmd("PEXPIRE").arg(key).arg(life).query_async::<()>(&mut line).await?;
            redis::cmd("WAIT").arg(wanted).arg(WITHIN).query_async::<u32>(&mut line).await
        };
        let replicas = asked.await.map_err(|error| StoreError::from(&error))?;
        (waited.line, waited.last) = (Some(line), Some((number, replicas)));
        Ok(replicas)
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replicas")
    }
}
