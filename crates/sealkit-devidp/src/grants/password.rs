//! `password`.

use super::Body;
use crate::{errors::ApiError, state::State};
use sealkit_core::UnixMillis;
use serde_json::Value;

impl State {
    pub(super) fn password(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let (email, password) = (body.require("email")?, body.require("password")?);
        let Some(user) = self.user_by_email(email).filter(|user| user.has_password(password)) else {
            return Err(ApiError::bad_request("invalid_credentials", "Invalid credentials."));
        };
        let mut sign_in = self.sign_in(&user.id, "Password", body, now);
        self.accept_invitation(&mut sign_in, body)?;
        self.complete(sign_in, now)
    }
}
