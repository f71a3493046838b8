//! `authorization_code`: single use, ten minutes, bound to its PKCE challenge and redirect URI.

use super::{Body, Client};
use crate::{errors::ApiError, state::State};
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sealkit_core::{UnixMillis, constant_time_eq};
use serde_json::Value;

impl State {
    pub(super) fn authorization_code(
        &mut self,
        client: Client,
        body: &Body,
        now: UnixMillis,
    ) -> Result<Value, ApiError> {
        let code = body.require("code")?;
        let Some(held) = self.codes.get_mut(code).filter(|held| !held.used && now < held.expires_at) else {
            let message = "The code has expired, has been used, or is invalid.";
            return Err(ApiError::invalid_grant(message));
        };
        // The API's own clients do not name the redirect URI again; one that does has to name the same.
        if let (Some(stated), Some(bound)) = (body.text("redirect_uri"), &held.redirect_uri)
            && stated != bound
        {
            let message = "The redirect URI is not the one of the authorization request.";
            return Err(ApiError::invalid_grant(message));
        }
        match (&held.challenge, body.text("code_verifier")) {
            (Some(challenge), Some(verifier)) if matches(challenge, verifier) => {}
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid_grant("The code verifier does not match the code challenge."));
            }
            (Some(_), None) => return Err(ApiError::invalid_grant("A code verifier is required.")),
            (None, Some(_)) => {
                let message = "The authorization request had no code challenge.";
                return Err(ApiError::bad_request("code_challenge_not_found", message));
            }
            (None, None) if client == Client::Public => {
                let message = "client_secret or code_verifier is required.";
                return Err(ApiError::oauth("invalid_client", message));
            }
            (None, None) => {}
        }
        held.used = true;
        let mut sign_in = held.sign_in.clone();
        sign_in.ip_address = body.text("ip_address").map(str::to_owned);
        sign_in.user_agent = body.text("user_agent").map(str::to_owned);
        self.accept_invitation(&mut sign_in, body)?;
        self.complete(sign_in, now)
    }
}

/// S256: the challenge is the unpadded base64url of the verifier's SHA-256 (RFC 7636 §4.6).
fn matches(challenge: &str, verifier: &str) -> bool {
    let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
    constant_time_eq(URL_SAFE_NO_PAD.encode(digest).as_bytes(), challenge.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn s256_agrees_with_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(matches("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", verifier));
        assert!(!matches("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "another verifier"));
    }
}
