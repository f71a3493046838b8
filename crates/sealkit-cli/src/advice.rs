//! What to do about it: one sentence for every way in which a cookie does not work.

use sealkit::{Class, Detail, Failure, Reason};

/// What a detail means, and the fix.
pub(crate) const fn of_detail(detail: Detail) -> (&'static str, &'static str) {
    match detail {
        Detail::Tampered => (
            "its tag does not verify: another password sealed it, or it was changed on the way",
            "give the password that sealed it (--password-file, old ones after the new one), or copy the value again, whole and unchanged",
        ),
        Detail::WrongPassword => (
            "no password is configured for the id that it names",
            "give the password of that id with --password-file ID=PATH",
        ),
        Detail::BadPassword => (
            "the password cannot be a key for this format",
            "give the right password; a new one comes from `sealkit key new`",
        ),
        Detail::Expired => (
            "the seal's own expiration is over",
            "sign in again; session seals of current libraries carry no expiration",
        ),
        Detail::Truncated => {
            ("its end is missing", "copy the whole value; browsers drop what exceeds 4096 bytes")
        }
        Detail::Malformed => (
            "it has not the shape of a format that is read here",
            "copy the cookie's value alone, percent-decoded (or say --percent-encoded)",
        ),
        Detail::TooLarge => ("it is longer than any cookie", "copy the cookie's value alone"),
        Detail::NotASession => (
            "it opens, but there is no session inside",
            "if a refresh token is sealed inside, `sealkit refresh` makes a session of it; look with `sealkit unseal --any`; the state of a sign-in opens with `--format pkce`",
        ),
        Detail::FormatNotRead => (
            "it is of a format that is not among those that are read here",
            "name the format among those that are read",
        ),
        Detail::Agent => (
            "its token is an AI agent's, or another party acts in the session that is not allowed to",
            "sign in as a user; if such a party may act for users, set SEALKIT_ACTORS to every kind that may (impersonator,agent)",
        ),
        Detail::Widget => ("its token is a widget's", "sign in: a widget's token is not a session"),
        Detail::Connect => (
            "its token is a Connect token (an OAuth application or an MCP client)",
            "sign in: a Connect token is not a session",
        ),
        Detail::Machine => ("its token is a machine's", "sign in: a machine's token is not a session"),
        Detail::OtherApplication => (
            "its token is another application's",
            "set WORKOS_CLIENT_ID to the token's application, or list it in SEALKIT_CLIENT_IDS if both share the cookie",
        ),
        Detail::WrongType => {
            ("its token's header names another kind of token", "sign in: such a token is not a session")
        }
        Detail::NoAuthTime => (
            "its token does not say when the user signed in, or says something that is not a time",
            "sign in again; for an emulator that writes no auth_time set SEALKIT_REQUIRE_AUTH_TIME=false",
        ),
        _ => ("it does not open", "copy the value again"),
    }
}

/// The fix for a failure, if there is something that one can do.
pub(crate) fn of_failure(failure: &Failure) -> Option<String> {
    if let Some(hint) = failure.hint() {
        return Some(hint.to_owned());
    }
    if let Some(detail) = failure.detail() {
        return Some(of_detail(detail).1.to_owned());
    }
    of_reason(failure.reason()).map(str::to_owned)
}

/// The fix for a reason.
pub(crate) const fn of_reason(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::ExpiredJwt => "refresh it: `sealkit refresh`, or let the web layer do it",
        Reason::InvalidJwt => {
            "sign in again; if new sessions have it too, compare the JWT template with what a session token must hold (sub, sid, exp)"
        }
        Reason::InvalidJwtAlgorithm | Reason::InvalidJwtSignature => {
            "do not trust it: sign in again, and find out who made this token"
        }
        Reason::UnknownSigningKey => {
            "check that WORKOS_CLIENT_ID and the API base are those of the environment that issued the token"
        }
        Reason::InvalidIssuer => {
            "set WORKOS_ISSUER to the token's `iss`, or correct the API base or WORKOS_CLIENT_ID"
        }
        Reason::InvalidAudience => "add the token's `aud` to the accepted audiences",
        Reason::SubjectMismatch => {
            "sign in again: the user beside the token is another one than the token proves"
        }
        Reason::NoRefreshToken => "sign in again: this session cannot be refreshed",
        Reason::InvalidGrant | Reason::SessionRevoked => "sign in again: this session is over",
        Reason::JwksUnavailable | Reason::NetworkError | Reason::Timeout => {
            "check the network and the API base (WORKOS_API_HOSTNAME, WORKOS_API_PORT, WORKOS_API_HTTPS), then try again"
        }
        Reason::RateLimitExceeded | Reason::ServerError | Reason::InvalidResponse => {
            "wait a little and try again"
        }
        Reason::ApiUnauthorized => "check WORKOS_API_KEY and WORKOS_CLIENT_ID: the API does not accept them",
        Reason::OrganizationNotFound
        | Reason::OrganizationMembershipNotFound
        | Reason::InvalidOrganizationId => {
            "name an organization that the user is a member of; the session is unchanged"
        }
        reason => match reason.class() {
            Class::StepUp => "send the user through sign-in for this organization; the session is unchanged",
            _ => return None,
        },
    })
}
