//! How long to wait before looking again: longer each time, and not in step with others.

use crate::RedisSettings;
use sealkit::{SystemRandom, jitter};
use std::time::Duration;

/// Waits between looks at the store.
#[derive(Debug)]
pub(crate) struct Waits {
    next: Duration,
    longest: Duration,
}

impl Waits {
    pub(crate) fn new(settings: &RedisSettings) -> Self {
        Self { next: settings.poll_first, longest: settings.poll_longest.max(Duration::from_millis(1)) }
    }

    /// Between half and all of a wait, which grows by half each time.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next.clamp(Duration::from_millis(1), self.longest);
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
}
