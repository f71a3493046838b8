//! The seam between one process and many: who runs a grant, and who gets its result.

use super::CoordinationKey;
use sealkit_core::{Failure, session::AuthResponse};
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
    /// The organization that the grant names. A success answers everybody, who go on from there; a refusal answers only those
    /// who named the same one.
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
}

/// The future of a coordinator's method.
pub type CoordinatorFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes every refresh token's grant happen once, and gives everybody the result.
///
/// An implementation must
/// - run the job in a task of its own, so that a caller that goes away cancels nothing;
/// - keep a success for later callers with the same key; a retryable failure is shared, never kept;
/// - keep a refusal for 30 s, and give it only to callers who named the same organization: that one is forbidden says nothing
///   about another, or about going on as before;
/// - drop a success that arrives after its session was ended: a sign-out wins over every refresh in flight.
pub trait RefreshCoordinator: fmt::Debug + Send + Sync {
    /// The result for this request: a kept one, that of the grant under way, or that of `job`, run now.
    fn run<'a>(&'a self, request: GrantRequest, job: GrantJob) -> CoordinatorFuture<'a, GrantResult>;

    /// Remembers that a session has ended, kept results included.
    fn end_session<'a>(&'a self, session_id: &'a str) -> CoordinatorFuture<'a, ()>;

    /// True when the session is known to have ended. Asked on every request: it must not wait for anything.
    fn has_ended(&self, session_id: &str) -> bool;

    /// Waits until every grant under way is finished and published, at most so long. True when none is left.
    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool>;
}
