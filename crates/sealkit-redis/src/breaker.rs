//! A store that does not answer is left alone for a while, so that nobody waits for it.

use sealkit::telemetry;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Counts failures in a row.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    in_a_row: u32,
    /// When the store may be tried again; while it is open.
    again: Option<Instant>,
}

impl Breaker {
    pub(crate) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause, state: Mutex::default() }
    }

    /// Whether the store may be asked. While it is open: one operation a pause.
    pub(crate) fn allows(&self) -> bool {
        let mut state = self.state();
        let Some(again) = state.again else { return true };
        let now = Instant::now();
        let tries = now >= again;
        if tries {
            state.again = Some(now + self.pause);
            told(1);
        }
        tries
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state().again.is_some()
    }

    /// An operation was answered. True when the breaker was open.
    pub(crate) fn succeeded(&self) -> bool {
        let mut state = self.state();
        state.in_a_row = 0;
        let was_open = state.again.take().is_some();
        if was_open {
            told(0);
        }
        was_open
    }

    /// An operation failed. True when that opens it.
    pub(crate) fn failed(&self) -> bool {
        let mut state = self.state();
        state.in_a_row = state.in_a_row.saturating_add(1);
        let open = state.in_a_row >= self.failures;
        let opens = open && state.again.is_none();
        if open {
            state.again = Some(Instant::now() + self.pause);
            told(2);
        }
        opens
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing inside the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(state: u8) {
    metrics::gauge!(telemetry::BREAKER_STATE, "upstream" => "redis").set(f64::from(state));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_lets_one_try_a_pause() {
        let breaker = Breaker::new(3, Duration::from_secs(1));
        assert!(!breaker.failed() && !breaker.failed() && breaker.allows());
        assert!(!breaker.succeeded());
        assert!(!breaker.failed() && !breaker.failed() && breaker.failed());
        assert!(breaker.is_open() && !breaker.allows());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(breaker.allows() && !breaker.allows());
        assert!(!breaker.failed() && !breaker.allows());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(breaker.allows() && breaker.succeeded());
        assert!(breaker.allows() && !breaker.is_open());
    }
}
