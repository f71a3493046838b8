//! What the tests of several containers share: the vectors, and the checks that every container must pass.

use super::{SealError, SealTimes};
use crate::{Detail, RandomUnavailable, SecureRandom, SystemRandom, UnixMillis};
use serde_json::Value;
use std::{fs, sync::Mutex};

/// Any time from 2026-12 on will do where a vector names none.
pub(super) const LATER: UnixMillis = UnixMillis::from_millis(1_796_600_000_000);

type Open<K> = fn(&str, &K, UnixMillis, &mut Vec<u8>) -> Result<SealTimes, Detail>;
type Seal<K> = fn(&[u8], &K, UnixMillis, &dyn SecureRandom) -> Result<String, SealError>;

/// A container file's functions, and where its vectors are.
pub(super) struct Container<K> {
    pub(super) set: &'static str,
    pub(super) format: &'static str,
    pub(super) key: fn(&str) -> Option<K>,
    pub(super) open: Open<K>,
    pub(super) seal: Seal<K>,
    /// The randomness that a value carries, and the time when it was sealed if it carries that.
    pub(super) randomness: fn(&str) -> (Vec<u8>, UnixMillis),
}

/// Random bytes that were used before.
#[derive(Debug)]
struct Replay(Mutex<Vec<u8>>);

impl SecureRandom for Replay {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        let mut left = self.0.lock().unwrap();
        bytes.copy_from_slice(&left[..bytes.len()]);
        left.drain(..bytes.len());
        Ok(())
    }
}

/// No random bytes at all.
#[derive(Debug)]
struct Broken;

impl SecureRandom for Broken {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
        Err(RandomUnavailable::new())
    }
}

impl<K> Container<K> {
    /// Seals with fresh randomness.
    pub(super) fn sealed(&self, plaintext: &[u8], key: &K, now: UnixMillis) -> String {
        (self.seal)(plaintext, key, now, &SystemRandom).unwrap()
    }

    /// Opens into a buffer that has been used before; checks that a failure leaves nothing in it.
    pub(super) fn opened(
        &self,
        value: &str,
        key: &K,
        now: UnixMillis,
    ) -> Result<(Vec<u8>, SealTimes), Detail> {
        let mut plaintext = b"what the value before this one left here".to_vec();
        let outcome = (self.open)(value, key, now, &mut plaintext);
        assert!(outcome.is_ok() || plaintext.is_empty());
        outcome.map(|times| (plaintext, times))
    }

    /// Every good vector opens, and seals again to the same bytes.
    pub(super) fn good_vectors_open_and_seal_again(&self, count: usize) {
        let vectors = self.vectors(|expect| expect == "ok");
        assert_eq!(vectors.len(), count);
        for vector in &vectors {
            let (id, value, plaintext) =
                (text(vector, "id"), text(vector, "cookie_value"), text(vector, "plaintext"));
            let key = (self.key)(password(vector)).unwrap();
            let (opened, times) =
                self.opened(value, &key, now(vector)).unwrap_or_else(|detail| panic!("{id}: {detail}"));
            assert_eq!(str::from_utf8(&opened).unwrap(), plaintext, "{id}");
            let (random, sealed_at) = (self.randomness)(value);
            assert!(times.sealed_at.is_none_or(|at| at == sealed_at), "{id}");
            let again =
                (self.seal)(plaintext.as_bytes(), &key, sealed_at, &Replay(Mutex::new(random))).unwrap();
            let noncanonical = vector["tags"].as_array().is_some_and(|tags| !tags.is_empty());
            let again = if noncanonical { again.replace('\n', "") } else { again };
            assert_eq!(again, value, "{id}");
        }
    }

    /// Every bad vector is refused with an allowed class; what opens and is no session has no access token.
    pub(super) fn bad_vectors_are_refused(&self, count: usize) {
        let vectors = self.vectors(|expect| expect != "ok");
        assert_eq!(vectors.len(), count);
        for vector in &vectors {
            let id = text(vector, "id");
            let Some(key) = (self.key)(password(vector)) else {
                assert_eq!(text(vector, "expect"), "bad_password", "{id}");
                continue;
            };
            let allowed: Vec<&str> = vector["expect_any"]
                .as_array()
                .unwrap()
                .iter()
                .map(|class| class.as_str().unwrap())
                .collect();
            let outcome = self.opened(text(vector, "cookie_value"), &key, now(vector));
            // The limit is the reader's, who knows what it is.
            if allowed == ["too_large"] {
                continue;
            }
            match outcome {
                Ok((opened, _)) => {
                    let payload: Value = serde_json::from_slice(&opened).unwrap_or_default();
                    let token = if is_camel(vector) { "accessToken" } else { "access_token" };
                    assert!(allowed.contains(&"not_a_session") && payload[token].is_null(), "{id}");
                }
                Err(detail) => {
                    assert!(allowed.contains(&detail.as_str()), "{id}: {detail}, allowed {allowed:?}")
                }
            }
        }
    }

    /// No value with one bit changed opens, none that was cut off, and none with something after it.
    pub(super) fn every_change_is_refused(&self, plaintext: &[u8], key: &K) {
        let value = self.sealed(plaintext, key, LATER);
        assert_eq!(self.opened(&value, key, LATER).unwrap().0, plaintext);
        for at in 0..value.len() {
            for bit in 0..7 {
                let mut changed = value.clone().into_bytes();
                changed[at] ^= 1 << bit;
                let changed = String::from_utf8(changed).unwrap();
                assert!(self.opened(&changed, key, LATER).is_err(), "bit {bit} of character {at}");
            }
            assert!(self.opened(&value[..at], key, LATER).is_err(), "cut off at {at}");
        }
        for after in ["=", "A", "AAAA", "\n", "~2"] {
            assert!(self.opened(&format!("{value}{after}"), key, LATER).is_err(), "{after:?} after it");
        }
    }

    /// Nothing is sealed without random bytes.
    pub(super) fn it_seals_nothing_without_random_bytes(&self, key: &K) {
        assert_eq!((self.seal)(b"{}", key, LATER, &Broken), Err(SealError::Random));
    }

    fn vectors(&self, expect: fn(&str) -> bool) -> Vec<Value> {
        let path = format!("{}/../../vectors/{}.json", env!("CARGO_MANIFEST_DIR"), self.set);
        let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let mut vectors = file["vectors"].as_array().unwrap().clone();
        vectors.retain(|vector| vector["format"] == self.format && expect(text(vector, "expect")));
        vectors
    }
}

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap()
}

/// Empty where the container has none.
fn password(vector: &Value) -> &str {
    vector["password"].as_str().unwrap_or_default()
}

fn is_camel(vector: &Value) -> bool {
    matches!(text(vector, "payload_style"), "camel" | "kotlin-mixed")
}

fn now(vector: &Value) -> UnixMillis {
    vector["now_ms"].as_u64().map_or(LATER, UnixMillis::from_millis)
}
