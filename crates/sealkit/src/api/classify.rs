//! From a status and a code to a reason of the closed list.

use super::body::ErrorBody;
use sealkit_core::{Class, Reason};

/// What the API was asked for. The same refusal means something else to a running session than to a new sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Renewing an existing session.
    Refresh,
    /// Any other grant, and device authorization.
    SignIn,
    /// The key set.
    KeySet,
}

/// The reason for an answer with an error status.
///
/// Statuses that mean "try again" stand above any code, so that a failing server cannot end a session; everywhere else the
/// code stands above the status, because the same code comes with several.
pub(super) fn reason(status: u16, body: &ErrorBody, purpose: Purpose) -> Reason {
    if purpose == Purpose::KeySet {
        return Reason::JwksUnavailable;
    }
    match status {
        408 => return Reason::Timeout,
        429 => return Reason::RateLimitExceeded,
        500.. => return Reason::ServerError,
        400..500 => {}
        // A redirect, or a success that somebody between us and the API made up.
        _ => return Reason::InvalidResponse,
    }
    if let Some(reason) = body.code.as_deref().and_then(|code| known(code, purpose)) {
        return reason;
    }
    if body.says_sso && body.code.is_none() {
        return Reason::SsoRequired;
    }
    match (status, purpose) {
        (401, _) => Reason::ApiUnauthorized,
        (403, Purpose::Refresh) => Reason::RefreshDenied,
        (_, Purpose::Refresh) => Reason::RefreshRejected,
        (_, Purpose::SignIn | Purpose::KeySet) => Reason::SignInRejected,
    }
}

/// The reason of a code, where it has one of its own.
///
/// Only reasons that the API can know about: an upstream `session_revoked` or `expired_jwt` is not ours to believe.
fn known(code: &str, purpose: Purpose) -> Option<Reason> {
    let reason = match code {
        "invalid_client" | "unauthorized_client" => Reason::ApiUnauthorized,
        "invalid_grant" => Reason::InvalidGrant,
        "too_many_requests" | "daily_quota_exceeded" | "rate_limit_exceeded" => Reason::RateLimitExceeded,
        // The names that the Python library made up, in case a proxy speaks them.
        "mfa_enrollment_required" => Reason::MfaEnrollment,
        "mfa_challenge_required" => Reason::MfaChallenge,
        "radar_challenge_required" => Reason::RadarChallenge,
        "organization_auth_methods_required" => Reason::OrganizationAuthenticationMethodsRequired,
        code => Reason::from_code(code)?,
    };
    let class = reason.class();
    let believed = match reason {
        Reason::ApiUnauthorized | Reason::InvalidGrant | Reason::RateLimitExceeded => true,
        Reason::SignInRejected => false,
        _ => class == Class::StepUp || (class == Class::SignInRefused && purpose == Purpose::SignIn),
    };
    believed.then_some(reason)
}
