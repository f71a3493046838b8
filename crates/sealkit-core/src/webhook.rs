//! Whether a webhook comes from WorkOS: its signature over the bytes of its body, and its age.
//!
//! ```text
//! WorkOS-Signature: t=<milliseconds since 1970>, v1=<hex of HMAC-SHA256(secret, t + "." + body)>
//! ```

use crate::{UnixMillis, WebhookSecret, constant_time_eq};
use aws_lc_rs::hmac;
use std::time::Duration;

/// The header that carries the signature, in lower case.
pub const SIGNATURE_HEADER: &str = "workos-signature";

/// Most bytes of a webhook's body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How far the time of a signature may be from ours, either way, unless it is configured.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(180);

/// Most bytes of the header.
const MAX_HEADER_BYTES: usize = 4 * 1024;

/// Most signatures of one webhook: of more, none is looked at.
const MAX_SIGNATURES: usize = 8;

/// Most digits of a time: more than this are no milliseconds since 1970.
const MAX_TIME_DIGITS: usize = 16;

/// Why a webhook is not believed. Holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// No webhook is accepted here: there is no secret to check one with.
    #[error("no webhook secret is configured")]
    NoSecret,
    /// More than [`MAX_BODY_BYTES`].
    #[error("the webhook is larger than 64 KB")]
    TooLarge,
    /// It is not signed.
    #[error("the webhook has no signature")]
    MissingSignature,
    /// Its signature is not of the form `t=…, v1=…`.
    #[error("the webhook's signature is malformed")]
    MalformedSignature,
    /// None of the secrets has signed it.
    #[error("none of the webhook secrets has signed this")]
    WrongSignature,
    /// It was signed longer ago than is tolerated.
    #[error("the webhook was signed too long ago")]
    TooOld,
    /// By our clock it was signed later than now, by more than is tolerated.
    #[error("the webhook was signed in the future")]
    TooFarInFuture,
    /// It is genuine, and no event.
    #[error("the webhook is no event")]
    NotAnEvent,
}

impl WebhookError {
    /// Its code, for answers, logs and metrics. Stable.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSecret => "no_secret",
            Self::TooLarge => "too_large",
            Self::MissingSignature => "missing_signature",
            Self::MalformedSignature => "malformed_signature",
            Self::WrongSignature => "wrong_signature",
            Self::TooOld => "too_old",
            Self::TooFarInFuture => "too_far_in_future",
            Self::NotAnEvent => "not_an_event",
        }
    }
}

/// Checks that one of these secrets has signed this body, as it came, at most `tolerance` from `now`.
///
/// The time is looked at last, so that [`TooOld`](WebhookError::TooOld) means that everything else is right. How long it takes
/// does not depend on where a wrong signature differs from the right one.
///
/// # Errors
/// [`WebhookError`], every one but [`NotAnEvent`](WebhookError::NotAnEvent).
pub fn verify(
    signature: Option<&str>,
    body: &[u8],
    secrets: &[WebhookSecret],
    tolerance: Duration,
    now: UnixMillis,
) -> Result<(), WebhookError> {
    if secrets.is_empty() {
        return Err(WebhookError::NoSecret);
    }
    if body.len() > MAX_BODY_BYTES {
        return Err(WebhookError::TooLarge);
    }
    let signature = signature.filter(|text| !text.trim().is_empty()).ok_or(WebhookError::MissingSignature)?;
    let signature = Signature::parse(signature).ok_or(WebhookError::MalformedSignature)?;
    if !signature.is_of(body, secrets) {
        return Err(WebhookError::WrongSignature);
    }
    if now.saturating_since(signature.at) > tolerance {
        return Err(WebhookError::TooOld);
    }
    if signature.at.saturating_since(now) > tolerance {
        return Err(WebhookError::TooFarInFuture);
    }
    Ok(())
}

/// A signature header, taken apart.
struct Signature<'a> {
    /// The time as it stands there: that is what is signed.
    time: &'a str,
    at: UnixMillis,
    digests: Vec<[u8; 32]>,
}

impl<'a> Signature<'a> {
    /// `t` once and `v1` at least once, in any order, with any spaces; what has another name is passed over.
    fn parse(text: &'a str) -> Option<Self> {
        if text.len() > MAX_HEADER_BYTES {
            return None;
        }
        let (mut time, mut digests) = (None, Vec::new());
        for part in text.split(',') {
            let (name, value) = part.split_once('=')?;
            match (name.trim(), value.trim()) {
                ("t", value) if time.is_none() => time = Some(value),
                ("t", _) => return None,
                ("v1", value) => digests.push(digest(value)?),
                _ => {}
            }
        }
        let time = time?;
        let digits = (1..=MAX_TIME_DIGITS).contains(&time.len()) && time.bytes().all(|b| b.is_ascii_digit());
        if !digits || digests.is_empty() || digests.len() > MAX_SIGNATURES {
            return None;
        }
        Some(Self { time, at: UnixMillis::from_millis(time.parse().ok()?), digests })
    }

    /// True when one of the secrets gives one of the digests. Everything is compared, whatever is found first.
    fn is_of(&self, body: &[u8], secrets: &[WebhookSecret]) -> bool {
        secrets.iter().fold(false, |found, secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
            let mut context = hmac::Context::with_key(&key);
            for part in [self.time.as_bytes(), b".", body] {
                context.update(part);
            }
            let right = context.sign();
            self.digests.iter().fold(found, |found, digest| constant_time_eq(digest, right.as_ref()) | found)
        })
    }
}

/// 32 bytes in hexadecimal, of either case.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let mut digits = pair.iter().map(|digit| char::from(*digit).to_digit(16));
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
    /// HMAC-SHA256("secret", "1700000000000.{}"), computed with another tool.
    const V1: &str = "8399216d111287e3bb28e25c0f4f31dffdf831c68c9ee2b96c2f67c9b81d341b";

    fn check(header: &str, body: &[u8], now: UnixMillis) -> Result<(), WebhookError> {
        verify(Some(header), body, &["secret".into()], DEFAULT_TOLERANCE, now)
    }

    #[test]
    fn what_workos_signs_is_genuine_in_every_spelling_of_the_header() {
        for header in [
            format!("t=1700000000000, v1={V1}"),
            format!("t=1700000000000,v1={V1}"),
            format!("  t = 1700000000000 ,\tv1 = {V1} "),
            format!("v1={V1}, t=1700000000000"),
            format!("t=1700000000000, v0=x, v1={}, v1={V1}, v2=", "00".repeat(32)),
            format!("t=1700000000000, v1={}", V1.to_uppercase()),
        ] {
            assert_eq!(check(&header, b"{}", NOW), Ok(()), "{header}");
        }
    }

    #[test]
    fn another_body_time_or_secret_is_a_forgery() {
        let good = format!("t=1700000000000, v1={V1}");
        assert_eq!(check(&good, b"{ }", NOW), Err(WebhookError::WrongSignature), "other spacing");
        assert_eq!(check(&good, b"", NOW), Err(WebhookError::WrongSignature));
        let later = good.replace("t=1700000000000", "t=1700000000001");
        assert_eq!(check(&later, b"{}", NOW), Err(WebhookError::WrongSignature));
        let padded = good.replace("t=1700000000000", "t=01700000000000");
        assert_eq!(check(&padded, b"{}", NOW), Err(WebhookError::WrongSignature), "the text is signed");
        let secrets = ["another secret".into()];
        let wrong = verify(Some(&good), b"{}", &secrets, DEFAULT_TOLERANCE, NOW);
        assert_eq!(wrong, Err(WebhookError::WrongSignature));
        assert_eq!(verify(Some(&good), b"{}", &[], DEFAULT_TOLERANCE, NOW), Err(WebhookError::NoSecret));
    }

    #[test]
    fn any_of_several_secrets_will_do() {
        let good = format!("t=1700000000000, v1={V1}");
        for secrets in [["secret", "other"], ["other", "secret"]] {
            let secrets = secrets.map(WebhookSecret::from);
            assert_eq!(verify(Some(&good), b"{}", &secrets, DEFAULT_TOLERANCE, NOW), Ok(()));
        }
    }

    #[test]
    fn the_tolerance_is_the_same_both_ways_and_its_edge_is_inside() {
        let good = format!("t=1700000000000, v1={V1}");
        let at = |millis| check(&good, b"{}", UnixMillis::from_millis(millis));
        assert_eq!(at(1_700_000_180_000), Ok(()));
        assert_eq!(at(1_700_000_180_001), Err(WebhookError::TooOld));
        assert_eq!(at(1_699_999_820_000), Ok(()));
        assert_eq!(at(1_699_999_819_999), Err(WebhookError::TooFarInFuture));
        assert_eq!(at(u64::MAX), Err(WebhookError::TooOld));
        assert_eq!(at(0), Err(WebhookError::TooFarInFuture));
    }

    #[test]
    fn a_header_that_is_none_is_malformed_and_its_absence_is_said() {
        for header in [
            "x",
            "t=1700000000000",
            &format!("v1={V1}"),
            &format!("t=, v1={V1}"),
            &format!("t=-1, v1={V1}"),
            &format!("t=1.5, v1={V1}"),
            &format!("t=17000000000000000, v1={V1}"),
            &format!("t=1, t=1700000000000, v1={V1}"),
            &format!("t=1700000000000; v1={V1}"),
            "t=1700000000000, v1=",
            "t=1700000000000, v1=zz",
            &format!("t=1700000000000, v1={}é", &V1[..62]),
            &format!("t=1700000000000, v1={}g", &V1[..63]),
            &format!("t=1700000000000{}", format!(", v1={V1}").repeat(9)),
            &format!("t=1700000000000, v1={V1}, x={}", "x".repeat(MAX_HEADER_BYTES)),
        ] {
            assert_eq!(check(header, b"{}", NOW), Err(WebhookError::MalformedSignature), "{header}");
        }
        for none in [None, Some(""), Some("  ")] {
            let missing = verify(none, b"{}", &["secret".into()], DEFAULT_TOLERANCE, NOW);
            assert_eq!(missing, Err(WebhookError::MissingSignature));
        }
    }

    #[test]
    fn a_body_over_64_kb_is_not_even_looked_at() {
        let body = vec![b' '; MAX_BODY_BYTES];
        assert_eq!(check(&format!("t=1, v1={V1}"), &body, NOW), Err(WebhookError::WrongSignature));
        assert_eq!(check("x", &[body, vec![b' ']].concat(), NOW), Err(WebhookError::TooLarge));
    }

    proptest! {
        #[test]
        fn no_change_of_a_body_passes(body in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assume!(body != b"{}");
            let good = format!("t=1700000000000, v1={V1}");
            prop_assert_eq!(check(&good, &body, NOW), Err(WebhookError::WrongSignature));
        }

        #[test]
        fn no_change_of_a_signature_or_time_passes(at in 2_usize..84, to in any::<char>()) {
            let mut good: Vec<char> = format!("t=1700000000000, v1={V1}").chars().collect();
            prop_assume!(!good[at].eq_ignore_ascii_case(&to) && !matches!(at, 15..20));
            good[at] = to;
            let changed: String = good.into_iter().collect();
            prop_assert!(check(&changed, b"{}", NOW).is_err(), "{}", changed);
        }

        #[test]
        fn noise_never_panics_and_never_passes(header in ".{0,200}", body in any::<Vec<u8>>(), now in any::<u64>()) {
            prop_assert!(check(&header, &body, UnixMillis::from_millis(now)).is_err());
            let dressed = format!("t=1,v1={header}");
            prop_assert!(check(&dressed, &body, UnixMillis::from_millis(now)).is_err());
        }
    }
}
