//! How much of what everybody shares one visitor may use: so many calls at once, refilled evenly over a window.
//!
//! ```text
//!  count = 3, window = 60 s            the third call at once fits, the fourth waits for 20 s
//!
//!  spent   ├──20 s──┼──20 s──┼──20 s──┤
//!          now                        until: what is remembered of a key; over when the whole budget is back
//! ```

use crate::{refresh::CoordinationKey, until::Until};
use sealkit_core::{Failure, Reason, UnixMillis};
use std::{
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Most keys that are remembered. Of more, those go that have spent the least.
const MOST: usize = 50_000;

/// A budget for each key. One time per key says how much of it is spent (GCRA).
#[derive(Debug)]
pub(crate) struct Budgets<K> {
    /// How much one call uses up; none: there is no limit.
    call: Option<Duration>,
    window: Duration,
    spent: Mutex<Until<K>>,
}

impl<K: Eq + Hash> Budgets<K> {
    /// `count` calls at once for each key, and so many in each `window`. 0: no limit.
    pub(crate) fn new(count: usize, window: Duration) -> Self {
        // Whole milliseconds, as the clock has them.
        let call = usize::try_from(window.as_millis()).ok().and_then(|window| window.checked_div(count));
        let call = call.and_then(|millis| u64::try_from(millis).ok()).map(Duration::from_millis);
        Self { call, window, spent: Mutex::new(Until::at_most(MOST)) }
    }

    /// How long this key has to wait for its next call, if it has to.
    pub(crate) fn wait(&self, key: &K, now: UnixMillis) -> Option<Duration> {
        self.next(self.spent().get(key), now)?.err()
    }

    /// Uses up a call, or says how long this key has to wait for one.
    pub(crate) fn spend(&self, key: K, now: UnixMillis) -> Result<(), Duration> {
        let mut spent = self.spent();
        if let Some(next) = self.next(spent.get(&key), now) {
            spent.put(key, next?, now);
        }
        Ok(())
    }

    /// Until when the budget would be in use after another call; `None` without a limit.
    fn next(&self, until: Option<UnixMillis>, now: UnixMillis) -> Option<Result<UnixMillis, Duration>> {
        let call = self.call?;
        let full = now.saturating_add(self.window);
        // Beyond a whole window it is of a clock that has been set back since.
        let until = until.filter(|until| *until <= full).unwrap_or(now).max(now);
        let next = until.saturating_add(call);
        let over = next.saturating_since(full);
        Some(if over.is_zero() { Ok(next) } else { Err(over) })
    }

    fn spent(&self) -> MutexGuard<'_, Until<K>> {
        // Nothing inside the lock can panic half-way through a change.
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In whose name a refresh token is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A session in a cookie that only this application's fleet can write.
    Sealed(Box<str>),
    /// A session whose access token verifies, in a cookie that its visitor can write: the refresh token is a claim.
    Claimed(Box<str>),
    /// A session whose id is not known: its refresh token.
    Token(CoordinationKey),
}

impl Source {
    pub(crate) fn new(session_id: Option<&str>, authentic: bool, key: &CoordinationKey) -> Self {
        match session_id {
            Some(id) if authentic => Self::Sealed(id.into()),
            Some(id) => Self::Claimed(id.into()),
            None => Self::Token(*key),
        }
    }
}

/// The failure of a call that does not fit into a budget of this process. It may pass, and the cookie is kept.
pub(crate) fn spent(wait: Duration, hint: &'static str) -> Failure {
    Failure::new(Reason::RateLimitExceeded).with_retry_after(Some(wait)).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn so_many_at_once_then_one_after_the_other() {
        let budgets = Budgets::new(3, MINUTE);
        for _ in 0..3 {
            assert_eq!(budgets.wait(&"ada", at(0)), None);
            assert_eq!(budgets.spend("ada", at(0)), Ok(()));
        }
        let wait = Duration::from_secs(20);
        assert_eq!((budgets.wait(&"ada", at(0)), budgets.spend("ada", at(0))), (Some(wait), Err(wait)));
        assert_eq!(budgets.spend("grace", at(0)), Ok(()), "another key has its own");
        assert_eq!(budgets.spend("ada", at(19)), Err(Duration::from_secs(1)));
        assert_eq!(budgets.spend("ada", at(20)), Ok(()));
        assert_eq!(budgets.spend("ada", at(20)), Err(wait));
        for _ in 0..3 {
            assert_eq!(budgets.spend("ada", at(100)), Ok(()), "a minute later all of it is back");
        }
    }

    #[test]
    fn clock_that_was_set_back_blocks_nobody() {
        let budgets = Budgets::new(2, MINUTE);
        assert_eq!((budgets.spend("ada", at(9_000)), budgets.spend("ada", at(9_000))), (Ok(()), Ok(())));
        assert!(budgets.wait(&"ada", at(9_000)).is_some());
        assert_eq!((budgets.wait(&"ada", at(0)), budgets.spend("ada", at(0))), (None, Ok(())));
    }

    #[test]
    fn zero_is_no_limit() {
        let budgets = Budgets::new(0, MINUTE);
        assert!((0..10_000).all(|_| budgets.spend("ada", at(0)).is_ok()));
        assert_eq!(budgets.spent().len(), 0);
    }

    #[test]
    fn full_memory_forgets_those_that_spent_least() {
        let budgets = Budgets::new(2, MINUTE);
        budgets.spend(usize::MAX, at(0)).unwrap();
        budgets.spend(usize::MAX, at(0)).unwrap();
        for key in 0..3 * MOST {
            budgets.spend(key, at(0)).unwrap();
        }
        assert!(budgets.spent().len() <= MOST && budgets.wait(&usize::MAX, at(0)).is_some());
    }

    #[test]
    fn failure_of_a_budget_says_nothing_about_the_api() {
        let ours = spent(MINUTE, "too many");
        assert!(ours.is_own_limit() && ours.is_retryable() && ours.retry_after() == Some(MINUTE));
        assert!(!ours.with_upstream(sealkit_core::Upstream::default()).is_own_limit());
    }
}
