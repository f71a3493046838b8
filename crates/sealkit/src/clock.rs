//! Where the library learns what time it is: one trait, asked once per decision.

use sealkit_core::UnixMillis;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Says what time it is. Everything that decides by time asks it, so that tests can move time by hand.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now, in whole milliseconds since 1970.
    fn now(&self) -> UnixMillis;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> UnixMillis {
        (**self).now()
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit value that everybody writes as `SystemClock`")]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place of the library that reads the clock")]
    fn now(&self) -> UnixMillis {
        unix_millis(SystemTime::now())
    }
}

/// A clock that stands still until it is moved. Clones share the time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: UnixMillis) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_millis())))
    }

    /// Sets the time, forwards or backwards.
    pub fn set(&self, now: UnixMillis) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves the time forwards; saturates.
    pub fn advance(&self, by: Duration) {
        // The closure never says no, so there is nothing to handle.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            Some(UnixMillis::from_millis(now).saturating_add(by).as_millis())
        });
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A system time as milliseconds since 1970; times before that are 1970.
pub(crate) fn unix_millis(time: SystemTime) -> UnixMillis {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis::default().saturating_add(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_its_clones_with_it() {
        let clock = ManualClock::new(UnixMillis::from_secs(100));
        let other = clock.clone();
        clock.advance(Duration::from_millis(1500));
        assert_eq!(other.now(), UnixMillis::from_millis(101_500));
        other.set(UnixMillis::from_secs(1));
        assert_eq!(clock.now(), UnixMillis::from_secs(1));
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), UnixMillis::from_millis(u64::MAX));
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > UnixMillis::from_secs(1_700_000_000));
        assert_eq!(unix_millis(UNIX_EPOCH - Duration::from_secs(1)), UnixMillis::default());
    }
}
