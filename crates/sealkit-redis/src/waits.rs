//! How long to wait before trying again: longer each time, and not in step with others.

use crate::RedisSettings;
use sealkit::{SystemRandom, jitter};
use std::time::Duration;

/// Waits that grow.
#[derive(Debug)]
pub(crate) struct Waits {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl Waits {
    /// Between looks at somebody else's grant.
    pub(crate) fn new(settings: &RedisSettings) -> Self {
        Self::between(settings.poll_first, settings.poll_longest)
    }

    /// From this one to that one.
    pub(crate) fn between(first: Duration, longest: Duration) -> Self {
        let least = Duration::from_millis(1);
        let longest = longest.max(least);
        let first = first.clamp(least, longest);
        Self { first, next: first, longest }
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// Between half and all of a wait, which grows by half each time.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 3 / 2).min(self.longest);
        jitter::up_to(wait, &SystemRandom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_differ() {
        let mut settings = RedisSettings::new("redis://localhost");
        (settings.poll_first, settings.poll_longest) = (Duration::from_millis(4), Duration::from_millis(100));
        let mut waits = Waits::new(&settings);
        let waits: Vec<_> = (0..40).map(|_| waits.next()).collect();
        assert!(waits[0] >= Duration::from_millis(2) && waits[0] <= Duration::from_millis(4));
        let last = &waits[20..];
        assert!(last.iter().all(|wait| (50..=100).contains(&wait.as_millis())), "{last:?}");
        assert!(last.iter().any(|wait| *wait != last[0]));
    }

    #[test]
    fn waits_begin_anew_when_all_is_well() {
        let (first, longest) = (Duration::from_millis(50), Duration::from_secs(1));
        let mut waits = Waits::between(first, longest);
        for most in [50, 75, 112, 168, 253] {
            let wait = waits.next().as_millis();
            assert!(wait >= most / 2 && wait <= most + 1, "{wait} of {most}");
        }
        waits.reset();
        assert!(waits.next() <= first);
    }
}
