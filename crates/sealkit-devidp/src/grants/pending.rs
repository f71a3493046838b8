//! The grants that continue a pending sign-in: e-mail verification and completion, organization selection, radar challenges.

use super::Body;
use crate::{
    errors::ApiError,
    mailbox,
    state::{SignIn, State, Wanted},
    step_up::{Continuation, Pending},
};
use sealkit_core::UnixMillis;
use serde_json::Value;

impl State {
    pub(super) fn email_verification(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let (code, token) = (body.require("code")?, body.require("pending_authentication_token")?);
        let user_id =
            self.pending_for(token, &[Continuation::EmailVerification], now)?.sign_in.user_id.clone();
        let held = self.email_codes.get_mut(&user_id).ok_or_else(mailbox::invalid_one_time_code)?;
        held.redeem(code, now)?;
        if let Some(user) = self.user_mut(&user_id) {
            user.email_verified = true;
            user.updated_at = now;
        }
        self.resume(token, body, now)
    }

    /// Gives the user the address. Whether it is the user's own is the business of the e-mail verification.
    pub(super) fn email_completion(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let (token, email) = (body.require("email_completion_token")?, body.require("email")?);
        if !email.contains('@') {
            return Err(ApiError::invalid("email", "invalid", "email must be an e-mail address"));
        }
        let user_id = self.pending_for(token, &[Continuation::EmailCompletion], now)?.sign_in.user_id.clone();
        if self.user_by_email(email).is_some_and(|user| user.id != user_id) {
            return Err(ApiError::bad_request("email_not_available", "This email is not available."));
        }
        if let Some(user) = self.user_mut(&user_id) {
            email.clone_into(&mut user.email);
            user.updated_at = now;
        }
        self.resume(token, body, now)
    }

    pub(super) fn organization_selection(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let (token, id) = (body.require("pending_authentication_token")?, body.require("organization_id")?);
        let user_id =
            self.pending_for(token, &[Continuation::OrganizationSelection], now)?.sign_in.user_id.clone();
        if self.user(&user_id).and_then(|user| user.membership(id)).is_none() {
            return Err(ApiError::bad_request("invalid_organization_id", "Invalid organization ID."));
        }
        self.pending_for(token, &[Continuation::OrganizationSelection], now)?.sign_in.organization =
            Wanted::Organization(id.to_owned());
        self.resume(token, body, now)
    }

    pub(super) fn radar_email(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let (code, token) = (body.require("code")?, body.require("pending_authentication_token")?);
        let challenge = body.require("radar_challenge_id")?;
        let pending = self.pending_for(token, &[Continuation::RadarEmail], now)?;
        if pending.challenge_id.as_deref() != Some(challenge) {
            return Err(mailbox::invalid_one_time_code());
        }
        redeem(pending, code, now)?;
        self.resume(token, body, now)
    }

    pub(super) fn radar_sms(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let (code, token) = (body.require("code")?, body.require("pending_authentication_token")?);
        let pending =
            self.pending_for(token, &[Continuation::RadarSms, Continuation::RadarSmsSignUp], now)?;
        if pending.step.continuation() == Continuation::RadarSmsSignUp {
            if body.text("phone_number").is_none() {
                return Err(ApiError::bad_request("phone_number_required", "A phone number is required."));
            }
            let Some(verification) = body.text("verification_id") else {
                return Err(ApiError::bad_request(
                    "verification_id_required",
                    "A verification ID is required.",
                ));
            };
            if pending.challenge_id.as_deref() != Some(verification) {
                return Err(mailbox::invalid_one_time_code());
            }
        }
        redeem(pending, code, now)?;
        self.resume(token, body, now)
    }

    /// The pending sign-in of this token, if one of these grants may continue it.
    pub(super) fn pending_for(
        &mut self,
        token: &str,
        by: &[Continuation],
        now: UnixMillis,
    ) -> Result<&mut Pending, ApiError> {
        self.pending
            .get_mut(token)
            .filter(|pending| pending.is_usable(now) && by.contains(&pending.step.continuation()))
            .ok_or_else(|| {
                let message = "The pending authentication token is invalid or has expired.";
                ApiError::bad_request("invalid_pending_authentication_token", message)
            })
    }

    /// Uses the pending token up and goes on where the sign-in stopped: to tokens or to the next step.
    pub(super) fn resume(&mut self, token: &str, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let Some(pending) = self.pending.get_mut(token) else {
            return Err(ApiError::internal("the pending sign-in is gone"));
        };
        pending.used = true;
        let mut sign_in: SignIn = pending.sign_in.clone();
        sign_in.completed.push(pending.step.code());
        sign_in.ip_address = body.text("ip_address").map(str::to_owned).or(sign_in.ip_address);
        sign_in.user_agent = body.text("user_agent").map(str::to_owned).or(sign_in.user_agent);
        self.complete(sign_in, now)
    }
}

fn redeem(pending: &mut Pending, code: &str, now: UnixMillis) -> Result<(), ApiError> {
    pending.code.as_mut().ok_or_else(mailbox::invalid_one_time_code)?.redeem(code, now)
}
