//! The device flow (RFC 8628): a code on one screen, confirmed on another.

use super::Body;
use crate::{
    errors::ApiError,
    state::{SignIn, State},
};
use sealkit_core::UnixMillis;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a device waits for its person.
const LIFETIME: Duration = Duration::from_secs(300);

/// How often it may ask, in seconds.
const INTERVAL: u64 = 5;

/// A device that waits.
#[derive(Debug)]
pub(crate) struct Device {
    user_code: String,
    decision: Option<Decision>,
    polled_at: Option<UnixMillis>,
    interval: Duration,
    expires_at: UnixMillis,
    used: bool,
}

#[derive(Debug)]
enum Decision {
    Approved(Box<SignIn>),
    Denied,
}

impl State {
    /// `POST /user_management/authorize/device`.
    pub(crate) fn authorize_device(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        if body.require("client_id")? != self.settings.client_id {
            return Err(ApiError::oauth("invalid_client", "Invalid client ID."));
        }
        let (device_code, user_code) = (self.ids.secret(), self.ids.user_code());
        let device = Device {
            user_code: user_code.clone(),
            decision: None,
            polled_at: None,
            interval: Duration::from_secs(INTERVAL),
            expires_at: now.saturating_add(LIFETIME),
            used: false,
        };
        self.devices.insert(device_code.clone(), device);
        let page = format!("{}/device", self.settings.base);
        Ok(json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={user_code}"),
            "expires_in": LIFETIME.as_secs(),
            "interval": INTERVAL,
        }))
    }

    pub(super) fn device_code(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let code = body.require("device_code")?;
        let Some(device) = self.devices.get_mut(code).filter(|device| !device.used) else {
            return Err(ApiError::invalid_grant("The device code is invalid."));
        };
        if now >= device.expires_at {
            return Err(ApiError::oauth("expired_token", "The device code has expired."));
        }
        let early = device.polled_at.is_some_and(|at| now.saturating_since(at) < device.interval);
        device.polled_at = Some(now);
        match &device.decision {
            Some(Decision::Approved(sign_in)) => {
                let sign_in = SignIn::clone(sign_in);
                device.used = true;
                self.complete(sign_in, now)
            }
            Some(Decision::Denied) => {
                device.used = true;
                Err(ApiError::oauth("access_denied", "The user denied the request."))
            }
            None if early => {
                device.interval += Duration::from_secs(INTERVAL);
                Err(ApiError::oauth("slow_down", "The device asks too often."))
            }
            None => Err(ApiError::oauth("authorization_pending", "The user has not decided yet.")),
        }
    }

    /// A person confirms the device (`Some`) or refuses it; false if nothing waits under this code.
    pub(crate) fn decide_device(
        &mut self,
        user_code: &str,
        sign_in: Option<SignIn>,
        now: UnixMillis,
    ) -> bool {
        let wanted = normalized(user_code);
        let waiting = |device: &&mut Device| {
            normalized(&device.user_code) == wanted && device.decision.is_none() && now < device.expires_at
        };
        let Some(device) = self.devices.values_mut().find(waiting) else { return false };
        device.decision =
            Some(sign_in.map_or(Decision::Denied, |sign_in| Decision::Approved(Box::new(sign_in))));
        true
    }
}

/// People leave the hyphen out and type in lower case (RFC 8628 §6.1).
fn normalized(user_code: &str) -> String {
    user_code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}
