//! The seam between one process and many: who runs a grant, and who gets its result.

use super::{CoordinationKey, Place};
use crate::revocation::DenyList;
use sealkit_core::{Failure, Reason, session::AuthResponse, token};
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

/// How long a success is kept at least, unless something else is said.
const RESULT_KEPT: Duration = Duration::from_secs(600);

/// How long it is kept at most because of its token.
const LONGEST_KEPT: Duration = Duration::from_secs(24 * 3600);

/// What a grant came to: the answer with the new tokens, or why there is none. Never a cookie: each process seals for itself.
pub type GrantResult = Result<Arc<AuthResponse>, Failure>;

/// A grant that has not begun. Whoever calls it must let it finish: the refresh token may be spent at its first poll.
pub type GrantJob = Box<dyn FnOnce() -> CoordinatorFuture<'static, GrantResult> + Send>;

/// What a caller asks a refresh token for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantRequest {
    /// Where everybody with the same refresh token meets.
    pub place: Place,
    /// Where those meet who still write with an older secret: looked at, never written to.
    pub older: Arc<[Place]>,
    /// The session that the token belongs to, if it is known; an ended one is refused.
    pub session_id: Option<Arc<str>>,
    /// The organization that the grant names. A success answers everybody, who go on from there; a refusal, see
    /// [`refusal_answers`](Self::refusal_answers).
    pub organization_id: Option<Arc<str>>,
    /// A success is kept for late callers for so long at least; see [`Published::keep_for`].
    pub result_kept: Duration,
    /// How long the access token lives that came with this refresh token, if that is known.
    pub lifetime: Duration,
    /// Says which sessions have ended.
    pub deny_list: DenyList,
}

impl GrantRequest {
    /// Asks the token that meets at the first of these places.
    #[must_use]
    pub fn new(place: Place, deny_list: DenyList) -> Self {
        Self {
            place,
            older: Arc::new([]),
            session_id: None,
            organization_id: None,
            result_kept: RESULT_KEPT,
            lifetime: Duration::ZERO,
            deny_list,
        }
    }

    /// Looks at these places, too.
    #[must_use]
    pub fn with_older(self, older: impl Into<Arc<[Place]>>) -> Self {
        Self { older: older.into(), ..self }
    }

    /// In the name of this session.
    #[must_use]
    pub fn with_session(self, session_id: Option<&str>) -> Self {
        Self { session_id: session_id.map(Arc::from), ..self }
    }

    /// For this organization.
    #[must_use]
    pub fn with_organization(self, organization_id: Option<&str>) -> Self {
        Self { organization_id: organization_id.map(Arc::from), ..self }
    }

    /// With a success that is kept for so long at least. Ten minutes, when nothing is said.
    #[must_use]
    pub fn with_result_kept(self, result_kept: Duration) -> Self {
        Self { result_kept, ..self }
    }

    /// For a session whose access tokens live for so long.
    #[must_use]
    pub fn with_lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// How far back whoever refuses this request in the name of everybody must remember: as long as a success of this token would
    /// be kept.
    #[must_use]
    pub fn remembered_for(&self) -> Duration {
        kept_for(self.result_kept, self.lifetime)
    }

    /// The key of its place.
    #[must_use]
    pub const fn key(&self) -> &CoordinationKey {
        &self.place.key
    }

    /// True when the session is known to have ended: nothing may bring it back. Never waits.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.session_id.as_deref().is_some_and(|id| self.deny_list.denies_session(id))
    }

    /// The answer when it [has ended](Self::has_ended).
    #[must_use]
    pub fn revoked(&self) -> Published {
        Published::kept(Err(Failure::new(Reason::SessionRevoked)), self.organization_id.clone())
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
    pub organization_id: Option<Arc<str>>,
    /// True when the grant was over before the caller asked: its tokens may be old.
    pub kept: bool,
    /// True when a success of this token would be known here. A refusal proves nothing where it is false: another process may hold a
    /// success that could not be looked for, or this one is younger than successes are kept, or has forgotten one before its time.
    pub confirmed: bool,
}

impl Published {
    /// The result of a grant that has just ended.
    #[must_use]
    pub const fn fresh(result: GrantResult, organization_id: Option<Arc<str>>) -> Self {
        Self { result, organization_id, kept: false, confirmed: true }
    }

    /// The result of a grant that ended before the caller asked.
    #[must_use]
    pub const fn kept(result: GrantResult, organization_id: Option<Arc<str>>) -> Self {
        Self { result, organization_id, kept: true, confirmed: true }
    }

    /// The same, and nobody could look whether another process knows better.
    #[must_use]
    pub fn unconfirmed(self) -> Self {
        Self { confirmed: false, ..self }
    }

    /// How long a success is kept: so long at least, and twice as long as its access token lives, up to a day. The browser may never
    /// have got the new cookie, and comes with the old one as long as that is good, which may be when a refresh ahead of time has
    /// long been forgotten by everybody else. What the token says of itself is proven by nothing, and need not be.
    #[must_use]
    pub fn keep_for(&self, at_least: Duration) -> Duration {
        let response = self.result.as_ref().ok();
        let lifetime = response.and_then(|new| token::peek_lifetime(new.access_token().expose_secret()));
        kept_for(at_least, lifetime.unwrap_or_default())
    }

    /// True for a refusal that is to be remembered, false for a failure that may pass.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.result.as_ref().is_err_and(|failure| !failure.is_retryable())
    }

    /// Whether it answers this request, too.
    #[must_use]
    pub fn answers(&self, request: &GrantRequest) -> bool {
        match &self.result {
            Ok(_) => true,
            Err(failure) => request.refusal_answers(failure, self.organization_id.as_deref()),
        }
    }
}

/// How long a success is kept whose access token lives for so long.
fn kept_for(at_least: Duration, lifetime: Duration) -> Duration {
    at_least.max(lifetime.saturating_mul(2).min(LONGEST_KEPT))
}

/// How refreshes are coordinated, for readiness and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CoordinatorStatus {
    /// Results are shared with other processes.
    pub shared: bool,
    /// What is shared cannot be reached now.
    pub degraded: bool,
}

impl CoordinatorStatus {
    /// Nothing is shared, nothing can be missing.
    #[must_use]
    pub const fn in_process() -> Self {
        Self { shared: false, degraded: false }
    }

    /// Shared with other processes, and whether that works.
    #[must_use]
    pub const fn shared(degraded: bool) -> Self {
        Self { shared: true, degraded }
    }
}

/// The future of a coordinator's method.
pub type CoordinatorFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes every refresh token's grant happen once, and gives everybody the result.
///
/// An implementation must
/// - run the job in a task of its own, so that a caller that goes away cancels nothing;
/// - keep a success for later callers with the same key, [so long](Published::keep_for); a retryable failure is shared, never kept;
/// - keep a refusal for 30 s, beside those for other organizations, and give it to those whom it
///   [answers](GrantRequest::refusal_answers): that one organization is forbidden says nothing about another, or about going on
///   as before;
/// - look for the end of the session ([`GrantRequest::has_ended`]) when a grant is to begin, when it is over and when a result is
///   given, to those who waited as to those who come late: a sign-out wins over every refresh in flight, and over what is kept;
/// - say of a refusal whether it is [confirmed](Published::confirmed);
/// - bound what it keeps, by session and in all, and answer with a failure that may pass where it cannot run a grant.
pub trait RefreshCoordinator: fmt::Debug + Send + Sync {
    /// The result for this request: a kept one, that of the grant under way, or that of `job`, run now.
    fn run<'a>(&'a self, request: GrantRequest, job: GrantJob) -> CoordinatorFuture<'a, Published>;

    /// The success that is kept for this request, wherever it was granted; never begins a grant.
    fn look_up<'a>(&'a self, request: &'a GrantRequest) -> CoordinatorFuture<'a, Option<Published>>;

    /// True when a grant of this key is under way, or its success is kept. Must not wait for anything; a coordinator of several
    /// processes answers for what this one knows.
    fn knows(&self, key: &CoordinationKey) -> bool;

    /// Waits until every grant under way is finished and published, at most so long. True when none is left.
    ///
    /// It refuses nothing: the requests that a server finishes while it shuts down may still join a grant and begin one, and what
    /// has begun meanwhile is waited for, too.
    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool>;

    /// How it goes.
    fn status(&self) -> CoordinatorStatus {
        CoordinatorStatus::in_process()
    }
}
