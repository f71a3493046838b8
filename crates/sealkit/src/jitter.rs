//! Waits that differ a little, so that those who began together do not go on together.

use sealkit_core::SecureRandom;
use std::time::Duration;

/// A wait of this length, a quarter more or less.
#[must_use]
pub fn around(wait: Duration, random: &dyn SecureRandom) -> Duration {
    between(wait - wait / 4, wait.saturating_add(wait / 4), random)
}

/// A wait of this length at most, and of half of it at least.
#[must_use]
pub fn up_to(wait: Duration, random: &dyn SecureRandom) -> Duration {
    between(wait / 2, wait, random)
}

fn between(least: Duration, most: Duration, random: &dyn SecureRandom) -> Duration {
    let mut byte = [128];
    // Without randomness there is no jitter, which is no reason to give up.
    let _ = random.fill(&mut byte);
    let [byte] = byte;
    least.saturating_add((most.saturating_sub(least) / 256).saturating_mul(byte.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealkit_core::{RandomUnavailable, SystemRandom};

    #[derive(Debug)]
    struct Fixed(Option<u8>);

    impl SecureRandom for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
            bytes.fill(self.0.ok_or(RandomUnavailable::new())?);
            Ok(())
        }
    }

    #[test]
    fn waits_are_spread_and_in_the_middle_where_nothing_is_random() {
        let wait = Duration::from_millis(1024);
        let spread = |of: fn(Duration, &dyn SecureRandom) -> Duration| {
            [Some(0), None, Some(255)].map(|byte| of(wait, &Fixed(byte)).as_millis())
        };
        assert_eq!(spread(around), [768, 1024, 1278]);
        assert_eq!(spread(up_to), [512, 768, 1022]);
        assert!(around(Duration::MAX, &SystemRandom) >= Duration::MAX / 2);
    }
}
