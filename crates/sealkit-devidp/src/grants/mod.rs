//! `POST /user_management/authenticate`: who asks, which grant, and what comes of it.

mod authorization_code;
pub(crate) mod device;
mod magic_auth;
mod password;
mod pending;
mod refresh_token;
pub(crate) mod totp;

use crate::{
    errors::ApiError,
    state::{SignIn, State, Wanted},
    users::Membership,
};
use http::{HeaderMap, header};
use sealkit_core::{ApiKey, UnixMillis, constant_time_eq};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// An invitation to an organization.
#[derive(Debug)]
pub(crate) struct Invitation {
    pub(crate) email: String,
    pub(crate) membership: Membership,
    pub(crate) used: bool,
}

/// The members of a request's body.
pub(crate) struct Body(Map<String, Value>);

impl Body {
    /// From JSON or a form.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        parse_body(headers, body).map(Self).ok_or_else(|| {
            ApiError::invalid("body", "invalid", "the body is neither a JSON object nor a form")
        })
    }

    /// A text member that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing(name))
    }
}

/// The members of a body, from JSON or, by its content type, from a form.
pub(crate) fn parse_body(headers: &HeaderMap, body: &[u8]) -> Option<Map<String, Value>> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("application/x-www-form-urlencoded") {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).ok()?;
        return Some(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect());
    }
    serde_json::from_slice(body).ok()
}

/// Whether the caller proved to hold the API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Confidential,
    Public,
}

impl State {
    /// Carries out one grant.
    pub(crate) fn authenticate(
        &mut self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<Value, ApiError> {
        let body = Body::read(headers, body)?;
        let client = self.client(headers, &body)?;
        let grant = Grant::parse(body.require("grant_type")?)?;
        if client == Client::Public && !grant.may_be_public() {
            return Err(ApiError::oauth("invalid_client", "client_secret is required for this grant type."));
        }
        if grant.needs_ip_address() {
            self.require_ip_address(&body)?;
        }
        match grant {
            Grant::AuthorizationCode => self.authorization_code(client, &body, now),
            Grant::RefreshToken => self.refresh(&body, now),
            Grant::Password => self.password(&body, now),
            Grant::MagicAuth => self.magic_auth(&body, now),
            Grant::EmailVerification => self.email_verification(&body, now),
            Grant::EmailCompletion => self.email_completion(&body, now),
            Grant::Totp => self.totp(&body, now),
            Grant::OrganizationSelection => self.organization_selection(&body, now),
            Grant::RadarEmail => self.radar_email(&body, now),
            Grant::RadarSms => self.radar_sms(&body, now),
            Grant::DeviceCode => self.device_code(&body, now),
        }
    }

    fn client(&self, headers: &HeaderMap, body: &Body) -> Result<Client, ApiError> {
        let client_id = body.require("client_id")?;
        if !constant_time_eq(client_id.as_bytes(), self.settings.client_id.as_bytes()) {
            return Err(ApiError::oauth("invalid_client", "Invalid client ID."));
        }
        let bearer = headers.contains_key(header::AUTHORIZATION);
        if bearer {
            self.require_api_key(headers)?;
        }
        match body.text("client_secret") {
            Some(secret) if ApiKey::from(secret) == self.settings.api_key => Ok(Client::Confidential),
            Some(_) => Err(ApiError::oauth("invalid_client", "Invalid client secret.")),
            None if bearer => Ok(Client::Confidential),
            None => Ok(Client::Public),
        }
    }

    /// `Authorization: Bearer` with this provider's key and no other.
    pub(crate) fn require_api_key(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let presented = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| ApiKey::from(key.trim()));
        if presented.as_ref() == Some(&self.settings.api_key) {
            Ok(())
        } else {
            Err(ApiError::unauthorized())
        }
    }

    /// The user's address, which Radar in Decision mode judges by. Nothing is spent by a request without it.
    pub(crate) fn require_ip_address(&self, body: &Body) -> Result<(), ApiError> {
        match body.text("ip_address") {
            Some(address) if address.parse::<IpAddr>().is_err() => {
                Err(ApiError::invalid("ip_address", "invalid", "ip_address must be an IP address"))
            }
            None if self.settings.radar_decides => {
                let message = "ip_address is required when Radar is in Decision mode.";
                Err(ApiError::bad_request("ip_address_required", message))
            }
            _ => Ok(()),
        }
    }

    /// Begins a sign-in of this user with what the request says about the browser.
    fn sign_in(&self, user_id: &str, method: &str, body: &Body, now: UnixMillis) -> SignIn {
        let mut sign_in = SignIn::new(user_id, method, now);
        sign_in.ip_address = body.text("ip_address").map(str::to_owned);
        sign_in.user_agent = body.text("user_agent").map(str::to_owned);
        sign_in
    }

    /// Accepts the invitation that the request brings, if it brings one.
    fn accept_invitation(&mut self, sign_in: &mut SignIn, body: &Body) -> Result<(), ApiError> {
        let Some(token) = body.text("invitation_token") else { return Ok(()) };
        let email = self.user(&sign_in.user_id).map(|user| user.email.clone()).unwrap_or_default();
        let Some(invitation) = self.invitations.get_mut(token).filter(|invitation| !invitation.used) else {
            return Err(ApiError::oauth("invitation_invalid", "The invitation is not valid."));
        };
        if !invitation.email.eq_ignore_ascii_case(&email) {
            let message = "The invitation was sent to another e-mail address.";
            return Err(ApiError::oauth("invitation_cannot_be_used_for_email", message));
        }
        invitation.used = true;
        let membership = invitation.membership.clone();
        sign_in.organization = Wanted::Organization(membership.organization().id().to_owned());
        if let Some(user) = self.user_mut(&sign_in.user_id) {
            user.join(membership);
        }
        Ok(())
    }
}

enum Grant {
    AuthorizationCode,
    RefreshToken,
    Password,
    MagicAuth,
    EmailVerification,
    EmailCompletion,
    Totp,
    OrganizationSelection,
    RadarEmail,
    RadarSms,
    DeviceCode,
}

impl Grant {
    fn parse(name: &str) -> Result<Self, ApiError> {
        if let Some(own) = name.strip_prefix("urn:workos:oauth:grant-type:") {
            match own {
                "magic-auth:code" | "magic-auth" => return Ok(Self::MagicAuth),
                "email-verification:code" | "email-verification" => return Ok(Self::EmailVerification),
                "email-completion" => return Ok(Self::EmailCompletion),
                "mfa-totp" => return Ok(Self::Totp),
                "organization-selection" => return Ok(Self::OrganizationSelection),
                "radar-email-challenge:code" => return Ok(Self::RadarEmail),
                "radar-sms-challenge:code" => return Ok(Self::RadarSms),
                _ => {}
            }
        }
        match name {
            "authorization_code" => Ok(Self::AuthorizationCode),
            "refresh_token" => Ok(Self::RefreshToken),
            "password" => Ok(Self::Password),
            "urn:ietf:params:oauth:grant-type:device_code" => Ok(Self::DeviceCode),
            _ => Err(ApiError::oauth("unsupported_grant_type", "Unsupported grant type.")),
        }
    }

    /// Those that demand the user's address while Radar is in Decision mode.
    fn needs_ip_address(&self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::Password | Self::EmailCompletion)
    }

    fn may_be_public(&self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::RefreshToken | Self::DeviceCode)
    }
}
