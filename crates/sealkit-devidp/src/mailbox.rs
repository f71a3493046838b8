//! One-time codes: made, "sent" to a mailbox that tests read, and checked.

use crate::{DevIdp, IdpError, clock::rfc3339, errors::ApiError, idp::known_user, state::State};
use aws_lc_rs::hmac;
use sealkit_core::{UnixMillis, constant_time_eq};
use serde_json::{Value, json};
use std::{collections::VecDeque, fmt, time::Duration};

/// How long a code that was sent can be used.
const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How many wrong attempts a code survives.
const ATTEMPTS: u8 = 5;

/// How many messages are kept.
const KEPT: usize = 1_000;

/// Why a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageKind {
    /// Sign-in by e-mail code.
    MagicAuth,
    /// Confirmation of an e-mail address.
    EmailVerification,
    /// A code demanded by a radar challenge, by e-mail.
    RadarEmailChallenge,
    /// A code demanded by a radar challenge, by text message.
    RadarSmsChallenge,
}

/// A message that production would have sent. `Debug` does not show the code.
#[derive(Clone)]
#[non_exhaustive]
pub struct Message {
    /// The address.
    pub to: String,
    /// Why.
    pub kind: MessageKind,
    /// What it is about: the id of the verification or challenge.
    pub id: String,
    /// The six digits.
    pub code: String,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("to", &self.to).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A code that can be used once, for a while, and guessed at a few times.
#[derive(Clone)]
pub(crate) struct OneTimeCode {
    pub(crate) id: String,
    code: String,
    expires_at: UnixMillis,
    attempts: u8,
    used: bool,
}

impl OneTimeCode {
    /// Uses the code up, or says why it cannot be.
    pub(crate) fn redeem(&mut self, attempt: &str, now: UnixMillis) -> Result<(), ApiError> {
        if self.used {
            return Err(refusal("one_time_code_previously_used", "This code has already been used."));
        }
        if self.attempts >= ATTEMPTS {
            return Err(refusal("one_time_code_too_many_attempts", "Too many attempts with this code."));
        }
        if now >= self.expires_at {
            return Err(refusal("one_time_code_expired", "This code has expired."));
        }
        if !constant_time_eq(self.code.as_bytes(), attempt.as_bytes()) {
            self.attempts = self.attempts.saturating_add(1);
            return Err(invalid_one_time_code());
        }
        self.used = true;
        Ok(())
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTimeCode").field("id", &self.id).finish_non_exhaustive()
    }
}

pub(crate) fn invalid_one_time_code() -> ApiError {
    refusal("invalid_one_time_code", "Invalid one-time code.")
}

fn refusal(code: &str, message: &str) -> ApiError {
    ApiError::bad_request(code, message)
}

impl State {
    /// Makes a code and puts it into the mailbox.
    pub(crate) fn send_code(
        &mut self,
        kind: MessageKind,
        to: &str,
        id: &str,
        now: UnixMillis,
    ) -> OneTimeCode {
        let code = self.ids.digits();
        push(&mut self.mailbox, Message { to: to.to_owned(), kind, id: id.to_owned(), code: code.clone() });
        let expires_at = now.saturating_add(CODE_LIFETIME);
        OneTimeCode { id: id.to_owned(), code, expires_at, attempts: 0, used: false }
    }

    /// Sends a code that confirms the user's address; answers its id.
    pub(crate) fn send_email_verification(&mut self, user_id: &str, now: UnixMillis) -> String {
        let id = self.ids.id("email_verification", now);
        let email = self.user(user_id).map(|user| user.email.clone()).unwrap_or_default();
        let code = self.send_code(MessageKind::EmailVerification, &email, &id, now);
        self.email_codes.insert(user_id.to_owned(), code);
        id
    }

    /// Sends a sign-in code and answers the magic auth object, which holds the code for callers with an API key.
    pub(crate) fn send_magic_auth(&mut self, email: &str, now: UnixMillis) -> Result<Value, ApiError> {
        let Some(user) = self.user(email) else {
            return Err(ApiError::not_found(format!("User not found: '{email}'.")));
        };
        let (user_id, email) = (user.id.clone(), user.email.clone());
        let id = self.ids.id("magic_auth", now);
        let code = self.send_code(MessageKind::MagicAuth, &email, &id, now);
        let answer = json!({
            "object": "magic_auth",
            "id": id,
            "user_id": user_id,
            "email": email,
            "expires_at": rfc3339(code.expires_at),
            "code": code.code,
            "created_at": rfc3339(now),
            "updated_at": rfc3339(now),
        });
        self.magic_codes.insert(user_id, code);
        Ok(answer)
    }
}

fn push(mailbox: &mut VecDeque<Message>, message: Message) {
    if mailbox.len() >= KEPT {
        mailbox.pop_front();
    }
    mailbox.push_back(message);
}

/// The six digits of a time-based one-time password: HMAC-SHA1, steps of 30 s (RFC 6238, RFC 4226 §5.3).
pub(crate) fn totp(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().copied().unwrap_or_default() & 0x0F);
    let word = bytes.iter().skip(offset).take(4).fold(0_u32, |n, byte| (n << 8) | u32::from(*byte));
    format!("{:06}", (word & 0x7FFF_FFFF) % 1_000_000)
}

/// The step of 30 s in which `now` lies.
pub(crate) fn totp_step(now: UnixMillis) -> u64 {
    now.as_secs() / 30
}

impl DevIdp {
    /// Every message "sent" so far, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.with(|state, _| state.mailbox.iter().cloned().collect())
    }

    /// The newest one-time code sent to this address.
    #[must_use]
    pub fn one_time_code(&self, email: &str) -> Option<String> {
        self.with(|state, _| {
            let newest = state.mailbox.iter().rev().find(|message| message.to.eq_ignore_ascii_case(email));
            newest.map(|message| message.code.clone())
        })
    }

    /// What the user's authenticator application shows now.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn totp_code(&self, user: &str) -> Result<String, IdpError> {
        self.with(|state, now| Ok(totp(&known_user(state, user)?.totp_secret(), totp_step(now))))
    }

    /// Sends a sign-in code; answers it.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn send_magic_auth(&self, user: &str) -> Result<String, IdpError> {
        self.with(|state, now| {
            let email = known_user(state, user)?.email.clone();
            let answer = state.send_magic_auth(&email, now)?;
            Ok(answer.get("code").and_then(Value::as_str).unwrap_or_default().to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totp_agrees_with_rfc_6238() {
        // Appendix B, SHA-1, the last six of its eight digits.
        for (seconds, digits) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp(b"12345678901234567890", seconds / 30), digits, "{seconds}");
        }
    }

    #[test]
    fn a_code_works_once_in_time_and_with_few_guesses() {
        let now = UnixMillis::from_secs(1_000);
        let fresh = OneTimeCode {
            id: String::new(),
            code: "123456".to_owned(),
            expires_at: now.saturating_add(CODE_LIFETIME),
            attempts: 0,
            used: false,
        };
        let code_of = |result: Result<(), ApiError>| result.unwrap_err().code().to_owned();

        let mut code = fresh.clone();
        assert_eq!(code_of(code.redeem("000000", now)), "invalid_one_time_code");
        assert_eq!(code.redeem("123456", now), Ok(()));
        assert_eq!(code_of(code.redeem("123456", now)), "one_time_code_previously_used");

        let mut code = fresh.clone();
        assert_eq!(code_of(code.redeem("123456", code.expires_at)), "one_time_code_expired");

        let mut code = fresh;
        for _ in 0..ATTEMPTS {
            assert_eq!(code_of(code.redeem("0", now)), "invalid_one_time_code");
        }
        assert_eq!(code_of(code.redeem("123456", now)), "one_time_code_too_many_attempts");
    }
}
