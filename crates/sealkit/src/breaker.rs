//! Leaving an upstream alone that fails again and again, so that callers are answered at once and it can recover.
//!
//! ```text
//!           failures in a row                 after `open_for`
//!  closed ────────────────────► open ─────────────────────────► half open: one call is let through
//!     ▲                          ▲                                  │
//!     │                          └──────────── it fails ────────────┤
//!     └────────────────────────── it is answered ───────────────────┘
//! ```

use crate::{clock::Clock, telemetry};
use sealkit_core::UnixMillis;
use std::{
    fmt,
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// When a [`Breaker`] opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// So many failures in a row open it, those of one [source](Breaker::failed_for) counted once. Default 5; 0: never.
    pub failures: u32,
    /// So long it lets nothing through before it tries once. Default 5 s.
    pub open_for: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(5) }
    }
}

impl BreakerSettings {
    /// Opens after so many failures in a row, for so long.
    #[must_use]
    pub const fn new(failures: u32, open_for: Duration) -> Self {
        Self { failures, open_for }
    }
}

/// What a [`Breaker`] does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// It lets everything through.
    Closed,
    /// One call is on its way, to see whether the upstream works; no other is let through.
    HalfOpen,
    /// It lets nothing through. When its time is over, the next who asks is the one that tries.
    Open,
}

impl BreakerState {
    const fn gauge(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// A call that was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftAlone<E> {
    /// The last failure of the upstream.
    pub last: E,
    /// How long until it is tried again. While it is being tried, the whole time for which a failure would open it.
    pub retry_after: Duration,
}

/// A circuit breaker for one upstream. It counts what its callers tell it, and takes the time from a [`Clock`]; it never waits.
///
/// `E` is what is remembered of the last failure, for those who are not let through.
pub struct Breaker<E = ()> {
    upstream: &'static str,
    settings: BreakerSettings,
    clock: Arc<dyn Clock>,
    /// Sources are remembered by a keyed hash.
    hasher: RandomState,
    state: Mutex<State<E>>,
}

enum State<E> {
    /// With the sources of the failures in a row that have one.
    Closed {
        failures: u32,
        sources: Vec<u64>,
    },
    HalfOpen {
        last: E,
        probe: Arc<()>,
    },
    Open {
        last: E,
        until: UnixMillis,
    },
}

/// Leave to make a call. Tell the breaker how the call ended before this is dropped: otherwise, if the call was the one that
/// tries whether the upstream works, the next who asks tries again.
#[must_use = "dropping it gives the leave back"]
pub struct Leave<'b, E> {
    breaker: &'b Breaker<E>,
    probe: Option<Arc<()>>,
}

impl<E: Clone> Breaker<E> {
    /// A closed breaker for the upstream of this name, which stands in metrics and logs.
    #[must_use]
    pub fn new(upstream: &'static str, settings: BreakerSettings, clock: Arc<dyn Clock>) -> Self {
        let (hasher, state) = (RandomState::new(), Mutex::new(State::closed()));
        let breaker = Self { upstream, settings, clock, hasher, state };
        breaker.show(BreakerState::Closed);
        breaker
    }

    /// Asks leave for a call.
    ///
    /// # Errors
    /// [`LeftAlone`] while the breaker is open, and while another call tries whether the upstream works.
    pub fn ask(&self) -> Result<Leave<'_, E>, LeftAlone<E>> {
        let mut state = self.locked();
        let last = match &*state {
            State::Closed { .. } => return Ok(Leave { breaker: self, probe: None }),
            State::HalfOpen { last, .. } => {
                return Err(LeftAlone { last: last.clone(), retry_after: self.settings.open_for });
            }
            State::Open { last, until } => match self.rest(*until) {
                Some(retry_after) => return Err(LeftAlone { last: last.clone(), retry_after }),
                None => last.clone(),
            },
        };
        let probe = Arc::new(());
        *state = State::HalfOpen { last, probe: Arc::clone(&probe) };
        self.show(BreakerState::HalfOpen);
        drop(state);
        tracing::debug!(upstream = self.upstream, "one call tries the upstream");
        Ok(Leave { breaker: self, probe: Some(probe) })
    }

    /// Asks leave for a call that must not be the one that tries whether the upstream works, because its failure would say nothing
    /// about the upstream: it is let through while the breaker is closed.
    ///
    /// # Errors
    /// [`LeftAlone`] until another call has been answered.
    pub fn ask_if_closed(&self) -> Result<Leave<'_, E>, LeftAlone<E>> {
        let (last, retry_after) = match &*self.locked() {
            State::Closed { .. } => return Ok(Leave { breaker: self, probe: None }),
            State::HalfOpen { last, .. } => (last.clone(), None),
            State::Open { last, until } => (last.clone(), self.rest(*until)),
        };
        Err(LeftAlone { last, retry_after: retry_after.unwrap_or(self.settings.open_for) })
    }

    /// A call was answered, whenever it was made: the upstream works.
    pub fn answered(&self) {
        let mut state = self.locked();
        let before = std::mem::replace(&mut *state, State::closed());
        if !matches!(before, State::Closed { .. }) {
            self.show(BreakerState::Closed);
            drop(state);
            tracing::info!(upstream = self.upstream, "the upstream works again");
        }
    }

    /// A call failed: no connection, no answer in time, or an answer that says that the upstream does not work. A refusal is an
    /// answer. True when that has opened it.
    pub fn failed(&self, why: E) -> bool {
        self.note_failure(None, why)
    }

    /// The same, for a call in the name of this source: the failures in a row of one source count once. So one session whose
    /// calls fail again and again opens nothing for all the others. True when that has opened it.
    pub fn failed_for(&self, source: &impl Hash, why: E) -> bool {
        self.note_failure(Some(self.hasher.hash_one(source)), why)
    }

    fn note_failure(&self, source: Option<u64>, why: E) -> bool {
        if self.settings.failures == 0 {
            return false;
        }
        let mut state = self.locked();
        let anew = match &mut *state {
            // A call from before. What it says is known.
            State::Open { last, .. } => {
                *last = why;
                return false;
            }
            State::HalfOpen { .. } => false,
            State::Closed { sources, .. } if source.is_some_and(|source| sources.contains(&source)) => {
                return false;
            }
            State::Closed { failures, sources } => {
                sources.extend(source);
                *failures = failures.saturating_add(1);
                if *failures < self.settings.failures {
                    return false;
                }
                true
            }
        };
        *state = State::Open { last: why, until: self.clock.now().saturating_add(self.settings.open_for) };
        self.show(BreakerState::Open);
        drop(state);
        if anew {
            tracing::warn!(
                upstream = self.upstream,
                failures = self.settings.failures,
                open_for_ms = self.settings.open_for.as_millis(),
                "the upstream has failed again and again; it is left alone for a while, then tried once at a time"
            );
        } else {
            tracing::debug!(upstream = self.upstream, "the upstream still does not work");
        }
        anew
    }

    /// Opens it at once: it is known that the upstream does not work.
    pub fn trip(&self, why: E) {
        let mut state = self.locked();
        *state = State::Open { last: why, until: self.clock.now().saturating_add(self.settings.open_for) };
        self.show(BreakerState::Open);
    }

    /// What it does now.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match &*self.locked() {
            State::Closed { .. } => BreakerState::Closed,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
            State::Open { .. } => BreakerState::Open,
        }
    }
}

impl<E> Breaker<E> {
    /// How long until then; none when it is over, or when the clock was set back to where nobody knows.
    fn rest(&self, until: UnixMillis) -> Option<Duration> {
        let rest = until.saturating_since(self.clock.now());
        (!rest.is_zero() && rest <= self.settings.open_for).then_some(rest)
    }

    fn give_back(&self, leave: &Arc<()>) {
        let mut state = self.locked();
        match std::mem::replace(&mut *state, State::closed()) {
            State::HalfOpen { last, probe } if Arc::ptr_eq(&probe, leave) => {
                *state = State::Open { last, until: UnixMillis::default() };
                self.show(BreakerState::Open);
            }
            other => *state = other,
        }
    }

    /// Shows the state; called while it is locked, so that the last one shown is the last one.
    fn show(&self, state: BreakerState) {
        metrics::gauge!(telemetry::BREAKER_STATE, "upstream" => self.upstream).set(state.gauge());
    }

    fn locked(&self) -> MutexGuard<'_, State<E>> {
        // Nothing inside the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> State<E> {
    const fn closed() -> Self {
        Self::Closed { failures: 0, sources: Vec::new() }
    }
}

impl<E> Drop for Leave<'_, E> {
    fn drop(&mut self) {
        if let Some(probe) = &self.probe {
            self.breaker.give_back(probe);
        }
    }
}

impl<E> fmt::Debug for Breaker<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("upstream", &self.upstream)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for Leave<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leave").field("probe", &self.probe.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const OPEN_FOR: Duration = Duration::from_secs(5);

    fn breaker(failures: u32) -> (Breaker<&'static str>, ManualClock) {
        let clock = ManualClock::new(UnixMillis::from_secs(1000));
        (Breaker::new("test", BreakerSettings::new(failures, OPEN_FOR), Arc::new(clock.clone())), clock)
    }

    fn opened() -> (Breaker<&'static str>, ManualClock) {
        let (breaker, clock) = breaker(2);
        breaker.failed("first");
        breaker.failed("second");
        assert_eq!(breaker.state(), BreakerState::Open);
        (breaker, clock)
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let (breaker, _) = breaker(3);
        for _ in 0..4 {
            breaker.failed("down");
            breaker.failed("down");
            breaker.answered();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        for _ in 0..3 {
            drop(breaker.ask().unwrap());
            breaker.failed("down");
        }
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn failures_of_one_source_count_once() {
        let (breaker, clock) = breaker(3);
        for _ in 0..100 {
            assert!(!breaker.failed_for(&"session_1", "down"));
        }
        assert!(!breaker.failed_for(&"session_2", "down"));
        breaker.answered();
        for source in ["session_1", "session_2", "session_2", "session_1"] {
            assert!(!breaker.failed_for(&source, "down"));
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(breaker.failed_for(&"session_3", "down"));
        // One call tries: its failure counts, whoever made it.
        clock.advance(OPEN_FOR);
        let leave = breaker.ask().unwrap();
        breaker.failed_for(&"session_1", "down");
        drop(leave);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn while_it_is_open_callers_hear_the_last_failure_and_the_rest_of_the_time() {
        let (breaker, clock) = opened();
        clock.advance(Duration::from_secs(2));
        let left_alone = breaker.ask().unwrap_err();
        assert_eq!((left_alone.last, left_alone.retry_after), ("second", Duration::from_secs(3)));
        breaker.failed("from before");
        let left_alone = breaker.ask().unwrap_err();
        assert_eq!((left_alone.last, left_alone.retry_after), ("from before", Duration::from_secs(3)));
    }

    #[test]
    fn after_a_while_one_call_tries_and_an_answer_closes_it() {
        let (breaker, clock) = opened();
        clock.advance(OPEN_FOR);
        let leave = breaker.ask().unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(breaker.ask().unwrap_err().last, "second");
        breaker.answered();
        drop(leave);
        assert_eq!(breaker.state(), BreakerState::Closed);
        breaker.failed("once");
        assert!(breaker.ask().is_ok(), "it counts from the beginning");
    }

    #[test]
    fn call_that_says_nothing_about_the_upstream_never_tries_it() {
        let (breaker, clock) = opened();
        clock.advance(Duration::from_secs(2));
        assert_eq!(breaker.ask_if_closed().unwrap_err().retry_after, Duration::from_secs(3));
        clock.advance(OPEN_FOR);
        assert_eq!(breaker.ask_if_closed().unwrap_err().retry_after, OPEN_FOR);
        assert_eq!(breaker.state(), BreakerState::Open);
        let _leave = breaker.ask().unwrap();
        assert!(breaker.ask_if_closed().is_err());
        breaker.answered();
        assert!(breaker.ask_if_closed().is_ok());
    }

    #[test]
    fn a_try_that_fails_opens_it_for_the_whole_time_again() {
        let (breaker, clock) = opened();
        clock.advance(OPEN_FOR);
        let leave = breaker.ask().unwrap();
        breaker.failed("third");
        drop(leave);
        let left_alone = breaker.ask().unwrap_err();
        assert_eq!((left_alone.last, left_alone.retry_after), ("third", OPEN_FOR));
    }

    #[test]
    fn a_try_that_never_ends_is_given_to_the_next() {
        let (breaker, clock) = opened();
        clock.advance(OPEN_FOR);
        drop(breaker.ask().unwrap());
        let _second = breaker.ask().unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.ask().is_err());
    }

    #[test]
    fn the_leave_of_an_earlier_try_takes_nothing_from_a_later_one() {
        let (breaker, clock) = opened();
        clock.advance(OPEN_FOR);
        let first = breaker.ask().unwrap();
        breaker.failed("third");
        clock.advance(OPEN_FOR);
        let _second = breaker.ask().unwrap();
        drop(first);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    #[test]
    fn an_answer_from_before_closes_it_at_once() {
        let (breaker, _) = opened();
        breaker.answered();
        assert!(breaker.ask().is_ok());
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_open() {
        let (breaker, clock) = opened();
        clock.set(UnixMillis::from_secs(10));
        assert!(breaker.ask().is_ok());
    }

    #[test]
    fn it_can_be_off() {
        let (breaker, _) = breaker(0);
        for _ in 0..100 {
            breaker.failed("down");
        }
        assert!(breaker.ask().is_ok());
    }
}
