//! The closed list of reasons: stable codes, part of semver, never another error's text.
//!
//! Source: the union of what the WorkOS SDKs report, made precise, and the codes of the WorkOS API.

use std::{fmt, str::FromStr};

/// What a reason means for the session, and so for its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// There is no session to speak of.
    Absent,
    /// Everything is right but the time: refresh.
    Expired,
    /// What was presented does not verify. Denied, the cookie is kept.
    Verification,
    /// The session is over.
    Terminal,
    /// Nobody can tell now; ask again. The cookie is kept.
    Retryable,
    /// The user must do something more. The current session is untouched.
    StepUp,
    /// Our own configuration or account is at fault, not the session. Kept, logged.
    Configuration,
    /// A sign-in was refused; no existing session is concerned.
    SignInRefused,
    /// The sign-in callback did not carry what it must.
    Callback,
}

macro_rules! reasons {
    ($($variant:ident $code:literal $class:ident $meaning:literal;)*) => {
        /// Why a session is not authenticated, or a sign-in did not succeed.
        ///
        /// The list is closed: each code is stable and documented, and an upstream code that is not in the list stands in
        /// [`Upstream::code`](crate::Upstream::code) beside a reason that is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = concat!("`", $code, "`: ", $meaning, ".")] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code, `snake_case`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// One sentence without a full stop, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What it means for the session.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)* }
            }
        }
    };
}

reasons! {
    NoSessionCookieProvided "no_session_cookie_provided" Absent "the request carries no session cookie";
    InvalidSessionCookie "invalid_session_cookie" Verification "the cookie does not open, or what is inside is no session";
    ExpiredJwt "expired_jwt" Expired "the access token is right in everything but its time";
    InvalidJwt "invalid_jwt" Verification "the access token is malformed, or a required claim is missing or wrong";
    NotASessionToken "not_a_session_token" Verification "the token verifies, but it is not a user's session: an agent's, a widget's, a machine's or another application's";
    InvalidJwtAlgorithm "invalid_jwt_algorithm" Verification "the access token is not signed with RS256";
    InvalidJwtSignature "invalid_jwt_signature" Verification "the access token's signature does not verify";
    UnknownSigningKey "unknown_signing_key" Verification "the key set of this client has no key with the token's id";
    InvalidIssuer "invalid_issuer" Verification "the access token's issuer is not one that is accepted here";
    InvalidAudience "invalid_audience" Verification "the access token is not meant for the configured audience";
    SubjectMismatch "subject_mismatch" Verification "the stored user is not the one that the access token proves";
    CustomClaimsInvalid "custom_claims_invalid" Verification "the token verifies, but its custom claims do not have the expected shape";
    SessionRevoked "session_revoked" Terminal "the session was ended: signed out or revoked";
    JwksUnavailable "jwks_unavailable" Retryable "the key set cannot be had now, so the token cannot be judged";
    NoRefreshToken "no_refresh_token" Verification "the session holds no refresh token";
    InvalidGrant "invalid_grant" Terminal "the refresh token or authorization code is spent, revoked or expired";
    SsoRequired "sso_required" StepUp "the organization requires single sign-on";
    MfaEnrollment "mfa_enrollment" StepUp "the user must enroll a second factor";
    MfaChallenge "mfa_challenge" StepUp "the user must answer with a second factor";
    MfaVerification "mfa_verification" StepUp "the user must verify a second factor";
    EmailVerificationRequired "email_verification_required" StepUp "the user must verify the e-mail address";
    EmailCompletionRequired "email_completion_required" StepUp "the user must give an e-mail address";
    AuthenticationTooOld "authentication_too_old" StepUp "the user signed in longer ago than this sign-in allows";
    OrganizationSelectionRequired "organization_selection_required" StepUp "the user must choose an organization";
    OrganizationAuthenticationMethodsRequired "organization_authentication_methods_required" StepUp "the organization accepts other ways to sign in only";
    AuthenticationMethodNotAllowed "authentication_method_not_allowed" StepUp "this way to sign in is not allowed here";
    EmailPasswordAuthDisabled "email_password_auth_disabled" StepUp "signing in with a password is switched off";
    PasskeyProgressiveEnrollment "passkey_progressive_enrollment" StepUp "the user is asked to enroll a passkey";
    RadarChallenge "radar_challenge" StepUp "the user must answer a challenge of the fraud protection";
    RadarSignUpChallenge "radar_sign_up_challenge" StepUp "the user must answer a sign-up challenge of the fraud protection";
    RadarSmsSignInChallenge "radar_sms_sign_in_challenge" StepUp "the user must answer a text-message challenge of the fraud protection";
    RadarEmailChallenge "radar_email_challenge" StepUp "the user must answer an e-mail challenge of the fraud protection";
    RadarSmsChallenge "radar_sms_challenge" StepUp "the user must answer a text-message challenge";
    ApplicationConsentRequired "application_consent_required" StepUp "the user must consent to the application";
    OrganizationNotFound "organization_not_found" StepUp "the organization to switch to does not exist";
    OrganizationMembershipNotFound "organization_membership_not_found" StepUp "the user is no member of the organization to switch to";
    InvalidOrganizationId "invalid_organization_id" StepUp "the organization id to switch to is not valid";
    RateLimitExceeded "rate_limit_exceeded" Retryable "too many requests for the moment: the API, or a limit of this process, asks to slow down";
    Timeout "timeout" Retryable "the API did not answer in time";
    ServerError "server_error" Retryable "the API failed";
    NetworkError "network_error" Retryable "the API cannot be reached";
    InvalidResponse "invalid_response" Retryable "the API answered something that is no answer";
    ApiUnauthorized "api_unauthorized" Configuration "the API does not accept our key or client id";
    RefreshDenied "refresh_denied" Configuration "the API forbids the refresh without a known code";
    RefreshRejected "refresh_rejected" Configuration "the API rejects the refresh request as such";
    MissingAuthParams "missing_auth_params" Callback "the callback carries neither code nor error, or no state";
    MissingPkceCookie "missing_pkce_cookie" Callback "the callback's state has no verifier cookie in this browser";
    OauthStateMismatch "oauth_state_mismatch" Callback "the callback's state is not the one that this browser holds";
    PkceStateExpired "pkce_state_expired" Callback "the sign-in was begun too long ago";
    MissingTokens "missing_tokens" Callback "the API's answer carries no tokens or no user";
    AuthorizationError "authorization_error" Callback "the authorization endpoint answered with an error";
    InvalidCredentials "invalid_credentials" SignInRefused "e-mail or password are wrong";
    InvalidOneTimeCode "invalid_one_time_code" SignInRefused "the one-time code is wrong";
    OneTimeCodePreviouslyUsed "one_time_code_previously_used" SignInRefused "the one-time code was used before";
    OneTimeCodeExpired "one_time_code_expired" SignInRefused "the one-time code has expired";
    OneTimeCodeTooManyAttempts "one_time_code_too_many_attempts" SignInRefused "too many wrong one-time codes";
    InvalidPendingAuthenticationToken "invalid_pending_authentication_token" SignInRefused "the pending authentication token is not valid";
    AuthorizationPending "authorization_pending" SignInRefused "the user has not finished on the other device yet";
    SlowDown "slow_down" SignInRefused "the device polls too fast";
    ExpiredToken "expired_token" SignInRefused "the device code has expired";
    AccessDenied "access_denied" SignInRefused "the user or the provider said no";
    InvitationInvalid "invitation_invalid" SignInRefused "the invitation is not valid";
    SignUpNotAllowed "sign_up_not_allowed" SignInRefused "signing up is not allowed here";
    TokenTooBig "token_too_big" SignInRefused "the access token would be larger than allowed";
    SignInRejected "sign_in_rejected" SignInRefused "the sign-in was refused with another code";
    CookieTooLarge "cookie_too_large" Configuration "the session does not fit into a cookie that browsers keep";
}

impl Reason {
    /// Asking again later may succeed without anybody doing anything.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self.class(), Class::Retryable)
    }

    /// The reason that has this code, whoever sent it.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(code: &str) -> Result<Self, UnknownReason> {
        Self::from_code(code).ok_or(UnknownReason)
    }
}

/// The text is no code of the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reason code")]
#[non_exhaustive]
pub struct UnknownReason;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_lead_back_to_their_reason() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse::<Reason>(), Ok(*reason));
            assert!(reason.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{reason}");
        }
        assert_eq!("KeyError('sealed_session')".parse::<Reason>(), Err(UnknownReason));
    }
}
