//! Sign-ins that need one more step, and the pending tokens that continue them.

use crate::{
    clock::rfc3339,
    errors::ApiError,
    mailbox::{MessageKind, OneTimeCode},
    state::{SignIn, State},
};
use http::StatusCode;
use sealkit_core::UnixMillis;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long a pending token can be used.
const PENDING: Duration = Duration::from_secs(10 * 60);

/// One more step that the API demands before it gives out tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepUp {
    /// `email_verification_required`: completed by the email-verification grant.
    EmailVerification,
    /// `email_completion_required`: completed by the email-completion grant, which gives the user an address.
    EmailCompletion,
    /// `mfa_enrollment`: completed by enrolling a factor and the mfa-totp grant.
    MfaEnrollment,
    /// `mfa_challenge`: completed by challenging the factor and the mfa-totp grant.
    MfaChallenge,
    /// `mfa_verification`, which one SDK knows: completed like [`StepUp::MfaChallenge`].
    MfaVerification,
    /// `organization_selection_required`: completed by the organization-selection grant.
    OrganizationSelection,
    /// `sso_required`, in the OAuth shape.
    SsoRequired {
        /// The connections to choose from.
        connection_ids: Vec<String>,
    },
    /// `organization_authentication_methods_required`, in the OAuth shape.
    OrganizationAuthenticationMethods {
        /// The connections to choose from.
        sso_connection_ids: Vec<String>,
        /// Which of `apple_oauth`, `github_oauth`, `google_oauth`, `magic_auth`, `microsoft_oauth`, `password` are allowed.
        allowed: Vec<String>,
    },
    /// `authentication_method_not_allowed`: no grant completes it.
    AuthenticationMethodNotAllowed,
    /// `email_password_auth_disabled`: no grant completes it.
    EmailPasswordAuthDisabled,
    /// `passkey_progressive_enrollment`: no grant completes it.
    PasskeyProgressiveEnrollment,
    /// `application_consent_required`: no grant completes it.
    ApplicationConsentRequired,
    /// `radar_challenge`: completed by the radar-email-challenge grant.
    RadarChallenge,
    /// `radar_email_challenge`, which one SDK knows: completed like [`StepUp::RadarChallenge`].
    RadarEmailChallenge,
    /// `radar_sign_up_challenge`: completed by the radar-sms-challenge grant, with phone number and verification id.
    RadarSignUpChallenge,
    /// `radar_sms_sign_in_challenge`: completed by the radar-sms-challenge grant.
    RadarSmsSignInChallenge,
    /// `radar_sms_challenge`, which one SDK knows: completed like [`StepUp::RadarSmsSignInChallenge`].
    RadarSmsChallenge,
}

impl StepUp {
    /// The code in the answer.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EmailVerification => "email_verification_required",
            Self::EmailCompletion => "email_completion_required",
            Self::MfaEnrollment => "mfa_enrollment",
            Self::MfaChallenge => "mfa_challenge",
            Self::MfaVerification => "mfa_verification",
            Self::OrganizationSelection => "organization_selection_required",
            Self::SsoRequired { .. } => "sso_required",
            Self::OrganizationAuthenticationMethods { .. } => "organization_authentication_methods_required",
            Self::AuthenticationMethodNotAllowed => "authentication_method_not_allowed",
            Self::EmailPasswordAuthDisabled => "email_password_auth_disabled",
            Self::PasskeyProgressiveEnrollment => "passkey_progressive_enrollment",
            Self::ApplicationConsentRequired => "application_consent_required",
            Self::RadarChallenge => "radar_challenge",
            Self::RadarEmailChallenge => "radar_email_challenge",
            Self::RadarSignUpChallenge => "radar_sign_up_challenge",
            Self::RadarSmsSignInChallenge => "radar_sms_sign_in_challenge",
            Self::RadarSmsChallenge => "radar_sms_challenge",
        }
    }

    /// Which grant continues from here.
    pub(crate) const fn continuation(&self) -> Continuation {
        match self {
            Self::EmailVerification => Continuation::EmailVerification,
            Self::EmailCompletion => Continuation::EmailCompletion,
            Self::MfaEnrollment | Self::MfaChallenge | Self::MfaVerification => Continuation::Totp,
            Self::OrganizationSelection => Continuation::OrganizationSelection,
            Self::RadarChallenge | Self::RadarEmailChallenge => Continuation::RadarEmail,
            Self::RadarSignUpChallenge => Continuation::RadarSmsSignUp,
            Self::RadarSmsSignInChallenge | Self::RadarSmsChallenge => Continuation::RadarSms,
            _ => Continuation::Nothing,
        }
    }

    const fn message(&self) -> &'static str {
        match self {
            Self::EmailVerification => "Email ownership must be verified before authentication.",
            Self::EmailCompletion => "An email address is required to finish authenticating.",
            Self::MfaEnrollment => "The user must enroll in MFA to finish authenticating.",
            Self::MfaChallenge | Self::MfaVerification => {
                "The user must complete an MFA challenge to finish authenticating."
            }
            Self::OrganizationSelection => {
                "The user must choose an organization to finish their authentication."
            }
            Self::SsoRequired { .. } => "User must authenticate using one of the matching connections.",
            Self::OrganizationAuthenticationMethods { .. } => {
                "User must authenticate using one of the methods allowed by the organization."
            }
            Self::AuthenticationMethodNotAllowed => "This authentication method is not allowed.",
            Self::EmailPasswordAuthDisabled => "Email and password authentication is disabled.",
            Self::PasskeyProgressiveEnrollment => "The user must enroll a passkey.",
            Self::ApplicationConsentRequired => "The user must consent to the application.",
            Self::RadarChallenge
            | Self::RadarEmailChallenge
            | Self::RadarSignUpChallenge
            | Self::RadarSmsSignInChallenge
            | Self::RadarSmsChallenge => "The sign-in must be confirmed with a code.",
        }
    }

    /// These are OAuth-shaped wherever they occur.
    const fn is_oauth(&self) -> bool {
        matches!(self, Self::SsoRequired { .. } | Self::OrganizationAuthenticationMethods { .. })
    }
}

/// What may continue a pending sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuation {
    EmailVerification,
    EmailCompletion,
    Totp,
    OrganizationSelection,
    RadarEmail,
    RadarSmsSignUp,
    RadarSms,
    Nothing,
}

/// When a [`StepUp`] is demanded: at every sign-in of the user, unless narrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a rule does nothing until it is given to `DevIdp::require_step_up`"]
pub struct StepUpRule {
    step: StepUp,
    once: bool,
    on_refresh: bool,
    organization_id: Option<String>,
    redirect_url: Option<String>,
}

impl StepUpRule {
    /// At every sign-in of the user.
    pub fn new(step: StepUp) -> Self {
        Self { step, once: false, on_refresh: false, organization_id: None, redirect_url: None }
    }

    /// Only the next time.
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// At the refresh grant instead of at sign-in: the refresh token is not spent, the session goes on.
    pub fn on_refresh(mut self) -> Self {
        self.on_refresh = true;
        self
    }

    /// Only when the result would belong to this organization: a switch refused.
    pub fn for_organization(mut self, organization_id: impl Into<String>) -> Self {
        self.organization_id = Some(organization_id.into());
        self
    }

    /// Adds `authkit_redirect_url` to the answer.
    pub fn with_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.redirect_url = Some(url.into());
        self
    }
}

impl From<StepUp> for StepUpRule {
    fn from(step: StepUp) -> Self {
        Self::new(step)
    }
}

/// Rules by user id.
#[derive(Debug, Default)]
pub(crate) struct StepUps(Vec<(String, StepUpRule)>);

impl StepUps {
    pub(crate) fn add(&mut self, user_id: String, rule: StepUpRule) {
        self.0.push((user_id, rule));
    }

    pub(crate) fn clear(&mut self, user_id: &str) {
        self.0.retain(|(id, _)| id != user_id);
    }

    /// The first rule that applies; a rule for one time is used up.
    fn take(
        &mut self,
        user_id: &str,
        on_refresh: bool,
        organization_id: Option<&str>,
        completed: &[&str],
    ) -> Option<StepUpRule> {
        let at = self.0.iter().position(|(id, rule)| {
            id == user_id
                && rule.on_refresh == on_refresh
                && !completed.contains(&rule.step.code())
                && rule.organization_id.as_deref().is_none_or(|wanted| Some(wanted) == organization_id)
        })?;
        let once = self.0.get(at).is_some_and(|(_, rule)| rule.once);
        if once { Some(self.0.remove(at).1) } else { self.0.get(at).map(|(_, rule)| rule.clone()) }
    }
}

/// A sign-in that waits for one more step.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) sign_in: SignIn,
    pub(crate) step: StepUp,
    pub(crate) code: Option<OneTimeCode>,
    pub(crate) challenge_id: Option<String>,
    pub(crate) used: bool,
    expires_at: UnixMillis,
}

impl Pending {
    pub(crate) fn is_usable(&self, now: UnixMillis) -> bool {
        !self.used && now < self.expires_at
    }
}

impl State {
    /// The refusal of a sign-in that a rule of the user, or the user's own state, demands.
    pub(crate) fn demanded_at_sign_in(
        &mut self,
        sign_in: &SignIn,
        organization_id: Option<&str>,
        now: UnixMillis,
    ) -> Option<ApiError> {
        let completed = sign_in.completed.clone();
        if sign_in.impersonator.is_some() {
            return None;
        }
        let verified = self.user(&sign_in.user_id).is_some_and(|user| user.email_verified);
        if !verified && !completed.contains(&StepUp::EmailVerification.code()) {
            return Some(self.refuse(&StepUp::EmailVerification.into(), sign_in, now));
        }
        let rule = self.step_ups.take(&sign_in.user_id, false, organization_id, &completed)?;
        Some(self.refuse(&rule, sign_in, now))
    }

    /// The refusal of a refresh. OAuth-shaped with status 400, whatever the step: that is the refresh family's shape.
    pub(crate) fn demanded_at_refresh(
        &mut self,
        sign_in: &SignIn,
        organization_id: Option<&str>,
        now: UnixMillis,
    ) -> Option<ApiError> {
        let rule = self.step_ups.take(&sign_in.user_id, true, organization_id, &[])?;
        let members = self.step_up_members(&rule, sign_in, now);
        Some(add(ApiError::oauth(rule.step.code(), rule.step.message()), members))
    }

    /// Refuses with this step and remembers the sign-in under a pending token.
    pub(crate) fn refuse(&mut self, rule: &StepUpRule, sign_in: &SignIn, now: UnixMillis) -> ApiError {
        let error = if rule.step.is_oauth() {
            ApiError::oauth(rule.step.code(), rule.step.message())
        } else {
            ApiError::plain(StatusCode::FORBIDDEN, rule.step.code(), rule.step.message())
        };
        let members = self.step_up_members(rule, sign_in, now);
        add(error, members)
    }

    fn step_up_members(
        &mut self,
        rule: &StepUpRule,
        sign_in: &SignIn,
        now: UnixMillis,
    ) -> Map<String, Value> {
        let mut members = Map::new();
        let mut add = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        let user = self.user(&sign_in.user_id).cloned();
        let (email, user_json) =
            user.as_ref().map(|user| (user.email.clone(), user.to_json())).unwrap_or_default();
        let mut pending = Pending {
            sign_in: sign_in.clone(),
            step: rule.step.clone(),
            code: None,
            challenge_id: None,
            used: false,
            expires_at: now.saturating_add(PENDING),
        };
        let token = self.ids.secret();
        // This one step has a token of another name, and no other.
        let name = match rule.step {
            StepUp::EmailCompletion => "email_completion_token",
            _ => "pending_authentication_token",
        };
        add(name, json!(token));
        match &rule.step {
            StepUp::EmailVerification => {
                let id = self.send_email_verification(&sign_in.user_id, now);
                add("email", json!(email));
                add("email_verification_id", json!(id));
            }
            StepUp::MfaEnrollment => add("user", user_json),
            StepUp::MfaChallenge | StepUp::MfaVerification => {
                let factor = user.as_ref().map(|user| user.factor_id()).unwrap_or_default();
                add("authentication_factors", json!([{ "id": factor, "type": "totp" }]));
                add("user", user_json);
            }
            StepUp::OrganizationSelection => {
                let memberships = user.map(|user| user.memberships).unwrap_or_default();
                let organizations: Vec<Value> =
                    memberships.iter().map(|membership| membership.organization().to_json()).collect();
                add("user", user_json);
                add("organizations", Value::Array(organizations));
            }
            StepUp::SsoRequired { connection_ids } => {
                add("email", json!(email));
                add("connection_ids", json!(connection_ids));
            }
            StepUp::OrganizationAuthenticationMethods { sso_connection_ids, allowed } => {
                add("email", json!(email));
                add("sso_connection_ids", json!(sso_connection_ids));
                add("auth_methods", auth_methods(allowed));
            }
            step @ (StepUp::RadarChallenge
            | StepUp::RadarEmailChallenge
            | StepUp::RadarSignUpChallenge
            | StepUp::RadarSmsSignInChallenge
            | StepUp::RadarSmsChallenge) => {
                let id = self.ids.id("radar_challenge", now);
                let kind = match step.continuation() {
                    Continuation::RadarEmail => MessageKind::RadarEmailChallenge,
                    _ => MessageKind::RadarSmsChallenge,
                };
                pending.code = Some(self.send_code(kind, &email, &id, now));
                add("radar_challenge_id", json!(id));
                add("expires_at", json!(rfc3339(now.saturating_add(PENDING))));
                pending.challenge_id = Some(id);
            }
            _ => {}
        }
        if let Some(url) = &rule.redirect_url {
            add("authkit_redirect_url", json!(url));
        }
        self.pending.insert(token, pending);
        members
    }
}

fn add(mut error: ApiError, members: Map<String, Value>) -> ApiError {
    for (name, value) in members {
        error = error.with(&name, value);
    }
    error
}

fn auth_methods(allowed: &[String]) -> Value {
    let methods =
        ["apple_oauth", "github_oauth", "google_oauth", "magic_auth", "microsoft_oauth", "password"];
    let members =
        methods.into_iter().map(|name| (name.to_owned(), json!(allowed.iter().any(|given| given == name))));
    Value::Object(members.collect())
}
