//! The provider's own clock: the machine's, moved or held still by a test.

use sealkit_core::UnixMillis;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// A clock that tests move. Cheap to clone; all clones show the same time.
///
/// It begins as the machine's clock. [`IdpClock::advance`] and [`IdpClock::set_now`] move it; [`IdpClock::freeze`] holds it
/// still until [`IdpClock::resume`]. Drive the session layer's clock with a clone of it and both agree on what has expired.
///
/// ```
/// use sealkit_devidp::IdpClock;
/// use std::time::Duration;
///
/// let clock = IdpClock::system();
/// let start = clock.freeze();
/// clock.advance(Duration::from_secs(300));
/// assert_eq!(clock.now().saturating_since(start), Duration::from_secs(300));
/// ```
#[derive(Clone)]
pub struct IdpClock(Arc<Mutex<Mode>>);

#[derive(Clone, Copy)]
enum Mode {
    Running { ahead_millis: i128 },
    Frozen(UnixMillis),
}

impl IdpClock {
    /// The machine's time, running.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(Mode::Running { ahead_millis: 0 })))
    }

    /// A clock that stands still at `now` until it is moved.
    #[must_use]
    pub fn frozen_at(now: UnixMillis) -> Self {
        Self(Arc::new(Mutex::new(Mode::Frozen(now))))
    }

    /// What time it is for the provider.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.mode().now()
    }

    /// Moves the clock forward; it keeps running or standing still.
    pub fn advance(&self, by: Duration) {
        let mut mode = self.mode();
        *mode = match *mode {
            Mode::Running { ahead_millis } => {
                Mode::Running { ahead_millis: ahead_millis.saturating_add(signed(by.as_millis())) }
            }
            Mode::Frozen(at) => Mode::Frozen(at.saturating_add(by)),
        };
    }

    /// Sets the clock, forward or back; it keeps running or standing still.
    pub fn set_now(&self, now: UnixMillis) {
        let mut mode = self.mode();
        *mode = match *mode {
            Mode::Running { .. } => {
                Mode::Running { ahead_millis: i128::from(now.as_millis()) - i128::from(machine_millis()) }
            }
            Mode::Frozen(_) => Mode::Frozen(now),
        };
    }

    /// Holds the clock still and says at what time.
    pub fn freeze(&self) -> UnixMillis {
        let mut mode = self.mode();
        let now = mode.now();
        *mode = Mode::Frozen(now);
        now
    }

    /// Lets a frozen clock run on from where it stands.
    pub fn resume(&self) {
        let mut mode = self.mode();
        if let Mode::Frozen(at) = *mode {
            let ahead_millis = i128::from(at.as_millis()) - i128::from(machine_millis());
            *mode = Mode::Running { ahead_millis };
        }
    }

    fn mode(&self) -> MutexGuard<'_, Mode> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for IdpClock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for IdpClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdpClock").field(&self.now()).finish()
    }
}

impl Mode {
    fn now(self) -> UnixMillis {
        match self {
            Self::Running { ahead_millis } => {
                let millis = i128::from(machine_millis()).saturating_add(ahead_millis).max(0);
                UnixMillis::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
            }
            Self::Frozen(at) => at,
        }
    }
}

fn signed(millis: u128) -> i128 {
    i128::try_from(millis).unwrap_or(i128::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the provider's one place that reads the machine's time"
)]
fn machine_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339 in UTC with milliseconds, as the API writes every timestamp.
pub(crate) fn rfc3339(at: UnixMillis) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let timestamp = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{timestamp:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = IdpClock::frozen_at(UnixMillis::from_secs(1_000));
        let other = clock.clone();
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(other.now(), UnixMillis::from_millis(1_001_500));
        other.set_now(UnixMillis::from_secs(7));
        assert_eq!(clock.now(), UnixMillis::from_secs(7));
    }

    #[test]
    fn a_running_clock_can_be_set_and_frozen_and_resumed() {
        let clock = IdpClock::system();
        clock.set_now(UnixMillis::from_secs(5_000_000_000));
        let at = clock.freeze();
        assert!(at >= UnixMillis::from_secs(5_000_000_000));
        assert_eq!(clock.now(), at);
        clock.resume();
        assert!(clock.now() >= at);
    }

    #[test]
    fn timestamps_have_three_digits_and_a_z() {
        assert_eq!(rfc3339(UnixMillis::from_millis(1_750_000_000_007)), "2025-06-15T15:06:40.007Z");
        assert_eq!(rfc3339(UnixMillis::default()), "1970-01-01T00:00:00.000Z");
    }
}
