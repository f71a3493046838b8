//! `urn:workos:oauth:grant-type:magic-auth:code`.

use super::Body;
use crate::{errors::ApiError, mailbox, state::State};
use sealkit_core::UnixMillis;
use serde_json::Value;

impl State {
    pub(super) fn magic_auth(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let (code, email) = (body.require("code")?, body.require("email")?);
        let Some(user_id) = self.user_by_email(email).map(|user| user.id.clone()) else {
            return Err(mailbox::invalid_one_time_code());
        };
        let held = self.magic_codes.get_mut(&user_id).ok_or_else(mailbox::invalid_one_time_code)?;
        held.redeem(code, now)?;
        // Whoever read the code in the mail has shown that the address is theirs.
        if let Some(user) = self.user_mut(&user_id) {
            user.email_verified = true;
        }
        let mut sign_in = self.sign_in(&user_id, "MagicAuth", body, now);
        self.accept_invitation(&mut sign_in, body)?;
        self.complete(sign_in, now)
    }
}
