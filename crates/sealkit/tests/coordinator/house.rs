//! One refresh token, a provider that answers when it is told to, and callers that move only when they are polled.

use sealkit::{
    Failure, ManualClock, Reason, RefreshToken, UnixMillis,
    refresh::{
        CoordinationKey, CoordinatorFuture, CoordinatorSecret, GrantRequest, InProcessCoordinator,
        InProcessSettings, Place, Published, PublishedJob, RefreshCoordinator as _,
    },
    revocation::{Denial, DenyList, DenyListSettings},
    session::AuthResponse,
};
use std::{
    collections::VecDeque,
    panic::resume_unwind,
    pin::pin,
    rc::Rc,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{runtime::Runtime, sync::oneshot};

pub(crate) const SESSION: &str = "session_1";

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let secret = CoordinatorSecret::new(b"a secret of the tests").unwrap();
    secret.place("client_1", &RefreshToken::from("rt_1"))
});

static RESPONSE: LazyLock<Arc<AuthResponse>> = LazyLock::new(|| {
    let body = br#"{"access_token":"at_2","refresh_token":"rt_2","user":{"id":"user_1"}}"#;
    Arc::new(AuthResponse::from_json(body).unwrap())
});

/// What a grant comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    /// Granted, and the store of several processes could not be told.
    AcceptedUnpublished,
    Revoked,
    /// Refused, and nobody could look whether another process knows better.
    RevokedUnconfirmed,
    /// Said about the organization only.
    OrganizationRefused,
    Unavailable,
    Panic,
}

impl Answer {
    pub(crate) const ALL: [Self; 7] = [
        Self::Accepted,
        Self::AcceptedUnpublished,
        Self::Revoked,
        Self::RevokedUnconfirmed,
        Self::OrganizationRefused,
        Self::Unavailable,
        Self::Panic,
    ];

    fn publish(self, organization_id: Option<Arc<str>>) -> Published {
        let refused = |reason| Published::fresh(Err(Failure::new(reason)), organization_id.clone());
        match self {
            Self::Accepted => Published::fresh(Ok(Arc::clone(&RESPONSE)), organization_id),
            Self::AcceptedUnpublished => {
                Published::fresh(Ok(Arc::clone(&RESPONSE)), organization_id).unconfirmed()
            }
            Self::Revoked => refused(Reason::InvalidGrant),
            Self::RevokedUnconfirmed => refused(Reason::InvalidGrant).unconfirmed(),
            Self::OrganizationRefused => refused(Reason::OrganizationNotFound),
            Self::Unavailable => refused(Reason::ServerError),
            // Without the hook, which would print.
            Self::Panic => resume_unwind(Box::new("the grant panics")),
        }
    }

    const fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted | Self::AcceptedUnpublished)
    }
}

/// What the provider has seen.
#[derive(Default)]
pub(crate) struct Seen {
    waiting: VecDeque<oneshot::Sender<Answer>>,
    /// Grants that have begun and are not over.
    pub(crate) under_way: u32,
    /// Grants that have ever begun.
    pub(crate) begun: u32,
    /// Grants that were accepted since results were last forgotten.
    pub(crate) accepted: u32,
    /// Grants that were dropped before their answer.
    pub(crate) lost: u32,
    /// Most grants that were under way at once.
    pub(crate) most: u32,
}

/// A grant at the provider. It must end with an answer.
struct Granting {
    seen: Arc<Mutex<Seen>>,
    answered: bool,
}

impl Drop for Granting {
    fn drop(&mut self) {
        let mut seen = self.seen.lock().unwrap();
        seen.under_way -= 1;
        seen.lost += u32::from(!self.answered);
    }
}

fn job(seen: &Arc<Mutex<Seen>>, organization_id: Option<Arc<str>>) -> PublishedJob {
    let seen = Arc::clone(seen);
    Box::new(move || {
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            {
                let mut seen = seen.lock().unwrap();
                seen.waiting.push_back(sender);
                seen.begun += 1;
                seen.under_way += 1;
                seen.most = seen.most.max(seen.under_way);
            }
            let mut granting = Granting { seen: Arc::clone(&seen), answered: false };
            let answer = receiver.await.unwrap();
            granting.answered = true;
            seen.lock().unwrap().accepted += u32::from(answer.is_accepted());
            answer.publish(organization_id)
        })
    })
}

fn request(deny_list: &DenyList, organization_id: Option<&str>) -> GrantRequest {
    GrantRequest::new(PLACE.clone(), deny_list.clone())
        .with_session(Some(SESSION))
        .with_organization(organization_id)
}

/// A caller, and how far it is.
pub(crate) enum Caller {
    Away,
    Waiting(CoordinatorFuture<'static, Published>),
    Answered,
    Gone,
}

pub(crate) struct House {
    /// Gone when the process has let go of it.
    runtime: Option<Rc<Runtime>>,
    clock: ManualClock,
    deny_list: DenyList,
    coordinator: InProcessCoordinator,
    anybody: GrantRequest,
    seen: Arc<Mutex<Seen>>,
    callers: Vec<(Caller, Option<Arc<str>>)>,
    draining: Option<CoordinatorFuture<'static, bool>>,
    answers: VecDeque<Answer>,
    signed_out: bool,
    begun_at_sign_out: u32,
    retired: bool,
}

impl House {
    /// Callers for these organizations; the provider's first grants are answered so, all later ones accepted.
    pub(crate) fn new(runtime: Rc<Runtime>, organizations: &[Option<&str>], answers: &[Answer]) -> Self {
        let clock = ManualClock::new(UnixMillis::from_secs(1_000_000));
        let coordinator = InProcessCoordinator::new(Arc::new(clock.clone()), InProcessSettings::default());
        let deny_list = DenyList::new(Arc::new(clock.clone()), DenyListSettings::default());
        Self {
            runtime: Some(runtime),
            anybody: request(&deny_list, None),
            deny_list,
            clock,
            coordinator,
            seen: Arc::default(),
            callers: organizations.iter().map(|id| (Caller::Away, id.map(Arc::from))).collect(),
            draining: None,
            answers: answers.iter().copied().collect(),
            signed_out: false,
            begun_at_sign_out: 0,
            retired: false,
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    fn key(&self) -> &CoordinationKey {
        &PLACE.key
    }

    fn is_success_kept(&self) -> bool {
        self.coordinator.kept_success(&self.anybody).is_some()
    }

    /// Polls within the runtime, while there is one.
    fn poll_once<T>(&self, future: &mut CoordinatorFuture<'static, T>) -> Poll<T> {
        let _entered = self.runtime.as_deref().map(Runtime::enter);
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// A caller comes, and waits if it must.
    pub(crate) fn start(&mut self, caller: usize) {
        let organization_id = self.callers[caller].1.clone();
        let (request, job) =
            (request(&self.deny_list, organization_id.as_deref()), job(&self.seen, organization_id));
        let coordinator = self.coordinator.clone();
        self.callers[caller].0 =
            Caller::Waiting(Box::pin(async move { coordinator.run_published(request, job).await }));
        self.poll(caller);
    }

    /// A caller looks whether there is an answer.
    pub(crate) fn poll(&mut self, caller: usize) {
        let Caller::Waiting(mut future) = std::mem::replace(&mut self.callers[caller].0, Caller::Gone) else {
            return;
        };
        self.callers[caller].0 = match self.poll_once(&mut future) {
            Poll::Pending => Caller::Waiting(future),
            Poll::Ready(published) => {
                self.judge(&published, self.callers[caller].1.as_deref());
                Caller::Answered
            }
        };
    }

    /// A caller goes away, whatever it is waiting for.
    pub(crate) fn cancel(&mut self, caller: usize) {
        if !matches!(self.callers[caller].0, Caller::Answered) {
            self.callers[caller].0 = Caller::Gone;
        }
    }

    /// Everything that is not a caller goes on until it waits for the provider.
    pub(crate) fn run(&self) {
        if let Some(runtime) = &self.runtime {
            // Its turn comes again when no task can go on.
            runtime.block_on(tokio::task::yield_now());
        }
    }

    /// The provider answers the grant that has waited longest.
    pub(crate) fn answer(&mut self) -> bool {
        let Some(waiting) = self.seen().waiting.pop_front() else { return false };
        let answer = self.answers.pop_front().unwrap_or(Answer::Accepted);
        // Nobody is there to hear it when the runtime has gone.
        let _ = waiting.send(answer);
        true
    }

    pub(crate) fn sign_out(&mut self) {
        let mut denying = pin!(self.deny_list.deny(Denial::session(SESSION)));
        assert!(denying.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        self.signed_out = true;
        let begun = self.seen().begun;
        self.begun_at_sign_out = begun;
    }

    /// So much time that every kept result is over.
    pub(crate) fn pass(&self) {
        self.clock.advance(Duration::from_secs(601));
        self.seen().accepted = 0;
        assert!(!self.is_success_kept(), "a result outlives its time");
    }

    /// Begins to drain, or looks whether that is done.
    pub(crate) fn drain(&mut self) {
        let coordinator = self.coordinator.clone();
        let draining = self.draining.take();
        let fresh = draining.is_none();
        let mut draining = draining
            .unwrap_or_else(|| Box::pin(async move { coordinator.drain(Duration::from_secs(20)).await }));
        let busy = self.coordinator.knows(self.key()) && !self.is_success_kept();
        match self.poll_once(&mut draining) {
            Poll::Ready(done) => {
                assert!(done, "no time has passed");
                assert!(!busy || self.signed_out, "drained, and a grant is under way");
                let begun = self.seen().begun;
                assert_eq!(self.seen().under_way, 0, "drained, and a grant is under way");
                self.run();
                assert_eq!(self.seen().begun, begun, "drained, and a grant was still to begin");
            }
            Poll::Pending => {
                assert!(!fresh || self.coordinator.knows(self.key()), "there is nothing to wait for");
                self.draining = Some(draining);
            }
        }
    }

    /// The runtime goes, and with it every task.
    pub(crate) fn retire(&mut self) {
        self.retired = true;
        let runtime = self.runtime.take().and_then(Rc::into_inner);
        drop(runtime);
    }

    /// What an answer may be, for a caller that named this organization.
    fn judge(&self, published: &Published, organization_id: Option<&str>) {
        let reason = published.result.as_ref().err().map(Failure::reason);
        if self.signed_out {
            assert_eq!(reason, Some(Reason::SessionRevoked), "answered so after the sign-out");
            return;
        }
        match &published.result {
            Ok(response) => assert!(Arc::ptr_eq(response, &RESPONSE), "somebody else's answer"),
            Err(failure) => match failure.reason() {
                Reason::InvalidGrant => {}
                Reason::ServerError => {
                    assert!(!published.kept, "a failure that may pass was kept");
                }
                Reason::OrganizationNotFound => assert_eq!(
                    published.organization_id.as_deref(),
                    organization_id,
                    "what was said about another organization"
                ),
                other => panic!("nobody has said {other}"),
            },
        }
    }

    /// What must be so at every moment.
    pub(crate) fn check(&self) {
        let seen = self.seen();
        assert!(seen.most <= 1, "two grants of one token at once");
        assert!(seen.accepted <= 1, "a token was spent twice");
        assert!(self.retired || seen.lost == 0, "a grant that was sent did not finish");
        assert!(!self.signed_out || seen.begun == self.begun_at_sign_out, "a grant began after the sign-out");
        if seen.under_way > 0 {
            assert!(self.coordinator.knows(self.key()), "a grant that nobody could join");
        }
        drop(seen);
        assert!(!self.signed_out || !self.is_success_kept(), "kept beyond the sign-out");
    }

    fn is_anybody_waiting(&self) -> bool {
        self.callers.iter().any(|(caller, _)| matches!(caller, Caller::Waiting(_)))
    }

    /// Lets everything come to its end: everybody who is still there has an answer, and nothing is left but what is kept.
    pub(crate) fn finish(mut self) {
        for _ in 0..=self.callers.len() {
            self.run();
            while self.answer() {
                self.run();
            }
            for caller in 0..self.callers.len() {
                self.poll(caller);
            }
            self.check();
            if !self.is_anybody_waiting() {
                break;
            }
        }
        assert!(!self.is_anybody_waiting(), "a caller is left without an answer");
        assert_eq!(self.seen().under_way, 0);
        if let Some(mut draining) = self.draining.take() {
            assert_eq!(self.poll_once(&mut draining), Poll::Ready(true), "a drain that never ends");
        }
        let coordinator = self.coordinator.clone();
        let mut drain: CoordinatorFuture<'static, bool> =
            Box::pin(async move { coordinator.drain(Duration::ZERO).await });
        assert_eq!(self.poll_once(&mut drain), Poll::Ready(true), "a grant is left under way");
        if !self.signed_out {
            assert_eq!(self.coordinator.knows(self.key()), self.is_success_kept());
        }
        self.check();
    }
}
