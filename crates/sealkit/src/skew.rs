//! How far our clock is from the API's. It is told, and decides nothing.

use crate::telemetry;
use sealkit_core::UnixMillis;
use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// So many answers are looked at; the one in the middle counts, so that a slow one moves nothing.
const ANSWERS: usize = 5;

/// A `Date` names the second that has begun; on average half of it is over.
const HALF_A_SECOND: i64 = 500;

/// Beyond this a clock is wrong: tokens seem to end too early or too late.
const WRONG: Duration = Duration::from_secs(30);

/// Within this it is right again. Less than [`WRONG`], so that a clock at the border is not told of with every answer.
const RIGHT: Duration = Duration::from_secs(25);

/// How far our clock is from the API's, by the `Date` of its last answers: right to about a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockSkew {
    /// By how many milliseconds our clock is behind the API's; negative when it is ahead.
    pub ours_behind_ms: i64,
    /// When the last of the answers came, by our clock.
    pub measured_at: UnixMillis,
}

impl ClockSkew {
    /// How far the clocks are apart, whichever is ahead.
    #[must_use]
    pub const fn apart(&self) -> Duration {
        Duration::from_millis(self.ours_behind_ms.unsigned_abs())
    }

    /// By how many seconds our clock is behind the API's; negative when it is ahead.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.apart().as_secs_f64().copysign(if self.ours_behind_ms < 0 { -1.0 } else { 1.0 })
    }
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.ours_behind_ms < 0 { "ahead of" } else { "behind" };
        write!(f, "{:.1} s {side} the API's", self.apart().as_secs_f64())
    }
}

/// Measures it.
#[derive(Debug, Default)]
pub(crate) struct SkewMeter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: VecDeque<i64>,
    latest: Option<ClockSkew>,
    wrong: bool,
}

impl SkewMeter {
    /// An answer that was made at `date` by the API's clock came at `now` by ours, `round_trip` after its request had left: it
    /// was made about half-way between.
    pub(crate) fn note(&self, date: UnixMillis, now: UnixMillis, round_trip: Duration) {
        let theirs = signed(date.as_millis()).saturating_add(HALF_A_SECOND);
        let ours = signed(now.as_millis()).saturating_sub(signed_millis(round_trip / 2));
        let mut state = self.state();
        if state.last.len() == ANSWERS {
            state.last.pop_front();
        }
        state.last.push_back(theirs.saturating_sub(ours));
        let skew = ClockSkew { ours_behind_ms: middle(&state.last), measured_at: now };
        state.latest = Some(skew);
        let limit = if state.wrong { RIGHT } else { WRONG };
        let wrong = skew.apart() > limit;
        let changed = std::mem::replace(&mut state.wrong, wrong) != wrong;
        drop(state);
        metrics::gauge!(telemetry::CLOCK_SKEW).set(skew.seconds());
        if changed {
            tell(skew, wrong);
        }
    }

    /// What the last answers say.
    pub(crate) fn latest(&self) -> Option<ClockSkew> {
        self.state().latest
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing inside the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(skew: ClockSkew, wrong: bool) {
    if wrong {
        tracing::warn!(
            skew_seconds = skew.seconds(),
            hint = "let NTP (chrony, systemd-timesyncd) set this machine's clock; sessions seem to end too early or too late",
            "this machine's clock is {skew}"
        );
    } else {
        tracing::info!(skew_seconds = skew.seconds(), "this machine's clock agrees with the API's again");
    }
}

/// The value in the middle; of an even number the lower one.
fn middle(values: &VecDeque<i64>) -> i64 {
    let mut sorted: Vec<i64> = values.iter().copied().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

fn signed_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> UnixMillis = UnixMillis::from_millis;

    #[test]
    fn the_answer_was_made_in_the_middle_of_the_round_trip() {
        let meter = SkewMeter::default();
        assert_eq!(meter.latest(), None);
        // Sent at 98.5 s and here at 102.5 s by our clock; made in the second 100 by theirs.
        meter.note(AT(100_000), AT(102_500), Duration::from_secs(4));
        let skew = meter.latest().unwrap();
        assert_eq!((skew.ours_behind_ms, skew.measured_at), (0, AT(102_500)));
    }

    #[test]
    fn a_clock_behind_counts_up_and_one_ahead_counts_down() {
        for (ours, behind, seconds, said) in [
            (60_500, 40_000, 40.0, "40.0 s behind the API's"),
            (145_500, -45_000, -45.0, "45.0 s ahead of the API's"),
        ] {
            let meter = SkewMeter::default();
            meter.note(AT(100_000), AT(ours), Duration::ZERO);
            let skew = meter.latest().unwrap();
            assert_eq!((skew.ours_behind_ms, skew.seconds()), (behind, seconds));
            assert_eq!(skew.to_string(), said);
        }
    }

    #[test]
    fn one_odd_answer_moves_nothing_and_a_clock_that_was_set_is_believed_after_three() {
        let meter = SkewMeter::default();
        let skew_after = |date: u64| {
            meter.note(AT(date), AT(100_500), Duration::ZERO);
            meter.latest().unwrap().ours_behind_ms
        };
        assert_eq!([100_000, 100_000, 100_000, 400_000, 100_000].map(skew_after), [0; 5]);
        assert_eq!([300_000, 300_000, 300_000].map(skew_after), [0, 200_000, 200_000]);
    }
}
