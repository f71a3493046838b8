//! Values that must never be seen: redacted `Debug`, no `Display`, no `Serialize`, zeroized on drop.

use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;

/// Compares two secrets in constant time (for equal lengths; a length is no secret here).
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// `Debug` prints the type's name only; equality is constant-time; the bytes are wiped on drop.
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// The value itself. Never log it, never put it in an error or a URL.
            #[must_use]
            pub fn expose_secret(&self) -> &str {
                self.0.expose_secret()
            }

            /// True when there is nothing in it.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.expose_secret().is_empty()
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self(SecretString::from(value))
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(SecretString::from(value))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                constant_time_eq(self.expose_secret().as_bytes(), other.expose_secret().as_bytes())
            }
        }

        impl Eq for $name {}
    )*};
}

secrets! {
    /// A WorkOS access token: an RS256 JWT that lives for minutes (RFC 9068 profile, claims as AuthKit writes them).
    AccessToken;
    /// A WorkOS refresh token: opaque, rotates at every use.
    RefreshToken;
    /// A WorkOS API key (`sk_…`); it is also the client secret of the token endpoint.
    ApiKey;
    /// A cookie password. It never leaves the process.
    CookiePassword;
    /// A sealed session: the cookie's value before percent-encoding.
    SealedSession;
    /// A PKCE code verifier (RFC 7636 §4.1).
    CodeVerifier;
    /// The OAuth `state` of a sign-in: a seal, and the value of its verifier cookie (RFC 6749 §4.1.1).
    State;
    /// An authorization code (RFC 6749 §4.1.2).
    AuthorizationCode;
    /// The token that continues a sign-in which needs one more step. Never for a browser.
    PendingAuthenticationToken;
    /// The token that continues a sign-in whose user has no e-mail address yet. Never for a browser.
    EmailCompletionToken;
    /// The JSON body of a refusal whose code has no reason of its own, as the API sent it. It may hold a token that continues
    /// the sign-in. Never for a browser.
    UpstreamBody;
    /// A token of the identity provider that the user signed in with.
    ProviderToken;
    /// What webhooks are signed with.
    WebhookSecret;
    /// A one-time code, password or another credential that a person types.
    Credential;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_name_and_nothing_else() {
        assert_eq!(format!("{:?}", RefreshToken::from("rt_very_secret")), "RefreshToken([redacted])");
    }

    #[test]
    fn equality_compares_the_whole_value() {
        assert_eq!(ApiKey::from("sk_a"), ApiKey::from("sk_a"));
        assert_ne!(ApiKey::from("sk_a"), ApiKey::from("sk_b"));
        assert_ne!(ApiKey::from("sk_a"), ApiKey::from("sk_aa"));
    }
}
