//! The deny list of all replicas: one stream, which everybody follows.
//!
//! ```text
//! deny ──► queue ──► XADD {prefix}denied ──► XREAD BLOCK in every process ──► its DenyList in memory
//!                    SET  {prefix}ended:… (a session's tombstone, for the coordinator)
//! ```
//!
//! No request waits for any of it: a process asks its own copy. What cannot be shared now is shared later, and what the server
//! lost (flushed, restarted empty, failed over to a copy that lagged behind) is put back by whoever knows it.

mod entry;
mod follow;
mod queue;
mod share;

use crate::{RedisSettings, connection::Connection, waits::Waits};
use queue::Queue;
use sealkit::{
    Clock, UnixMillis,
    refresh::CoordinatorFuture,
    revocation::{DenyEntry, DenyListStore, WeakDenyList},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// What a caller waits for an entry to be shared; then it goes on without, and the entry is shared as soon as that is possible.
const CALLER_WAIT: Duration = Duration::from_millis(100);

/// What a denial lives at most in the stream, in lives of this process's own denials: replicas may have been told other lives, and
/// one that somebody has made up must not keep the stream from being trimmed.
const LIVES: u32 = 2;

/// A [`DenyListStore`] on Redis or Valkey, version 6.2 or later: single server, Sentinel or Cluster. Cheap to clone.
///
/// A denial reaches every process that follows the same stream in about the time of a round trip. Each process has one connection
/// for that, and one to write on.
#[derive(Clone)]
pub struct RedisDenyList {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Connection,
    settings: Arc<RedisSettings>,
    clock: Arc<dyn Clock>,
    stream: String,
    queue: Queue,
    /// When the copy was last known to be complete.
    complete: Mutex<Option<Instant>>,
    /// The server may lack what this process knows.
    lacking: AtomicBool,
    /// The longest time from when an entry came into the stream to its end, in milliseconds: nothing is trimmed before that.
    longest: AtomicU64,
    /// The longest such time that is believed.
    believed: AtomicU64,
    /// The stream has been read, and the queue holds nothing that was in it.
    loaded: watch::Sender<bool>,
    trimmed: Mutex<Option<Instant>>,
    warned: AtomicBool,
}

impl RedisDenyList {
    /// On this server. Nothing is sent before a list is followed.
    pub(crate) fn new(connection: Connection, settings: Arc<RedisSettings>, clock: Arc<dyn Clock>) -> Self {
        let stream = format!("{}denied", settings.prefix);
        Self {
            inner: Arc::new(Inner {
                connection,
                settings,
                clock,
                stream,
                queue: Queue::default(),
                complete: Mutex::new(None),
                lacking: AtomicBool::new(false),
                longest: AtomicU64::new(0),
                believed: AtomicU64::new(u64::MAX),
                loaded: watch::Sender::new(false),
                trimmed: Mutex::new(None),
                warned: AtomicBool::new(false),
            }),
        }
    }
}

impl DenyListStore for RedisDenyList {
    fn follow(&self, list: WeakDenyList) {
        if let Some(list) = list.upgrade() {
            let believed = list.settings().ttl.saturating_mul(LIVES);
            let believed = u64::try_from(believed.as_millis()).unwrap_or(u64::MAX);
            self.inner.believed.store(believed, Ordering::Relaxed);
        }
        tokio::spawn(follow::follow(Arc::clone(&self.inner), list.clone()));
        tokio::spawn(share::share(Arc::clone(&self.inner), list));
    }

    fn share(&self, entry: DenyEntry) -> CoordinatorFuture<'_, ()> {
        // Here and not in the future: an entry is on its way even if nobody waits for it.
        let shared = self.inner.put(entry);
        Box::pin(async move {
            if let Some(shared) = shared {
                // Too late, or dropped for newer ones: it is logged where it happens.
                drop(timeout(CALLER_WAIT, shared).await);
            }
        })
    }

    fn drain(&self, at_most: Duration) -> CoordinatorFuture<'_, bool> {
        Box::pin(async move {
            let shared = timeout(at_most, self.inner.queue.is_empty()).await.is_ok();
            shared && !self.inner.lacking.load(Ordering::Relaxed)
        })
    }

    fn age(&self) -> Option<Duration> {
        self.inner.age()
    }
}

impl Inner {
    /// How long ago the copy was last known to be complete.
    fn age(&self) -> Option<Duration> {
        let complete = *self.complete.lock().unwrap_or_else(PoisonError::into_inner);
        complete.map(|at| at.elapsed())
    }

    /// This moment the copy is complete.
    fn is_complete(&self) {
        *self.complete.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Says once that the stream holds what cannot be read.
    fn warn_of_malformed(&self, id: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(id, stream = %self.stream, "the shared deny list holds an entry that cannot be read; such entries are skipped");
        }
    }

    /// An entry of the stream with this id, in the server's milliseconds, ends then, or says so.
    fn note_life(&self, id: u64, until: UnixMillis) {
        let life = until.as_millis().saturating_sub(id).min(self.believed.load(Ordering::Relaxed));
        self.longest.fetch_max(life, Ordering::Relaxed);
    }
}

/// Between attempts to reach a server that is away: up to a second, and replicas do not come back all at once.
fn retries() -> Waits {
    Waits::between(Duration::from_millis(50), Duration::from_secs(1))
}

/// The server's time in the id of a stream entry, `<milliseconds>-<number>`.
fn milliseconds(id: &str) -> Option<u64> {
    id.split_once('-')?.0.parse().ok()
}

impl fmt::Debug for RedisDenyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        f.debug_struct("RedisDenyList")
            .field("stream", &inner.stream)
            .field("waiting", &inner.queue.len())
            .finish_non_exhaustive()
    }
}
