//! What belongs to a request besides its grant: who asks, and which requests are the same one.

use http::HeaderValue;
use sealkit_core::{RandomUnavailable, SecureRandom};
use std::{fmt::Write as _, net::IpAddr, time::Duration};

/// The value of `Idempotency-Key`: one per logical grant, shared by all attempts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(HeaderValue);

impl IdempotencyKey {
    /// A fresh key: `sealkit-` and 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// [`RandomUnavailable`] when there is no randomness.
    pub fn random(random: &dyn SecureRandom) -> Result<Self, RandomUnavailable> {
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        let mut text = String::from("sealkit-");
        for byte in bytes {
            // Writing into a String never fails.
            let _ = write!(text, "{byte:02x}");
        }
        HeaderValue::try_from(text).map(Self).map_err(|_| RandomUnavailable::new())
    }

    pub(super) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// What is sent with any grant besides the grant itself. All of it is optional.
///
/// The address, user agent and device id are the end user's, for WorkOS's own records and fraud protection.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RequestContext {
    /// `Idempotency-Key`, the same for every attempt of one grant.
    pub idempotency_key: Option<IdempotencyKey>,
    /// `ip_address` of the user. Radar in Decision mode demands it of the `authorization_code`, `password` and
    /// `email-completion` grants. [`TrustedProxies::client_address`](sealkit_core::TrustedProxies::client_address) decides it.
    pub ip_address: Option<IpAddr>,
    /// `user_agent` of the user's browser. Empty is as good as none.
    pub user_agent: Option<String>,
    /// `device_id` of the user's device. Empty is as good as none.
    pub device_id: Option<String>,
    /// How long this attempt may take, in place of the transport's own limit. It is not sent.
    pub time_limit: Option<Duration>,
}

impl RequestContext {
    /// Nothing but this key.
    #[must_use]
    pub fn with_idempotency_key(key: IdempotencyKey) -> Self {
        Self { idempotency_key: Some(key), ..Self::default() }
    }

    /// The same, and the attempt may take so long.
    #[must_use]
    pub fn with_time_limit(self, limit: Duration) -> Self {
        Self { time_limit: Some(limit), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealkit_core::SystemRandom;

    #[test]
    fn keys_are_fresh_and_printable() {
        let one = IdempotencyKey::random(&SystemRandom).unwrap();
        assert_ne!(one, IdempotencyKey::random(&SystemRandom).unwrap());
        let text = one.header_value().to_str().unwrap().to_owned();
        assert_eq!(text.len(), "sealkit-".len() + 32);
        assert!(text.starts_with("sealkit-"), "{text}");
    }
}
