//! What waits to be shared.

use sealkit::revocation::DenyEntry;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, oneshot, watch};

/// Most entries that wait while the server cannot be reached.
pub(super) const MOST: usize = 10_000;

/// Entries in the order in which they came, at most [`MOST`].
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    came: Notify,
    /// How many are not shared yet, those included that have been taken.
    left: watch::Sender<usize>,
}

/// An entry, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) entry: DenyEntry,
    pub(super) shared: oneshot::Sender<()>,
}

impl Queue {
    /// Puts an entry at the end. What comes first is dropped for it when there are too many, and returned.
    pub(super) fn put(&self, entry: DenyEntry) -> (oneshot::Receiver<()>, Option<DenyEntry>) {
        let (shared, waiter) = oneshot::channel();
        let mut waiting = self.lock();
        let dropped = if waiting.len() < MOST { None } else { waiting.pop_front() };
        waiting.push_back(Waiting { entry, shared });
        if dropped.is_none() {
            self.left.send_modify(|left| *left = left.saturating_add(1));
        }
        drop(waiting);
        self.came.notify_one();
        (waiter, dropped.map(|dropped| dropped.entry))
    }

    /// Takes at most so many from the front.
    pub(super) fn take(&self, most: usize) -> Vec<Waiting> {
        let mut waiting = self.lock();
        let most = waiting.len().min(most);
        waiting.drain(..most).collect()
    }

    /// These of those that were taken are shared.
    pub(super) fn settle(&self, taken: Vec<Waiting>) {
        self.are_shared(taken.len());
        for Waiting { shared, .. } in taken {
            // The caller may have given up.
            let _ = shared.send(());
        }
    }

    /// So many of those that were taken are shared.
    fn are_shared(&self, count: usize) {
        self.left.send_modify(|left| *left = left.saturating_sub(count));
    }

    /// Waits until nothing is left to be shared.
    pub(super) async fn is_empty(&self) {
        // The sender is this queue's own.
        let _ = self.left.subscribe().wait_for(|left| *left == 0).await;
    }

    /// Puts back what was taken.
    pub(super) fn put_back(&self, taken: Vec<Waiting>) {
        let mut waiting = self.lock();
        for entry in taken.into_iter().rev() {
            waiting.push_front(entry);
        }
    }

    /// Waits until something came since this was last asked.
    pub(super) async fn came(&self) {
        self.came.notified().await;
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealkit::{UnixMillis, revocation::Denial};

    fn entry(number: usize) -> DenyEntry {
        DenyEntry::new(Denial::session(format!("session_{number}")), UnixMillis::from_secs(1))
    }

    fn taken(queue: &Queue, most: usize) -> Vec<DenyEntry> {
        queue.take(most).into_iter().map(|waiting| waiting.entry).collect()
    }

    #[test]
    fn of_too_many_the_oldest_is_dropped_and_named() {
        let queue = Queue::default();
        for i in 0..MOST {
            assert_eq!(queue.put(entry(i)).1, None);
        }
        assert_eq!(queue.put(entry(MOST)).1, Some(entry(0)));
        assert_eq!((queue.len(), taken(&queue, 1)), (MOST, vec![entry(1)]));
    }

    #[test]
    fn what_is_put_back_comes_first_and_in_its_order() {
        let queue = Queue::default();
        for i in 0..4 {
            drop(queue.put(entry(i)));
        }
        queue.put_back(queue.take(2));
        assert_eq!(taken(&queue, 9), [entry(0), entry(1), entry(2), entry(3)]);
    }
}
