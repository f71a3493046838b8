//! What a call that did not succeed says: one [`Failure`], with everything a caller can act on.

use crate::{
    EmailCompletionToken, ExpiredSession, PendingAuthenticationToken, Reason, SealedSession, UpstreamBody,
    untrusted::{Untrusted, one_line},
};
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};
use url::Url;

/// What becomes of the session cookie. Every result says it; a caller that obeys never loses a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a `Set` that is not sent to the browser loses the session"]
pub enum CookieAction {
    /// Leave the browser's cookie alone.
    #[default]
    Keep,
    /// Store this value (not yet percent-encoded).
    Set(SealedSession),
    /// Delete the cookie.
    Clear,
}

/// Why a cookie value did not open, or which kind of token it holds instead of a session's. For logs and tools; a browser
/// always gets the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Detail {
    /// The shape is right, the authentication tag is not: changed on the way, or sealed with another password.
    Tampered,
    /// No configured password opens it.
    WrongPassword,
    /// The password itself cannot be a key for this format.
    BadPassword,
    /// The seal's own time is over.
    Expired,
    /// The end is missing.
    Truncated,
    /// It has not the shape of the format.
    Malformed,
    /// It is longer than the reader's limit.
    TooLarge,
    /// It opens, and what is inside is no session.
    NotASession,
    /// It is of a format that is not among those that are read here.
    FormatNotRead,
    /// With [`Reason::NotASessionToken`]: the token of an agent, or a session in which an actor that is not allowed acts.
    Agent,
    /// With [`Reason::NotASessionToken`]: the token of a widget, or of the Widgets API.
    Widget,
    /// With [`Reason::NotASessionToken`]: a Connect token (an OAuth application, an MCP client).
    Connect,
    /// With [`Reason::NotASessionToken`]: a machine-to-machine token.
    Machine,
    /// With [`Reason::NotASessionToken`]: a session of another application of the environment.
    OtherApplication,
    /// With [`Reason::NotASessionToken`]: the header's `typ` names another kind of token.
    WrongType,
    /// With [`Reason::NotASessionToken`]: `auth_time` is missing, or is not a time.
    NoAuthTime,
}

impl Detail {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tampered => "tampered",
            Self::WrongPassword => "wrong_password",
            Self::BadPassword => "bad_password",
            Self::Expired => "expired",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::NotASession => "not_a_session",
            Self::FormatNotRead => "format_not_read",
            Self::Agent => "agent",
            Self::Widget => "widget",
            Self::Connect => "connect",
            Self::Machine => "machine",
            Self::OtherApplication => "other_application",
            Self::WrongType => "wrong_type",
            Self::NoAuthTime => "no_auth_time",
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the WorkOS API said: facts beside the reason, never in place of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upstream {
    /// `code` or `error` of the body, as it stood there (at most 128 bytes).
    pub code: Option<String>,
    /// HTTP status.
    pub status: Option<u16>,
    /// `X-Request-ID`.
    pub request_id: Option<String>,
}

/// An organization that a sign-in can be for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrganizationChoice {
    /// `id`.
    pub id: String,
    /// `name`; empty when the answer has none.
    pub name: String,
}

impl OrganizationChoice {
    /// An organization by id and name.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into() }
    }
}

/// A second factor that the user has enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnrolledFactor {
    /// `id`: what a challenge is made for.
    pub id: String,
    /// `type`, like `totp`; empty when the answer has none.
    pub kind: String,
}

impl EnrolledFactor {
    /// A factor by id and type.
    #[must_use]
    pub fn new(id: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { id: id.into(), kind: kind.into() }
    }
}

/// What a sign-in or refresh that needs one more step carries (WorkOS "Authentication errors").
///
/// `Debug` shows neither the tokens nor the address, and of the URL its origin only.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepUp {
    /// Continues the sign-in; server-side only.
    pub pending_authentication_token: Option<PendingAuthenticationToken>,
    /// `email_completion_required`: continues the sign-in together with an address; server-side only.
    pub email_completion_token: Option<EmailCompletionToken>,
    /// The address concerned.
    pub email: Option<String>,
    /// `email_verification_required`: the verification to answer.
    pub email_verification_id: Option<String>,
    /// `organization_selection_required`: what can be chosen.
    pub organizations: Vec<OrganizationChoice>,
    /// `sso_required`, `organization_authentication_methods_required`: the connections to sign in with.
    pub connection_ids: Vec<String>,
    /// `mfa_challenge`: the enrolled factors.
    pub authentication_factors: Vec<EnrolledFactor>,
    /// `mfa_challenge`, where the answer carries a challenge already.
    pub authentication_challenge_id: Option<String>,
    /// `organization_authentication_methods_required`: the methods that are allowed.
    pub allowed_methods: Vec<String>,
    /// Radar challenges.
    pub radar_challenge_id: Option<String>,
    /// Where the API would send the browser (undocumented; seen by authkit-nextjs on organization switches).
    pub authkit_redirect_url: Option<String>,
    /// Id of the user in question, when the answer names one.
    pub user_id: Option<String>,
}

/// Stands for a value that is there.
struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = |url: &String| Url::parse(url).map(|url| url.origin().ascii_serialization()).ok();
        f.debug_struct("StepUp")
            .field("pending_authentication_token", &self.pending_authentication_token)
            .field("email_completion_token", &self.email_completion_token)
            .field("email", &self.email.as_ref().map(|_| Redacted))
            .field("email_verification_id", &self.email_verification_id)
            .field("organizations", &self.organizations)
            .field("connection_ids", &self.connection_ids)
            .field("authentication_factors", &self.authentication_factors)
            .field("authentication_challenge_id", &self.authentication_challenge_id)
            .field("allowed_methods", &self.allowed_methods)
            .field("radar_challenge_id", &self.radar_challenge_id)
            .field("authkit_redirect_url", &self.authkit_redirect_url.as_ref().and_then(origin))
            .field("user_id", &self.user_id)
            .finish()
    }
}

/// Why something did not succeed, with all that a caller can act on.
///
/// `Display` gives the reason's code and the upstream's code and status; neither ever contains a secret.
#[derive(Clone, Debug)]
pub struct Failure {
    reason: Reason,
    detail: Option<Detail>,
    retry_after: Option<Duration>,
    upstream: Option<Box<Upstream>>,
    upstream_body: Option<UpstreamBody>,
    step_up: Option<Box<StepUp>>,
    expired: Option<Arc<ExpiredSession>>,
    hint: Option<Arc<str>>,
}

impl Failure {
    /// A failure with this reason and nothing more.
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
            retry_after: None,
            upstream: None,
            upstream_body: None,
            step_up: None,
            expired: None,
            hint: None,
        }
    }

    /// Adds why the value did not open, or the kind of token.
    #[must_use]
    pub const fn with_detail(mut self, detail: Detail) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Adds how long to wait before asking again.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Adds what the API said.
    #[must_use]
    pub fn with_upstream(mut self, upstream: Upstream) -> Self {
        self.upstream = Some(Box::new(upstream));
        self
    }

    /// Adds the body of the API's answer. Neither `Debug` nor `Display` shows it.
    #[must_use]
    pub fn with_upstream_body(mut self, body: UpstreamBody) -> Self {
        self.upstream_body = Some(body);
        self
    }

    /// Adds what the further step needs.
    #[must_use]
    pub fn with_step_up(mut self, step_up: StepUp) -> Self {
        self.step_up = Some(Box::new(step_up));
        self
    }

    /// Adds the session that verified in everything but its time.
    #[must_use]
    pub fn with_expired(mut self, expired: Arc<ExpiredSession>) -> Self {
        self.expired = Some(expired);
        self
    }

    /// Adds a sentence for the operator: which setting to change. It must contain no secret. It is kept as one line: control
    /// characters and others that cannot be seen are escaped, see [`one_line`].
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Arc<str>>) -> Self {
        let hint = hint.into();
        self.hint = Some(match one_line(&hint) {
            Cow::Borrowed(_) => hint,
            Cow::Owned(escaped) => escaped.into(),
        });
        self
    }

    /// The reason, of the closed list.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Why a cookie value did not open, with [`Reason::InvalidSessionCookie`]; the kind of token, with
    /// [`Reason::NotASessionToken`].
    #[must_use]
    pub const fn detail(&self) -> Option<Detail> {
        self.detail
    }

    /// Asking again later may succeed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.reason.is_retryable()
    }

    /// True when a limit of this process was exceeded and nothing was asked of the API. A visitor can bring it about as often as
    /// they like, so it says nothing about the API and is no news for an operator; it is counted in the metrics.
    #[must_use]
    pub const fn is_own_limit(&self) -> bool {
        matches!(self.reason, Reason::RateLimitExceeded) && self.upstream.is_none()
    }

    /// True when the API rejected the sign-in because it names no address of the user's (`ip_address_required`, of Radar in Decision
    /// mode): no user can help that.
    #[must_use]
    pub fn needs_client_address(&self) -> bool {
        self.upstream().and_then(|upstream| upstream.code.as_deref()) == Some("ip_address_required")
    }

    /// How long to wait before asking again, if it is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the API said, if it was asked.
    #[must_use]
    pub fn upstream(&self) -> Option<&Upstream> {
        self.upstream.as_deref()
    }

    /// The JSON body of a sign-in's refusal with status 403 and a code that has no reason of its own; server-side only.
    ///
    /// A step that this version does not know carries its token here. A body of more than 8 KiB is left out.
    #[must_use]
    pub const fn upstream_body(&self) -> Option<&UpstreamBody> {
        self.upstream_body.as_ref()
    }

    /// What the further step needs, for reasons of [`Class::StepUp`](crate::Class::StepUp).
    #[must_use]
    pub fn step_up(&self) -> Option<&StepUp> {
        self.step_up.as_deref()
    }

    /// The session that verified in everything but its time, with [`Reason::ExpiredJwt`] and what follows from it.
    #[must_use]
    pub fn expired(&self) -> Option<&Arc<ExpiredSession>> {
        self.expired.as_ref()
    }

    /// Which setting to change, in a sentence for the operator.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.as_str())?;
        if let Some(detail) = self.detail {
            write!(f, " ({detail})")?;
        }
        if let Some(upstream) = &self.upstream {
            f.write_str(", upstream")?;
            if let Some(status) = upstream.status {
                write!(f, " {status}")?;
            }
            if let Some(code) = &upstream.code {
                write!(f, " {:?}", Untrusted::new(code))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
