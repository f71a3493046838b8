//! Why a call of the API did not succeed.

use super::{
    body::ErrorBody,
    classify::{Purpose, reason},
    grant::GrantError,
    reply::ReplyMeta,
    retry_after::retry_after,
    transport::{TransportError, TransportErrorKind},
};
use http::{HeaderMap, StatusCode};
use sealkit_core::{
    Class, Failure, Reason, StepUp, UnixMillis, Untrusted, Upstream, session::AuthResponseError,
};
use std::{error::Error as StdError, fmt, time::Duration};

/// The code of a grant that lacks the user's address.
const IP_ADDRESS_REQUIRED: &str = "ip_address_required";

/// The kind of an [`ApiError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiErrorKind {
    /// The grant was refused here and not sent.
    Grant(GrantError),
    /// No answer, or half of one.
    Transport(TransportErrorKind),
    /// An answer with a status that is no success.
    Status(u16),
    /// A success whose body is none.
    Unusable,
}

/// A call of the API that did not succeed. Cheap to clone; `Display` and `Debug` hold no secret.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    cause: Cause,
    meta: ReplyMeta,
    retry_after: Option<Duration>,
}

#[derive(Clone, Debug)]
enum Cause {
    Grant(GrantError),
    Transport(TransportError),
    Status(u16, Box<ErrorBody>),
    Unusable(Unusable),
}

/// Why a success is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// Not the JSON that it should be.
    Shape,
    /// An object without both tokens.
    NoTokens,
}

impl From<AuthResponseError> for Unusable {
    fn from(error: AuthResponseError) -> Self {
        match error {
            AuthResponseError::MissingTokens => Self::NoTokens,
            _ => Self::Shape,
        }
    }
}

impl ApiError {
    fn new(cause: Cause, meta: ReplyMeta, retry_after: Option<Duration>) -> Self {
        Self(Box::new(Inner { cause, meta, retry_after }))
    }

    pub(super) fn grant(error: GrantError) -> Self {
        Self::new(Cause::Grant(error), ReplyMeta::default(), None)
    }

    /// A status that arrived counts, even when its body did not: a refusal that was cut off is still a refusal.
    pub(super) fn transport(error: TransportError, now: UnixMillis) -> Self {
        match (error.status(), error.headers()) {
            (Some(status), Some(headers)) if status.is_success() => {
                Self::new(Cause::Transport(error.clone()), ReplyMeta::read(status, headers), None)
            }
            (Some(status), Some(headers)) => Self::status(status, headers, &[], now),
            _ => Self::new(Cause::Transport(error), ReplyMeta::default(), None),
        }
    }

    pub(super) fn status(status: StatusCode, headers: &HeaderMap, body: &[u8], now: UnixMillis) -> Self {
        let body = ErrorBody::parse(status.as_u16(), body);
        // If header and body disagree, the longer wait satisfies both.
        let wait = retry_after(headers, now).max(body.retry_after);
        Self::new(Cause::Status(status.as_u16(), Box::new(body)), ReplyMeta::read(status, headers), wait)
    }

    pub(super) fn unusable(unusable: Unusable, meta: ReplyMeta) -> Self {
        Self::new(Cause::Unusable(unusable), meta, None)
    }

    /// What kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> ApiErrorKind {
        match &self.0.cause {
            Cause::Grant(error) => ApiErrorKind::Grant(*error),
            Cause::Transport(error) => ApiErrorKind::Transport(error.kind()),
            Cause::Status(status, _) => ApiErrorKind::Status(*status),
            Cause::Unusable(_) => ApiErrorKind::Unusable,
        }
    }

    /// Status, request id and date of the answer, as far as there was one.
    #[must_use]
    pub const fn meta(&self) -> &ReplyMeta {
        &self.0.meta
    }

    /// `code` or `error` of the body.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.0.cause {
            Cause::Status(_, body) => body.code.as_deref(),
            _ => None,
        }
    }

    /// How long the API asks to wait, at most a day: by `Retry-After`, or by `retry_after` in the body. If both are there, the
    /// longer one.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the API may have acted on the request, and so have spent what was in it.
    #[must_use]
    pub const fn may_have_been_sent(&self) -> bool {
        match &self.0.cause {
            Cause::Grant(_) => false,
            Cause::Transport(error) => error.may_have_been_sent(),
            Cause::Status(..) | Cause::Unusable(_) => true,
        }
    }

    /// Whether the same refresh token may be sent again: within 30 s of the first time the API answers a replay with the pair
    /// that it has already made.
    ///
    /// True for no answer, half an answer, an answer that is none, 408, 429 and 5xx; false for every other refusal, whose answer
    /// would not change. A refusal as too many requests counts whatever its status.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        match &self.0.cause {
            Cause::Grant(_) => false,
            Cause::Status(400..500, _) => self.reason(Purpose::Refresh).is_retryable(),
            Cause::Transport(_) | Cause::Unusable(_) | Cause::Status(..) => true,
        }
    }

    /// The reason, for somebody who asked for this purpose.
    #[must_use]
    pub fn reason(&self, purpose: Purpose) -> Reason {
        match &self.0.cause {
            _ if purpose == Purpose::KeySet => Reason::JwksUnavailable,
            Cause::Grant(GrantError::SecretRequired) => Reason::ApiUnauthorized,
            Cause::Grant(GrantError::Empty { field: "refresh_token" }) => Reason::NoRefreshToken,
            Cause::Grant(GrantError::Empty { field: "organization_id" }) => Reason::InvalidOrganizationId,
            Cause::Grant(_) => Reason::SignInRejected,
            Cause::Transport(error) => match error.kind() {
                TransportErrorKind::Connect | TransportErrorKind::Other => Reason::NetworkError,
                TransportErrorKind::Timeout => Reason::Timeout,
                TransportErrorKind::Interrupted | TransportErrorKind::TooLarge => Reason::InvalidResponse,
            },
            Cause::Status(status, body) => reason(*status, body, purpose),
            Cause::Unusable(Unusable::NoTokens) if purpose == Purpose::SignIn => Reason::MissingTokens,
            Cause::Unusable(_) => Reason::InvalidResponse,
        }
    }

    /// The failure that a caller gets: reason, wait, what the API said, and what a further step needs.
    #[must_use]
    pub fn to_failure(&self, purpose: Purpose) -> Failure {
        let reason = self.reason(purpose);
        let mut failure = Failure::new(reason);
        if reason.is_retryable() || reason.class() == Class::SignInRefused {
            failure = failure.with_retry_after(self.0.retry_after);
        }
        if self.0.meta.status.is_some() {
            let mut upstream = Upstream::default();
            upstream.code = self.code().map(str::to_owned);
            upstream.status = self.0.meta.status;
            upstream.request_id.clone_from(&self.0.meta.request_id);
            failure = failure.with_upstream(upstream);
        }
        if let (Cause::Status(_, body), Reason::SignInRejected) = (&self.0.cause, reason)
            && let Some(whole) = &body.whole
        {
            failure = failure.with_upstream_body(whole.clone());
        }
        if let Some(step_up) = self.step_up(reason) {
            failure = failure.with_step_up(step_up.clone());
        }
        match self.hint(reason, purpose) {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }

    /// The fields of a further step: for the reasons that ask for one, and wherever the API would send the browser.
    fn step_up(&self, reason: Reason) -> Option<&StepUp> {
        match &self.0.cause {
            Cause::Status(_, body)
                if reason.class() == Class::StepUp || body.step_up.authkit_redirect_url.is_some() =>
            {
                Some(&body.step_up)
            }
            _ => None,
        }
    }

    /// What an operator can do about it.
    fn hint(&self, reason: Reason, purpose: Purpose) -> Option<&'static str> {
        match (&self.0.cause, reason) {
            (Cause::Grant(GrantError::SecretRequired), _) => {
                Some("this grant needs an API key: set WORKOS_API_KEY")
            }
            (_, Reason::ApiUnauthorized) => Some(
                "the API refuses our credentials: check WORKOS_API_KEY and WORKOS_CLIENT_ID, which must belong together",
            ),
            (Cause::Status(_, body), _) if body.code.as_deref() == Some(IP_ADDRESS_REQUIRED) => Some(
                "the API demands the user's address, as Radar does in Decision mode: send `RequestContext::ip_address`",
            ),
            (Cause::Status(404, _), _) if purpose == Purpose::KeySet => {
                Some("the API knows no such client: check WORKOS_CLIENT_ID and the API's address")
            }
            (Cause::Status(300..400, _), _) => Some(
                "the API's address answers with a redirect, which is never followed: check WORKOS_API_HOSTNAME",
            ),
            _ => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Grant(error) => error.fmt(f),
            Cause::Transport(error) => error.fmt(f),
            Cause::Unusable(Unusable::Shape) => f.write_str("the API's answer is not what was asked for"),
            Cause::Unusable(Unusable::NoTokens) => f.write_str("the API's answer has no tokens"),
            Cause::Status(status, body) => {
                write!(f, "the API answered {status}")?;
                body.code.iter().try_for_each(|code| write!(f, " {:?}", Untrusted::new(code)))
            }
        }
    }
}

impl StdError for ApiError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Cause::Grant(error) => Some(error),
            Cause::Transport(error) => error.source(),
            Cause::Status(..) | Cause::Unusable(_) => None,
        }
    }
}
