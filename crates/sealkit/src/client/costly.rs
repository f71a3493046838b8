//! Turns for cookies of a costly format: opening one takes as long as checking a password, and anybody can send what looks like one.
//!
//! ```text
//!  a value that has not opened here ─► one queue for all, bounded ──────────┐
//!                                                                          ├─► a thread of its own, a few at once for each
//!  a value that has ─► a queue for its session, bounded, one at a time ─────┘
//! ```
//!
//! So a session that has been seen waits for other sessions, one turn each, and never for a forgery. Of a value only a keyed hash
//! is remembered.

use crate::config::LimitSettings;
use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most values of one session that are known: the session's cookie, and those of its last refreshes.
const VALUES: usize = 4;

/// The queues, and the values that have opened.
#[derive(Debug)]
pub(crate) struct CostlyTurns {
    strangers: Lane,
    /// The turns of all sessions that are known; a session waits here once.
    sessions: Arc<Semaphore>,
    waiting: usize,
    most: usize,
    hashers: [RandomState; 2],
    known: Mutex<Known>,
}

/// A queue with a bound.
#[derive(Clone, Debug)]
struct Lane {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// Leave to work: keep it until the work is done, and not only until nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Turn {
    _own: OwnedSemaphorePermit,
    _shared: Option<OwnedSemaphorePermit>,
}

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

type ValueHash = [u64; 2];

/// Values by session, with a count that says which session was seen last.
#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<Arc<str>, Seen>,
    owners: HashMap<ValueHash, Arc<str>>,
    seen: u64,
}

#[derive(Debug)]
struct Seen {
    lane: Lane,
    values: VecDeque<ValueHash>,
    last: u64,
}

impl Lane {
    fn new(at_once: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once)), waiting: Arc::default() }
    }

    /// A turn, after `most` others at most.
    async fn turn(&self, most: usize) -> Result<OwnedSemaphorePermit, Busy> {
        if let Ok(permit) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::begin(&self.waiting, most)?;
        Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Busy)
    }
}

/// One that waits, counted until it does not any more.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn begin(count: &'w AtomicUsize, most: usize) -> Result<Self, Busy> {
        let waiting = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= most { Err(Busy) } else { Ok(waiting) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CostlyTurns {
    pub(crate) fn new(limits: &LimitSettings) -> Self {
        Self {
            strangers: Lane::new(limits.costly_at_once),
            sessions: Arc::new(Semaphore::new(limits.costly_at_once)),
            waiting: limits.costly_waiting,
            most: limits.costly_known,
            hashers: [RandomState::new(), RandomState::new()],
            known: Mutex::default(),
        }
    }

    /// A turn to open this value.
    pub(crate) async fn to_open(&self, value: &str) -> Result<Turn, Busy> {
        let lane = self.known().lane_of(&self.hash(value));
        match lane {
            Some(lane) => self.of_session(lane).await,
            None => Ok(Turn { _own: self.strangers.turn(self.waiting).await?, _shared: None }),
        }
    }

    /// A turn to seal a session, which has been proven.
    pub(crate) async fn to_seal(&self, session_id: &str) -> Result<Turn, Busy> {
        let lane = self.known().session(session_id, self.most).lane.clone();
        self.of_session(lane).await
    }

    async fn of_session(&self, lane: Lane) -> Result<Turn, Busy> {
        let own = lane.turn(self.waiting).await?;
        let shared = Arc::clone(&self.sessions).acquire_owned().await.map_err(|_| Busy)?;
        Ok(Turn { _own: own, _shared: Some(shared) })
    }

    /// This value is genuine, and of this session.
    pub(crate) fn remember(&self, value: &str, session_id: &str) {
        let hash = self.hash(value);
        self.known().remember(hash, session_id, self.most);
    }

    /// True if this value is known to be genuine.
    pub(crate) fn knows(&self, value: &str) -> bool {
        self.known().owners.contains_key(&self.hash(value))
    }

    fn hash(&self, value: &str) -> ValueHash {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(value))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing inside the lock can panic half-way through a change.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn lane_of(&mut self, value: &ValueHash) -> Option<Lane> {
        let session = self.sessions.get_mut(self.owners.get(value)?)?;
        self.seen += 1;
        session.last = self.seen;
        Some(session.lane.clone())
    }

    fn session(&mut self, session_id: &str, most: usize) -> &mut Seen {
        if self.sessions.len() >= most && !self.sessions.contains_key(session_id) {
            self.make_room();
        }
        self.seen += 1;
        let seen = self.sessions.entry(session_id.into()).or_insert_with(|| Seen {
            lane: Lane::new(1),
            values: VecDeque::new(),
            last: 0,
        });
        seen.last = self.seen;
        seen
    }

    fn remember(&mut self, hash: ValueHash, session_id: &str, most: usize) {
        if self.owners.contains_key(&hash) {
            return;
        }
        let seen = self.session(session_id, most);
        seen.values.push_back(hash);
        let oldest = if seen.values.len() > VALUES { seen.values.pop_front() } else { None };
        self.owners.insert(hash, session_id.into());
        if let Some(oldest) = oldest {
            self.owners.remove(&oldest);
        }
    }

    /// Forgets an eighth of the sessions, those that were seen least recently.
    fn make_room(&mut self) {
        let mut last: Vec<u64> = self.sessions.values().map(|seen| seen.last).collect();
        let going = last.len() / 8;
        let (_, &mut until, _) = last.select_nth_unstable(going);
        self.sessions.retain(|_, seen| seen.last > until);
        let sessions = &self.sessions;
        self.owners.retain(|_, owner| sessions.contains_key(owner));
    }
}

#[cfg(test)]
mod tests;
