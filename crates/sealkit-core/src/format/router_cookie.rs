//! The signed cookie of React Router and Remix, with an iron seal in it.
//!
//! ```text
//! base64, padded, of {"jwt":"<iron seal>"}  .  base64, not padded, of mac (32)
//! ```
//!
//! The MAC is HMAC-SHA-256 over the base64 text, its key the password's bytes; the seal inside is made with the same
//! password. The outer object is the framework's session: an application may keep members of its own beside `jwt`, they
//! are covered by the MAC and are none of this format's business. Source: authkit-react-router 0.12.2,
//! authkit-remix 0.17.0, react-router 7.18.5.

use super::{
    SealError, SealTimes,
    iron::{self, IronKey, Suffix},
};
use crate::{
    Detail, SecureRandom, UnixMillis,
    base64::{STANDARD, STANDARD_NO_PAD, decode_into},
    constant_time_eq,
    keyring::DEFAULT_ID,
    split,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use std::fmt;

/// A password made ready: for the signature outside, and for the seal inside.
pub(crate) struct RouterKey {
    mac: Hmac<Sha256>,
    iron: IronKey,
}

impl RouterKey {
    /// `None` for an empty password.
    pub(crate) fn new(password: &str) -> Option<Self> {
        if password.is_empty() {
            return None;
        }
        Some(Self { mac: Hmac::new_from_slice(password.as_bytes()).ok()?, iron: IronKey::new(password) })
    }

    fn mac(&self, body: &str) -> [u8; 32] {
        self.mac.clone().chain_update(body).finalize().into_bytes().into()
    }
}

impl fmt::Debug for RouterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouterKey([redacted])")
    }
}

/// The framework's session, as far as it matters.
#[derive(Deserialize)]
struct Session<'a> {
    /// Borrowed: no character of a seal is one that JSON escapes.
    jwt: &'a str,
}

/// Opens `value`: the signature first, then the seal inside, which leaves its plaintext in `plaintext`.
///
/// The text between is decoded into a buffer of its own; nothing else is allocated when `plaintext` has room.
///
/// # Errors
/// `malformed`, `truncated`, `tampered` for either layer; `not_a_session` when there is no seal in it (what the framework
/// writes after a sign-out); `wrong_password` and `expired` for the seal, as [`iron::open`].
pub(super) fn open(
    value: &str,
    key: &RouterKey,
    now: UnixMillis,
    plaintext: &mut Vec<u8>,
) -> Result<SealTimes, Detail> {
    plaintext.clear();
    let (body, signature) = split::at_last(value, b'.').ok_or(Detail::Malformed)?;
    let mut mac = [0; 32];
    if decode_into(&STANDARD_NO_PAD, signature, &mut mac).map(<[u8]>::len) != Some(32) {
        return Err(if (1..43).contains(&signature.len()) { Detail::Truncated } else { Detail::Malformed });
    }
    if !constant_time_eq(&key.mac(body), &mac) {
        return Err(Detail::Tampered);
    }
    let json = STANDARD.decode_to_vec(body).map_err(|_| Detail::Malformed)?;
    // A list would do for the derived reader, too.
    let session = Some(&json).filter(|json| json.starts_with(b"{")).ok_or(Detail::NotASession)?;
    let Session { jwt } = serde_json::from_slice(session).map_err(|_| Detail::NotASession)?;
    iron::open_with(jwt, &key.iron, DEFAULT_ID, now, plaintext)
}

/// Seals `plaintext` as the two libraries do, and signs the cookie as the frameworks do.
///
/// # Errors
/// [`SealError`]: no random bytes.
pub(super) fn seal(
    plaintext: &[u8],
    key: &RouterKey,
    end: Option<UnixMillis>,
    random: &dyn SecureRandom,
) -> Result<String, SealError> {
    let jwt = iron::seal_with(plaintext, &key.iron, DEFAULT_ID, end, Suffix::Present, random)?;
    let json = format!(r#"{{"jwt":"{jwt}"}}"#);
    let mut value = String::with_capacity(json.len().div_ceil(3) * 4 + 44);
    STANDARD.encode_append(json, &mut value);
    let mac = key.mac(&value);
    value.push('.');
    STANDARD_NO_PAD.encode_append(mac, &mut value);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Container, LATER},
        *,
    };
    use proptest::prelude::*;

    const ROUTER: Container<RouterKey> = Container {
        set: "react_router",
        format: "rr-cookie",
        key: RouterKey::new,
        open,
        seal: |plaintext, key, _, random| seal(plaintext, key, None, random),
        randomness: |value| {
            let body = STANDARD.decode_to_vec(value.split_once('.').unwrap().0).unwrap();
            let jwt = str::from_utf8(&body).unwrap().split('"').nth(3).unwrap();
            (iron::testing::randomness(jwt), LATER)
        },
    };

    fn key() -> RouterKey {
        RouterKey::new("cookie-password-for-tests-only-0123456789").unwrap()
    }

    /// A cookie of the framework that holds this.
    fn signed(json: &str) -> String {
        let body = STANDARD.encode_to_string(json);
        let mac = key().mac(&body);
        format!("{body}.{}", STANDARD_NO_PAD.encode_to_string(mac))
    }

    #[test]
    fn every_good_vector_opens_to_its_plaintext_and_seals_again_to_the_same_bytes() {
        ROUTER.good_vectors_open_and_seal_again(5);
    }

    #[test]
    fn every_bad_vector_is_refused_with_an_allowed_class() {
        ROUTER.bad_vectors_are_refused(12);
    }

    #[test]
    fn no_changed_cookie_opens() {
        ROUTER.every_change_is_refused(b"{\"accessToken\":\"a\"}", &key());
    }

    #[test]
    fn a_session_of_the_framework_without_a_seal_is_none_and_other_members_do_not_matter() {
        let cookie = ROUTER.sealed(b"{}", &key(), LATER);
        let jwt = STANDARD.decode_to_vec(cookie.split_once('.').unwrap().0).unwrap();
        let jwt = str::from_utf8(&jwt).unwrap().split('"').nth(3).unwrap();
        for json in [
            "",
            "null",
            "{}",
            "7",
            r#"{"jwt":null}"#,
            r#"{"jwt":{}}"#,
            &format!("[\"{jwt}\"]"),
            &format!("\"{jwt}\""),
            &format!(r#"{{"jwt":"{jwt}"}} x"#),
            &format!(r#"{{"jwt":"{jwt}","jwt":"{jwt}"}}"#),
        ] {
            assert_eq!(ROUTER.opened(&signed(json), &key(), LATER), Err(Detail::NotASession), "{json}");
        }
        let beside = signed(&format!(r#"{{"theme":"dark","jwt":"{jwt}","__flash_note__":[1]}}"#));
        assert_eq!(ROUTER.opened(&beside, &key(), LATER).unwrap().0, b"{}");
    }

    #[test]
    fn a_signed_cookie_with_a_bad_seal_does_not_open() {
        let other = RouterKey::new("another-cookie-password-for-tests-0123456789").unwrap();
        let jwt = |key: &IronKey, id: &str| {
            iron::seal_with(b"{}", key, id, None, Suffix::Present, &crate::SystemRandom).unwrap()
        };
        for (jwt, detail) in [
            ("", Detail::Malformed),
            (&*jwt(&other.iron, DEFAULT_ID), Detail::Tampered),
            (&*jwt(&key().iron, "2"), Detail::WrongPassword),
        ] {
            let cookie = signed(&format!(r#"{{"jwt":"{jwt}"}}"#));
            assert_eq!(ROUTER.opened(&cookie, &key(), LATER), Err(detail), "{jwt}");
        }
    }

    #[test]
    fn nothing_is_sealed_without_random_bytes_and_the_key_is_not_shown() {
        ROUTER.it_seals_nothing_without_random_bytes(&key());
        assert_eq!(format!("{:?}", key()), "RouterKey([redacted])");
        assert!(RouterKey::new("").is_none());
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again(text: Vec<u8>) {
            let (plaintext, times) = ROUTER.opened(&ROUTER.sealed(&text, &key(), LATER), &key(), LATER).unwrap();
            prop_assert_eq!(plaintext, text);
            prop_assert_eq!(times, SealTimes::default());
        }

        #[test]
        fn what_nobody_sealed_is_refused(text: String, json: String) {
            prop_assert!(ROUTER.opened(&text, &key(), LATER).is_err());
            prop_assert!(ROUTER.opened(&signed(&json), &key(), LATER).is_err());
            let inside = serde_json::json!({ "jwt": text }).to_string();
            prop_assert!(ROUTER.opened(&signed(&inside), &key(), LATER).is_err());
        }
    }
}
