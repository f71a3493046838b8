//! The guard of a session that outlives its request.

use crate::support::{ADA, GRACE, World, new_cookie, session, settle};
use sealkit::{
    RefreshOptions, Session, SessionEnd, UnixMillis,
    config::RefreshSettings,
    refresh::{
        CoordinationKey, CoordinatorFuture, CoordinatorStatus, GrantJob, GrantRequest, InProcessCoordinator,
        InProcessSettings, Published, RefreshCoordinator,
    },
    revocation::{Denial, DenyEntry},
};
use sealkit_devidp::{Endpoint, Fault};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

const MINUTE: Duration = Duration::from_secs(60);

/// Ada's cookie, her session, and its guard, which watches.
async fn guarded(world: &World) -> (String, Session, JoinHandle<SessionEnd>) {
    let sealed = world.ada();
    let session = session(&world.authenticate(&sealed).await).clone();
    let guard = tokio::spawn(world.sealkit.guard(&session));
    settle().await;
    (sealed, session, guard)
}

/// How it ended, without any time to pass.
#[track_caller]
fn ended(guard: &mut JoinHandle<SessionEnd>) -> Option<SessionEnd> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(guard).poll(&mut context) {
        std::task::Poll::Ready(end) => Some(end.unwrap()),
        std::task::Poll::Pending => None,
    }
}

async fn refreshed(world: &World, sealed: &str) -> String {
    new_cookie(&world.sealkit.refresh(sealed, RefreshOptions::default()).await)
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_refreshes_ends_with_its_token_and_the_guard_asks_for_nothing() {
    let world = World::new();
    let (_, session, guard) = guarded(&world).await;
    assert_eq!(guard.await.unwrap(), SessionEnd::Expired);
    assert_eq!(world.now(), session.expires_at(), "not before, not after");
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_or_a_revocation_ends_it_at_once() {
    for how in 0..3 {
        let world = World::new();
        let (_, session, mut guard) = guarded(&world).await;
        let list = world.sealkit.deny_list();
        list.deny(Denial::session("session_of_somebody_else")).await;
        settle().await;
        assert_eq!(ended(&mut guard), None);
        world.pass(Duration::from_millis(100)).await;
        settle().await;
        let until = world.now().saturating_add(MINUTE);
        match how {
            0 => drop(world.sealkit.sign_out(session.id(), None).await.unwrap()),
            1 => list.deny(Denial::session(session.id())).await,
            // As a store brings it that other processes write to.
            _ => list.apply(DenyEntry::new(Denial::session(session.id()), until)),
        }
        settle().await;
        assert_eq!(ended(&mut guard), Some(SessionEnd::Revoked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_among_many_ends_it_within_a_tenth_of_a_second() {
    let world = World::new();
    let (_, session, mut guard) = guarded(&world).await;
    let list = world.sealkit.deny_list();
    list.deny(Denial::session("session_of_somebody_else")).await;
    settle().await;
    // It has looked a moment ago.
    list.deny(Denial::session(session.id())).await;
    settle().await;
    assert_eq!(ended(&mut guard), None);
    world.pass(Duration::from_millis(100)).await;
    settle().await;
    assert_eq!(ended(&mut guard), Some(SessionEnd::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_over_already_ends_at_the_first_look() {
    let world = World::new();
    let (_, session, _) = guarded(&world).await;
    world.sealkit.sign_out(session.id(), None).await.unwrap();
    let mut guard = world.sealkit.guard(&session);
    assert_eq!(guard.session().id(), session.id());
    assert_eq!((&mut guard).await, SessionEnd::Revoked);
    assert_eq!((&mut guard).await, SessionEnd::Revoked, "asked again, it says the same");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_by_another_request_keeps_it_going_and_so_does_the_next() {
    let world = World::new();
    let (mut sealed, session, mut guard) = guarded(&world).await;
    for _ in 0..4 {
        world.pass(Duration::from_secs(270)).await;
        settle().await;
        assert_eq!(ended(&mut guard), None);
        sealed = new_cookie(&world.resolve(&sealed).await);
    }
    let last = crate::support::session(&world.authenticate(&sealed).await).expires_at();
    assert!(last > session.expires_at().saturating_add(3 * 4 * MINUTE));
    assert_eq!(guard.await.unwrap(), SessionEnd::Expired);
    assert_eq!((world.now(), world.grant_count()), (last, 4));
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_of_the_machine_the_chain_is_followed_to_the_token_that_is_still_valid() {
    let world = World::new();
    let (sealed, _, mut guard) = guarded(&world).await;
    let mut sealed = sealed;
    for _ in 0..3 {
        // The clock goes on, timers do not.
        world.idp.advance(Duration::from_secs(200));
        sealed = refreshed(&world, &sealed).await;
    }
    // 600 s: of four tokens the last two are valid. A timer goes off within a minute.
    world.pass(MINUTE).await;
    settle().await;
    assert_eq!(ended(&mut guard), None);
    world.idp.advance(Duration::from_secs(250));
    world.pass(MINUTE).await;
    settle().await;
    assert_eq!(ended(&mut guard), Some(SessionEnd::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_after_a_refresh_ends_it_too() {
    let world = World::new();
    let (sealed, session, mut guard) = guarded(&world).await;
    world.pass(Duration::from_secs(270)).await;
    refreshed(&world, &sealed).await;
    world.pass(MINUTE).await;
    settle().await;
    assert_eq!(ended(&mut guard), None, "on its successor");
    world.sealkit.sign_out(session.id(), None).await.unwrap();
    settle().await;
    assert_eq!(ended(&mut guard), Some(SessionEnd::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_is_under_way_as_the_token_ends_is_waited_for() {
    let world = World::new();
    let (sealed, session, guard) = guarded(&world).await;
    world.pass(Duration::from_secs(299)).await;
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(3)).after_effect());
    let (sealkit, old) = (world.sealkit.clone(), sealed.clone());
    let refresh = tokio::spawn(async move { sealkit.refresh(&old, RefreshOptions::default()).await });
    settle().await;
    assert_eq!(guard.await.unwrap(), SessionEnd::Expired);
    let successor = refresh.await.unwrap();
    let end = crate::support::session(&successor).expires_at();
    assert_eq!(world.now(), end);
    assert!(end > session.expires_at());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_takes_too_long_is_not_waited_for_for_ever() {
    let world = World::new();
    let (sealed, session, guard) = guarded(&world).await;
    world.pass(Duration::from_secs(299)).await;
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    let (sealkit, old) = (world.sealkit.clone(), sealed.clone());
    let refresh = tokio::spawn(async move { sealkit.refresh(&old, RefreshOptions::default()).await });
    settle().await;
    assert_eq!(guard.await.unwrap(), SessionEnd::Expired);
    assert!(world.now() <= session.expires_at().saturating_add(Duration::from_secs(6)));
    assert!(refresh.await.unwrap().session().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_user_overrules_it_unless_it_was_refreshed_since() {
    let world = World::new();
    let (sealed, session, mut guard) = guarded(&world).await;
    let list = world.sealkit.deny_list();
    let rule = |email: &str, before: UnixMillis| Denial::user(world.user_id(email), before);
    world.pass(MINUTE).await;
    let changed = world.now();
    world.pass(MINUTE).await;
    refreshed(&world, &sealed).await;
    list.deny(rule(GRACE, world.now())).await;
    list.deny(rule(ADA, changed)).await;
    settle().await;
    assert_eq!(ended(&mut guard), None, "its successor knows of the change");
    world.pass(MINUTE).await;
    list.deny(rule(ADA, world.now())).await;
    settle().await;
    assert_eq!(ended(&mut guard), Some(SessionEnd::Overruled));
    assert!(!list.denies_session(session.id()));
}

#[tokio::test(start_paused = true)]
async fn where_requests_are_served_past_the_end_in_an_outage_it_goes_on_for_as_long() {
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.stale_while_error = MINUTE;
        config.refresh(refresh)
    });
    let (_, session, guard) = guarded(&world).await;
    assert_eq!(guard.await.unwrap(), SessionEnd::Expired);
    assert_eq!(world.now(), session.expires_at().saturating_add(MINUTE));
}

/// A coordinator whose store cannot be reached for a while; grants go on as if it were another process that makes them.
#[derive(Debug)]
struct Shared {
    store: InProcessCoordinator,
    down: Arc<AtomicBool>,
}

impl RefreshCoordinator for Shared {
    fn run<'a>(&'a self, request: GrantRequest, job: GrantJob) -> CoordinatorFuture<'a, Published> {
        self.store.run(request, job)
    }

    fn look_up<'a>(&'a self, request: &'a GrantRequest) -> CoordinatorFuture<'a, Option<Published>> {
        if self.down.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(None));
        }
        self.store.look_up(request)
    }

    fn knows(&self, _: &CoordinationKey) -> bool {
        false
    }

    fn drain<'a>(&'a self, at_most: Duration) -> CoordinatorFuture<'a, bool> {
        self.store.drain(at_most)
    }

    fn status(&self) -> CoordinatorStatus {
        CoordinatorStatus::shared(self.down.load(Ordering::SeqCst))
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_asked_for_a_moment_ends_nothing() {
    for (down_for, goes_on) in [(2, true), (60, false)] {
        let world = World::new();
        let down = Arc::<AtomicBool>::default();
        let store = InProcessCoordinator::new(Arc::new(world.clock.clone()), InProcessSettings::default());
        let coordinator = Arc::new(Shared { store, down: Arc::clone(&down) });
        let sealkit = world.builder().coordinator(coordinator).build().unwrap();
        let sealed = world.ada();
        let session = session(&sealkit.authenticate(&sealed).await).clone();
        let mut guard = tokio::spawn(sealkit.guard(&session));
        world.pass(Duration::from_secs(280)).await;
        new_cookie(&sealkit.refresh(&sealed, RefreshOptions::default()).await);
        down.store(true, Ordering::SeqCst);
        world.pass(Duration::from_secs(19)).await;
        settle().await;
        for _ in 0..down_for {
            world.pass(Duration::from_secs(1)).await;
            settle().await;
        }
        down.store(false, Ordering::SeqCst);
        world.pass(Duration::from_secs(1)).await;
        settle().await;
        assert_eq!(ended(&mut guard).is_none(), goes_on, "down for {down_for} s");
    }
}
