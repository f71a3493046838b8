//! Writing: what this process denies comes into the stream, sooner or later.

use super::{Inner, entry, milliseconds, queue::Waiting, retries};
use crate::{StoreError, connection::Line};
use futures_util::future::try_join_all;
use redis::{Cmd, FromRedisValue};
use sealkit::{
    UnixMillis,
    revocation::{Denial, DenyEntry, WeakDenyList},
};
use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep, timeout},
};

/// Entries that are written at once.
pub(super) const AT_ONCE: usize = 128;

/// How often what is over is taken out of the stream, while something comes in.
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// How long an entry stays after its end: clocks differ.
const TRIM_SLACK: Duration = Duration::from_secs(3600);

/// What writing a batch may take. Longer than callers wait: what is sent again, although the server has it, stands in the stream
/// twice.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long writing waits at the beginning for the stream to be read: what it has is not written again. A process that may write and
/// not read goes on without.
const READ_FIRST: Duration = Duration::from_secs(1);

/// The answer to a command.
pub(super) async fn ask<T: FromRedisValue>(line: &Line, command: Cmd) -> Result<T, StoreError> {
    // The handle of a connection that many may use at once.
    command.query_async(&mut line.clone()).await.map_err(|error| StoreError::from(&error))
}

/// Shares what is put into the queue, until nobody holds the list any more.
pub(super) async fn share(inner: Arc<Inner>, list: WeakDenyList) {
    let Some(mut changes) = list.upgrade().map(|list| list.changes()) else { return };
    let mut loaded = inner.loaded.subscribe();
    tokio::select! {
        // Too late, or the list is gone: both go on.
        _ = timeout(READ_FIRST, loaded.wait_for(|loaded| *loaded)) => {}
        () = gone(&mut changes) => {}
    }
    let mut waits = retries();
    let mut well = true;
    // Of its own, so that a refresh waits for no denial, and a denial for nothing that has been given up.
    let mut line = None;
    loop {
        let batch = inner.queue.take(AT_ONCE);
        if batch.is_empty() {
            tokio::select! {
                // What came in the last moment goes out.
                biased;
                () = inner.queue.came() => continue,
                () = gone(&mut changes) => return,
            }
        }
        match inner.write_on(&mut line, &batch).await {
            Ok(()) => {
                inner.queue.settle(batch);
                waits.reset();
                well = true;
            }
            Err(error) => {
                inner.queue.put_back(batch);
                let waiting = inner.queue.len();
                if std::mem::replace(&mut well, false) {
                    tracing::warn!(%error, waiting, "denials cannot be shared with other replicas now; they will be later");
                }
                tokio::select! {
                    () = sleep(waits.next()) => {}
                    () = gone(&mut changes) => return,
                }
            }
        }
    }
}

/// Waits until nobody holds the list any more.
pub(super) async fn gone(changes: &mut watch::Receiver<u64>) {
    while changes.changed().await.is_ok() {}
}

impl Inner {
    /// Puts an entry into the queue. `None` for one that no replica would take.
    pub(super) fn put(&self, entry: DenyEntry) -> Option<oneshot::Receiver<()>> {
        if entry::fields(&entry).is_none() {
            tracing::warn!("a denial with an id that no token has is not shared with other replicas");
            return None;
        }
        let (shared, dropped) = self.queue.put(entry);
        if let Some(DenyEntry { denial, .. }) = dropped {
            // This process still knows it, and puts it back when it reads the stream again.
            self.lacking.store(true, Ordering::Relaxed);
            tracing::warn!(
                ?denial,
                "too many denials wait to be shared: the oldest is left out until the server is back"
            );
        }
        Some(shared)
    }

    /// Writes a batch of the queue, on a new connection if there is none. After a failure there is none.
    async fn write_on(&self, line: &mut Option<Line>, batch: &[Waiting]) -> Result<(), StoreError> {
        let used = match line.take() {
            Some(line) => line,
            None => self.connection.own(PATIENCE).await?,
        };
        self.write(&used, batch.iter().map(|waiting| &waiting.entry)).await?;
        *line = Some(used);
        Ok(())
    }

    /// Writes entries, all or as many as it comes to: writing one twice does no harm.
    pub(super) async fn write(
        &self,
        line: &Line,
        entries: impl IntoIterator<Item = &DenyEntry>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        // Each by itself: a session's tombstone lies in another slot of a cluster. On the wire they follow one another at once.
        let entries = entries.into_iter().filter(|entry| entry.until > now);
        let added: Vec<_> =
            entries.filter_map(|entry| Some(self.add(line, entry, entry::fields(entry)?, now))).collect();
        match try_join_all(added).await?.into_iter().max() {
            Some(newest) => self.trim(line, newest).await,
            None => Ok(()),
        }
    }

    /// Adds one entry, and the tombstone if it is a session's. Gives the server's time.
    async fn add(
        &self,
        line: &Line,
        entry: &DenyEntry,
        fields: Vec<(&'static str, String)>,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        if let Denial::Session { id, .. } = &entry.denial {
            let left = entry.until.as_millis().saturating_sub(now.as_millis()).max(1);
            let mut tombstone = redis::cmd("SET");
            tombstone.arg(self.settings.tombstone(id)).arg(1).arg("PX").arg(left);
            ask::<()>(line, tombstone).await?;
        }
        let mut add = redis::cmd("XADD");
        add.arg(&self.stream).arg("*");
        for (name, value) in fields {
            add.arg(name).arg(value);
        }
        let id: String = ask(line, add).await?;
        let at = milliseconds(&id).unwrap_or(0);
        self.note_life(at, entry.until);
        Ok(at)
    }

    /// Before when entries are of no use any more, by the server's time in milliseconds, when this is its newest.
    ///
    /// An id of the stream is not believed where it lies ahead of this process's clock: somebody may have chosen it.
    pub(super) fn trimmed_before(&self, newest: u64) -> u64 {
        let slack = u64::try_from(TRIM_SLACK.as_millis()).unwrap_or(u64::MAX);
        let newest = newest.min(self.clock.now().saturating_add(TRIM_SLACK).as_millis());
        newest.saturating_sub(self.longest.load(Ordering::Relaxed).saturating_add(slack))
    }

    /// Takes out, now and then, what has been in the stream for longer than any entry lives.
    async fn trim(&self, line: &Line, newest: u64) -> Result<(), StoreError> {
        // Not before the stream has been read: others may have put in what lives longer.
        if self.age().is_none() {
            return Ok(());
        }
        {
            let mut trimmed = self.trimmed.lock().unwrap_or_else(PoisonError::into_inner);
            if trimmed.is_some_and(|at| at.elapsed() < TRIM_EVERY) {
                return Ok(());
            }
            *trimmed = Some(Instant::now());
        }
        let over = self.trimmed_before(newest);
        if over == 0 {
            return Ok(());
        }
        let mut trim = redis::cmd("XTRIM");
        trim.arg(&self.stream).arg("MINID").arg(over);
        ask(line, trim).await
    }
}
