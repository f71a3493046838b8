//! How long to wait before trying again.

use sealkit::{SystemRandom, jitter};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(1);

/// A pause that doubles up to a second, less up to half of it, so that replicas do not come back all at once.
#[derive(Debug)]
pub(super) struct Pause {
    next: Duration,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// All is well again.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }

    pub(super) fn next(&mut self) -> Duration {
        let most = self.next;
        self.next = (most * 2).min(LAST);
        jitter::up_to(most, &SystemRandom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_begin_anew() {
        let mut pause = Pause::new();
        for most in [50, 100, 200, 400, 800, 1000, 1000] {
            let pause = pause.next().as_millis();
            assert!(pause >= most / 2 && pause <= most, "{pause} of {most}");
        }
        pause.reset();
        assert!(pause.next() <= FIRST);
    }
}
