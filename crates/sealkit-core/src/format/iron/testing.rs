//! What tests of iron seals, here and inside other containers, need; and the tests of the container without its suffix.

use super::{
    super::testing::{Container, LATER},
    *,
};
use crate::{SystemRandom, keyring::DEFAULT_ID};

/// The randomness that a seal carries, in the order in which sealing asks for it.
pub(in super::super) fn randomness(seal: &str) -> Vec<u8> {
    let parts: Vec<&str> = seal.split('*').collect();
    let hex = |text: &str| -> Vec<u8> {
        (0..SALT / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    [hex(parts[2]), URL_SAFE_NO_PAD.decode_to_vec(parts[3]).unwrap(), hex(parts[6])].concat()
}

const KOTLIN: Container<IronKey> = Container {
    set: "kotlin",
    format: "kotlin-iron",
    key: |password| Some(IronKey::new(password)),
    open: |value, key, now, plaintext| open_with(value, key, DEFAULT_ID, now, plaintext),
    // The time of sealing, which an iron seal does not carry, stands for its expiration here.
    seal: |plaintext, key, now, random| {
        let expires = Some(now).filter(|at| *at != UnixMillis::default());
        seal_with(plaintext, key, DEFAULT_ID, expires, Suffix::Absent, random)
    },
    randomness: |value| {
        let expiration = value.split('*').nth(5).unwrap();
        (randomness(value), UnixMillis::from_millis(expiration.parse().unwrap_or_default()))
    },
};

fn key() -> IronKey {
    IronKey::new("cookie-password-for-tests-only-0123456789")
}

#[test]
fn every_good_kotlin_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
    KOTLIN.good_vectors_open_and_seal_again(7);
}

#[test]
fn every_bad_kotlin_vector_is_refused_with_an_allowed_class() {
    KOTLIN.bad_vectors_are_refused(4);
}

#[test]
fn the_suffix_is_all_that_differs() {
    let sealed = |suffix| seal_with(b"{}", &key(), DEFAULT_ID, None, suffix, &SystemRandom).unwrap();
    assert!(sealed(Suffix::Present).ends_with("~2") && !sealed(Suffix::Absent).contains('~'));
    for suffix in [Suffix::Present, Suffix::Absent] {
        assert_eq!(KOTLIN.opened(&sealed(suffix), &key(), LATER).unwrap().0, b"{}", "{suffix:?}");
    }
    let other_id = seal_with(b"{}", &key(), "2", None, Suffix::Absent, &SystemRandom).unwrap();
    assert_eq!(KOTLIN.opened(&other_id, &key(), LATER), Err(Detail::WrongPassword));
}

#[test]
fn a_seal_is_dead_60_seconds_after_its_expiration() {
    let expires = UnixMillis::from_secs(1_796_000_000);
    let seal = KOTLIN.sealed(b"{}", &key(), expires);
    let at = |after: u64| KOTLIN.opened(&seal, &key(), UnixMillis::from_millis(expires.as_millis() + after));
    assert_eq!(at(59_999).unwrap().1.expires_at, Some(expires));
    assert_eq!(at(60_000), Err(Detail::Expired));
}
