//! Identifiers, opaque tokens and one-time codes, all from one secret seed.
//!
//! A keyed counter instead of the random generator: it cannot fail half-way through a grant, and a fixed seed makes every
//! identifier of a test run the same.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sealkit_core::UnixMillis;
use std::fmt;

pub(crate) struct Ids {
    key: hmac::Key,
    counter: u64,
}

impl Ids {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), counter: 0 }
    }

    /// `prefix_` and a ULID, sortable by time as the API's identifiers are.
    pub(crate) fn id(&mut self, prefix: &str, now: UnixMillis) -> String {
        let entropy = self.next().iter().take(10).fold(0_u128, |n, byte| (n << 8) | u128::from(*byte));
        let time = u128::from(now.as_millis()) & 0xFFFF_FFFF_FFFF;
        format!("{prefix}_{}", crockford((time << 80) | entropy))
    }

    /// An unguessable token of 43 characters.
    pub(crate) fn secret(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.next())
    }

    /// Six decimal digits, as a person types them.
    pub(crate) fn digits(&mut self) -> String {
        let n = self.next().iter().take(8).fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
        format!("{:06}", n % 1_000_000)
    }

    /// Eight letters in two groups, without vowels and look-alikes (RFC 8628 §6.1).
    pub(crate) fn user_code(&mut self) -> String {
        const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
        let mut code = String::with_capacity(9);
        for (at, byte) in self.next().iter().take(8).enumerate() {
            if at == 4 {
                code.push('-');
            }
            let letter = LETTERS.get(usize::from(*byte) % LETTERS.len()).copied().unwrap_or(b'X');
            code.push(char::from(letter));
        }
        code
    }

    fn next(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        let tag = hmac::sign(&self.key, &self.counter.to_be_bytes());
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        bytes
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids([redacted])")
    }
}

fn crockford(value: u128) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    (0..26_u32)
        .rev()
        .filter_map(|at| usize::try_from((value >> (5 * at)) & 31).ok())
        .filter_map(|digit| ALPHABET.get(digit).copied())
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_unique_and_sort_by_time() {
        let mut ids = Ids::new(&[7; 32]);
        let early = ids.id("session", UnixMillis::from_secs(1));
        let late = ids.id("session", UnixMillis::from_secs(2));
        assert!(early < late, "{early} {late}");
        assert_eq!(early.len(), "session_".len() + 26);
        assert_ne!(ids.secret(), ids.secret());
    }

    #[test]
    fn a_seed_fixes_the_whole_sequence() {
        let (mut a, mut b) = (Ids::new(&[1; 32]), Ids::new(&[1; 32]));
        assert_eq!(a.secret(), b.secret());
        assert_eq!(a.digits(), b.digits());
        assert_ne!(a.secret(), Ids::new(&[2; 32]).secret());
    }

    #[test]
    fn codes_for_people_have_their_shape() {
        let mut ids = Ids::new(&[3; 32]);
        let code = ids.digits();
        assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
        let user = ids.user_code();
        assert!(user.len() == 9 && user.as_bytes()[4] == b'-', "{user}");
    }

    #[test]
    fn crockford_counts_in_base_32() {
        assert_eq!(crockford(0), "0".repeat(26));
        assert_eq!(crockford(33), format!("{}11", "0".repeat(24)));
        assert_eq!(crockford(u128::MAX), format!("7{}", "Z".repeat(25)));
    }
}
