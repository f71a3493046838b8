//! How long to wait before trying again.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(1);

/// A pause that doubles up to a second, less up to half of it, so that replicas do not come back all at once.
#[derive(Debug)]
pub(super) struct Pause {
    next: Duration,
    random: RandomState,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { next: FIRST, random: RandomState::new() }
    }

    /// All is well again.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }

    pub(super) fn next(&mut self) -> Duration {
        let most = self.next;
        self.next = (most * 2).min(LAST);
        self.random = RandomState::new();
        // Keyed anew each time; nobody needs this to be unpredictable.
        let part = u32::try_from(self.random.hash_one(0u8) % 512).unwrap_or(0);
        most - most * part / 1024
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
