//! The seam between one process and many: who runs a grant, and who gets its result.

use super::CoordinationKey;
use sealkit_core::{Failure, Reason, session::AuthResponse};
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

/// What a grant came to: the answer with the new tokens, or why there is none. Never a cookie: each process seals for itself.
pub type GrantResult = Result<Arc<AuthResponse>, Failure>;

/// A grant that has not begun. Whoever calls it must let it finish: the refresh token may be spent at its first poll.
pub type GrantJob = Box<dyn FnOnce() -> CoordinatorFuture<'static, GrantResult> + Send>;

/// What a caller asks a refresh token for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantRequest {
    /// Where everybody with the same refresh token meets.
    pub key: CoordinationKey,
    /// The session that the token belongs to, if it is known; an ended one is refused.
    pub session_id: Option<String>,
    /// The organization that the grant names. A success answers everybody, who go on from there; a refusal, see
    /// [`refusal_answers`](Self::refusal_answers).
    pub organization_id: Option<String>,
}

impl GrantRequest {
    /// Asks this token, in the name of this session, for this organization.
    #[must_use]
    pub const fn new(
        key: CoordinationKey,
        session_id: Option<String>,
        organization_id: Option<String>,
    ) -> Self {
        Self { key, session_id, organization_id }
    }

    /// Whether this failure of a grant for `theirs` answers this request, too: what is said about the token or its session
    /// answers everybody, any other refusal only those who named the same organization.
    #[must_use]
    pub fn refusal_answers(&self, failure: &Failure, theirs: Option<&str>) -> bool {
        matches!(failure.reason(), Reason::InvalidGrant | Reason::SessionRevoked)
            || theirs == self.organization_id.as_deref()
    }
}

/// A result, and what a caller must know of the grant that it is from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// What the grant came to.
    pub result: GrantResult,
    /// The organization that the grant named.
    pub organization_id: Option<String>,
    /// True when the grant was over before the caller asked: its tokens may be old.
    pub kept: bool,
}

impl Published {
    /// The result of a grant that has just ended.
    #[must_use]
    pub const fn fresh(result: GrantResult, organization_id: Option<String>) -> Self {
        Self { result, organization_id, kept: false }
    }

    /// The result of a grant that ended before the caller asked.
    #[must_use]
    pub const fn kept(result: GrantResult, organization_id: Option<String>) -> Self {
        Self { result, organization_id, kept: true }
    }
}

/// The future of a coordinator's method.
pub type CoordinatorFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes every refresh token's grant happen once, and gives everybody the result.
///
/// An implementation must
/// - run the job in a task of its own, so that a caller that goes away cancels nothing;
/// - keep a success for later callers with the same key; a retryable failure is shared, never kept;
/// - keep a refusal for 30 s, beside those for other organizations, and give it to those whom it
///   [answers](GrantRequest::refusal_answers): that one organization is forbidden says nothing about another, or about going on
///   as before;
/// - drop a success that arrives after its session was ended: a sign-out wins over every refresh in flight.
pub trait RefreshCoordinator: fmt::Debug + Send + Sync {
    /// The result for this request: a kept one, that of the grant under way, or that of `job`, run now.
    fn run<'a>(&'a self, request: GrantRequest, job: GrantJob) -> CoordinatorFuture<'a, Published>;

    /// True when a grant of this key is under way, or its success is kept. Must not wait for anything; a coordinator of several
    /// processes answers for what this one knows.
    fn knows(&self, key: &CoordinationKey) -> bool;

    /// Remembers that a session has ended, kept results included.
    fn end_session<'a>(&'a self, session_id: &'a str) -> CoordinatorFuture<'a, ()>;

    /// True when the session is known to have ended. Asked on every request: it must not wait for anything.
    fn has_ended(&self, session_id: &str) -> bool;

    /// Waits until every grant under way is finished and published, at most so long. True when none is left.
    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool>;
}
