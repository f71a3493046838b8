//! Device authorization (RFC 8628 §3.2).

use super::body::DeviceBody;
use sealkit_core::Credential;
use std::{fmt, time::Duration};

/// How often to poll when the answer does not say (RFC 8628 §3.2).
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// The beginning of a device's sign-in: show the code and the address to the user, and poll with the device code.
///
/// `Debug` shows no code: whoever sees one can take the sign-in over.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeviceAuthorization {
    /// For [`DeviceCodeGrant`](super::DeviceCodeGrant). Never shown to anybody.
    pub device_code: Credential,
    /// What the user types on the other device.
    pub user_code: String,
    /// Where the user types it.
    pub verification_uri: String,
    /// The same address with the code in it, for a QR code.
    pub verification_uri_complete: Option<String>,
    /// How long the codes live, from the answer on.
    pub expires_in: Duration,
    /// How long to wait between two polls; `slow_down` adds 5 s to it (RFC 8628 §3.5).
    pub interval: Duration,
}

impl DeviceAuthorization {
    /// Reads an answer; `None` when it lacks a code, the address or the lifetime.
    pub(super) fn from_json(body: &[u8]) -> Option<Self> {
        let body: DeviceBody = serde_json::from_slice(body).ok()?;
        if body.device_code.is_empty() || body.user_code.is_empty() || body.verification_uri.is_empty() {
            return None;
        }
        Some(Self {
            device_code: body.device_code.into(),
            user_code: body.user_code,
            verification_uri: body.verification_uri,
            verification_uri_complete: body.verification_uri_complete,
            expires_in: Duration::from_secs(body.expires_in),
            interval: body.interval.map_or(DEFAULT_INTERVAL, Duration::from_secs),
        })
    }
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorization")
            .field("verification_uri", &self.verification_uri)
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_needs_codes_address_and_lifetime() {
        let full = r#"{"device_code":"d","user_code":"U-1","verification_uri":"https://a/d","expires_in":300,"more":1}"#;
        let device = DeviceAuthorization::from_json(full.as_bytes()).unwrap();
        assert_eq!(device.interval, DEFAULT_INTERVAL);
        assert_eq!(device.expires_in, Duration::from_secs(300));
        for gone in [r#""device_code":"d","#, r#""user_code":"U-1","#, r#""verification_uri":"https://a/d","#]
        {
            assert!(DeviceAuthorization::from_json(full.replace(gone, "").as_bytes()).is_none(), "{gone}");
        }
        assert!(DeviceAuthorization::from_json(full.replace("\"d\"", "\"\"").as_bytes()).is_none());
    }

    #[test]
    fn debug_shows_no_code() {
        let answer = r#"{"device_code":"d_secret","user_code":"U-SECRET","verification_uri":"https://a/d",
            "verification_uri_complete":"https://a/d?user_code=U-SECRET","expires_in":300}"#;
        let device = DeviceAuthorization::from_json(answer.as_bytes()).unwrap();
        assert_eq!(device.verification_uri_complete.as_deref(), Some("https://a/d?user_code=U-SECRET"));
        let shown = format!("{device:?}").to_lowercase();
        assert!(shown.contains("https://a/d") && !shown.contains("secret"), "{shown}");
    }
}
