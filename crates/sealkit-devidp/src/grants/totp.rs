//! `urn:workos:oauth:grant-type:mfa-totp`, and the two calls that lead to it: enrolling and challenging a factor.

use super::Body;
use crate::{
    clock::rfc3339,
    errors::ApiError,
    mailbox::{invalid_one_time_code, totp, totp_step},
    state::State,
    step_up::Continuation,
    users::User,
};
use sealkit_core::UnixMillis;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a challenge can be answered.
const CHALLENGE: Duration = Duration::from_secs(10 * 60);

/// A challenge of somebody's one-time password generator.
#[derive(Debug)]
pub(crate) struct FactorChallenge {
    user_id: String,
    expires_at: UnixMillis,
    used: bool,
}

impl State {
    pub(super) fn totp(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let (code, token) = (body.require("code")?, body.require("pending_authentication_token")?);
        let challenge_id = body.require("authentication_challenge_id")?;
        let user_id = self.pending_for(token, &[Continuation::Totp], now)?.sign_in.user_id.clone();
        let secret = self.user(&user_id).map(User::totp_secret).unwrap_or_default();
        let Some(challenge) = self.factor_challenges.get_mut(challenge_id) else {
            return Err(ApiError::not_found(format!(
                "Authentication challenge not found: '{challenge_id}'."
            )));
        };
        if challenge.user_id != user_id {
            return Err(ApiError::bad_request("user_mismatch", "The challenge belongs to another user."));
        }
        if challenge.used {
            return Err(ApiError::bad_request(
                "one_time_code_previously_used",
                "This challenge has been answered.",
            ));
        }
        if now >= challenge.expires_at {
            return Err(ApiError::bad_request("one_time_code_expired", "This challenge has expired."));
        }
        // One step of tolerance either way (RFC 6238 §5.2).
        let step = totp_step(now);
        if ![step.saturating_sub(1), step, step.saturating_add(1)]
            .into_iter()
            .any(|at| totp(&secret, at) == code)
        {
            return Err(invalid_one_time_code());
        }
        challenge.used = true;
        self.resume(token, body, now)
    }

    /// `POST /user_management/users/{id}/auth_factors`.
    pub(crate) fn enroll_factor(&mut self, user_id: &str, now: UnixMillis) -> Result<Value, ApiError> {
        let Some(user) = self.user(user_id).cloned() else {
            return Err(ApiError::not_found(format!("User not found: '{user_id}'.")));
        };
        let secret = base32(&user.totp_secret());
        let factor = json!({
            "object": "authentication_factor",
            "id": user.factor_id(),
            "user_id": user.id,
            "type": "totp",
            "totp": {
                "issuer": "sealkit",
                "user": user.email,
                "secret": secret,
                "uri": format!("otpauth://totp/sealkit:{}?secret={secret}&issuer=sealkit", user.email),
                "qr_code": "",
            },
            "created_at": rfc3339(now),
            "updated_at": rfc3339(now),
        });
        let challenge = self.challenge(&user, now);
        Ok(json!({ "authentication_factor": factor, "authentication_challenge": challenge }))
    }

    /// `POST /auth/factors/{id}/challenge`.
    pub(crate) fn challenge_factor(&mut self, factor_id: &str, now: UnixMillis) -> Result<Value, ApiError> {
        let Some(user) = self.users.iter().find(|user| user.factor_id() == factor_id).cloned() else {
            return Err(ApiError::not_found(format!("Authentication factor not found: '{factor_id}'.")));
        };
        Ok(self.challenge(&user, now))
    }

    fn challenge(&mut self, user: &User, now: UnixMillis) -> Value {
        let id = self.ids.id("auth_challenge", now);
        let expires_at = now.saturating_add(CHALLENGE);
        let entry = FactorChallenge { user_id: user.id.clone(), expires_at, used: false };
        self.factor_challenges.insert(id.clone(), entry);
        json!({
            "object": "authentication_challenge",
            "id": id,
            "authentication_factor_id": user.factor_id(),
            "expires_at": rfc3339(expires_at),
            "created_at": rfc3339(now),
            "updated_at": rfc3339(now),
        })
    }
}

/// Base32 without padding (RFC 4648 §6), as authenticator applications take a secret.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut out, mut buffer, mut bits) = (String::new(), 0_u32, 0_u32);
    let mut push = |five: u32| {
        let digit = usize::try_from(five & 31).ok().and_then(|at| ALPHABET.get(at));
        out.extend(digit.map(|byte| char::from(*byte)));
    };
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(buffer >> bits);
        }
        buffer &= 0xFF;
    }
    if bits > 0 {
        push(buffer << (5 - bits));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::base32;

    #[test]
    fn base32_agrees_with_rfc_4648() {
        for (plain, coded) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foob", "MZXW6YQ"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(plain.as_bytes()), coded);
        }
    }
}
