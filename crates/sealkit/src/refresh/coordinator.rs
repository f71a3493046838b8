//! The seam between one process and many: who runs a grant, and who gets its result.

use super::CoordinationKey;
use sealkit_core::{Failure, session::AuthResponse};
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

/// What a grant came to: the answer with the new tokens, or why there is none. Never a cookie: each process seals for itself.
pub type GrantResult = Result<Arc<AuthResponse>, Failure>;

/// A grant that has not begun. Whoever calls it must let it finish: the refresh token may be spent at its first poll.
pub type GrantJob = Box<dyn FnOnce() -> CoordinatorFuture<'static, GrantResult> + Send>;

/// The future of a coordinator's method.
pub type CoordinatorFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes every refresh token's grant happen once, and gives everybody the result.
///
/// An implementation must
/// - run the job in a task of its own, so that a caller that goes away cancels nothing;
/// - keep a success for later callers with the same key, and a refusal for 30 s; a retryable failure is shared, never kept;
/// - drop a success that arrives after its session was ended: a sign-out wins over every refresh in flight.
pub trait RefreshCoordinator: fmt::Debug + Send + Sync {
    /// The result for this key: a kept one, that of the grant under way, or that of `job`, run now.
    ///
    /// `session_id` is the session that the refresh token belongs to, if it is known; an ended one is refused.
    fn run<'a>(
        &'a self,
        key: CoordinationKey,
        session_id: Option<String>,
        job: GrantJob,
    ) -> CoordinatorFuture<'a, GrantResult>;

    /// Remembers that a session has ended, kept results included.
    fn end_session<'a>(&'a self, session_id: &'a str) -> CoordinatorFuture<'a, ()>;

    /// True when the session is known to have ended. Asked on every request: it must not wait for anything.
    fn has_ended(&self, session_id: &str) -> bool;

    /// Waits until every grant under way is finished and published, at most so long. True when none is left.
    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool>;
}
