//! Refresh tokens that are left alone for a while, because refreshing ahead has just not worked.

use super::CoordinationKey;
use crate::until::Until;
use sealkit_core::UnixMillis;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Most tokens that are remembered.
const MOST: usize = 10_000;

/// A valid session need not be refreshed now: after a failure that may pass, nobody refreshes it ahead for a while.
#[derive(Debug)]
pub(crate) struct Pauses {
    length: Duration,
    until: Mutex<Until<CoordinationKey>>,
}

impl Pauses {
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, until: Mutex::new(Until::at_most(MOST)) }
    }

    pub(crate) fn begin(&self, key: CoordinationKey, now: UnixMillis) {
        self.until().put(key, now.saturating_add(self.length), now);
    }

    pub(crate) fn end(&self, key: &CoordinationKey) {
        self.until().remove(key);
    }

    /// True while the token is left alone. A clock that was set back does not make that longer.
    pub(crate) fn holds(&self, key: &CoordinationKey, now: UnixMillis) -> bool {
        self.until().get(key).is_some_and(|until| until > now && until <= now.saturating_add(self.length))
    }

    fn until(&self) -> MutexGuard<'_, Until<CoordinationKey>> {
        // Nothing inside the lock can panic half-way through a change.
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::CoordinatorSecret;
    use sealkit_core::{ApiKey, RefreshToken};

    #[test]
    fn a_pause_ends_by_time_by_hand_and_when_the_clock_is_set_back() {
        let key =
            CoordinatorSecret::from_api_key(&ApiKey::from("sk")).key("client", &RefreshToken::from("rt"));
        let (pauses, at) = (Pauses::new(Duration::from_secs(10)), UnixMillis::from_secs);
        assert!(!pauses.holds(&key, at(100)));
        pauses.begin(key, at(100));
        assert_eq!([99, 100, 109, 110].map(|now| pauses.holds(&key, at(now))), [false, true, true, false]);
        pauses.end(&key);
        assert!(!pauses.holds(&key, at(100)));
    }
}
