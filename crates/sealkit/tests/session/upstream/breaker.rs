//! An API that fails again and again is left alone for a moment; nothing that was sent is lost by that.

use super::*;
use sealkit::{
    api::{PasswordGrant, RequestContext, SignInGrant},
    breaker::{BreakerSettings, BreakerState},
};

/// One attempt per grant, so that failures are easily counted.
fn once(refresh: &mut RefreshSettings) {
    refresh.retry.last_attempt = Duration::ZERO;
}

/// So many sessions fail with this fault.
async fn fail(world: &World, fault: Fault, times: usize, reason: Reason) {
    world.idp.fault(Endpoint::Authenticate, fault.always());
    for _ in 0..times {
        refused(&world.resolve(&world.expired()).await, reason);
    }
}

async fn failing(times: usize) -> World {
    let world = World::configured(refreshing(once));
    warm(&world).await;
    fail(&world, Fault::status(503), times, Reason::ServerError).await;
    world
}

#[tokio::test(start_paused = true)]
async fn after_five_failures_in_a_row_new_refreshes_fail_at_once_and_unsent() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = failing(4).await;
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Closed);
    fail(&world, Fault::status(503), 1, Reason::ServerError).await;
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Open);
    world.pass(2 * SECOND).await;
    let sealed = world.expired();
    for _ in 0..10 {
        let begun = Instant::now();
        let outcome = world.resolve(&sealed).await;
        refused(&outcome, Reason::ServerError);
        let failure = outcome.failure().unwrap();
        assert_eq!((failure.retry_after(), failure.upstream()), (Some(3 * SECOND), None));
        assert!(failure.is_retryable() && failure.expired().is_some());
        assert_eq!((begun.elapsed(), world.grant_count()), (Duration::ZERO, 5));
    }
    // Its time is over, and it works again.
    world.idp.clear_faults(Endpoint::Authenticate);
    world.pass(3 * SECOND).await;
    session(&world.resolve(&sealed).await);
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Closed);
    session(&world.resolve(&world.expired()).await);
    let shown = seen.values("sealkit_breaker_state");
    assert_eq!(shown, [("sealkit_breaker_state upstream=api".to_owned(), vec![0.0, 2.0, 1.0, 0.0])]);
    for said in ["the upstream has failed again and again", "the upstream works again"] {
        assert_eq!(heard().matches(said).count(), 1, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_refresh_at_a_time_tries_whether_the_api_works_again() {
    let world = failing(5).await;
    world.idp.clear_faults(Endpoint::Authenticate);
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).delayed(SECOND));
    world.pass(5 * SECOND).await;
    let tries = request(&world.sealkit, &world.expired());
    settle().await;
    assert_eq!(world.sealkit.api_breaker(), BreakerState::HalfOpen);
    refused(&world.resolve(&world.expired()).await, Reason::ServerError);
    assert_eq!(world.grant_count(), 6);
    refused(&tries.await.unwrap(), Reason::ServerError);
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Open);
    refused(&world.resolve(&world.expired()).await, Reason::ServerError);
    assert_eq!(world.grant_count(), 6, "for the whole time again");
}

#[tokio::test(start_paused = true)]
async fn connections_time_outs_and_cut_answers_are_failures() {
    let down = [
        (Fault::cut_connection(), Reason::NetworkError),
        (Fault::cut_mid_body(), Reason::InvalidResponse),
        (Fault::hang(), Reason::Timeout),
    ];
    for (fault, reason) in down {
        let world = World::configured(refreshing(once));
        warm(&world).await;
        fail(&world, fault, 5, reason).await;
        assert!(world.sealkit.drain(60 * SECOND).await);
        assert!(world.resolve(&world.expired()).await.session().is_none());
        assert_ne!(world.sealkit.api_breaker(), BreakerState::Closed, "{reason}");
    }
    let world = World::configured(refreshing(once));
    warm(&world).await;
    world.wire.refuse(5);
    for _ in 0..5 {
        refused(&world.resolve(&world.expired()).await, Reason::NetworkError);
    }
    refused(&world.resolve(&world.expired()).await, Reason::NetworkError);
    assert_eq!((world.sealkit.api_breaker(), world.grant_count()), (BreakerState::Open, 0));
}

#[tokio::test(start_paused = true)]
async fn an_api_that_refuses_or_is_busy_works() {
    for (fault, reason) in [
        (Fault::status(429).header("retry-after", "60"), Reason::RateLimitExceeded),
        (Fault::json(400, &serde_json::json!({ "error": "invalid_grant" })), Reason::InvalidGrant),
        (Fault::status(401), Reason::ApiUnauthorized),
        (Fault::status(404), Reason::RefreshRejected),
    ] {
        let world = failing(4).await;
        world.idp.clear_faults(Endpoint::Authenticate);
        fail(&world, fault, 1, reason).await;
        world.idp.clear_faults(Endpoint::Authenticate);
        fail(&world, Fault::status(503), 4, Reason::ServerError).await;
        assert_eq!(world.sealkit.api_breaker(), BreakerState::Closed, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_been_sent_is_sent_again_although_the_api_is_left_alone() {
    let world = World::new();
    warm(&world).await;
    let minted = world.mint(MintSession::for_user(ADA).expired());
    // The pair is made and its answer is lost; then the API goes down for everybody else.
    world.idp.fault(Endpoint::Authenticate, Fault::cut_connection().after_effect());
    let sent = request(&world.sealkit, &world.seal(&minted));
    settle().await;
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).times(4));
    let others: Vec<_> = (0..4).map(|_| request(&world.sealkit, &world.expired())).collect();
    settle().await;
    assert_eq!((world.sealkit.api_breaker(), world.grant_count()), (BreakerState::Open, 5));
    refused(&world.resolve(&world.expired()).await, Reason::ServerError);
    assert_eq!(world.grant_count(), 5);
    assert_eq!(session(&sent.await.unwrap()).id(), minted.session_id);
    for other in others {
        session(&other.await.unwrap());
    }
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Closed);
    assert_eq!(world.idp.refresh_counts(&minted.session_id).unwrap().replayed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_valid_session_does_not_notice() {
    let world = failing(5).await;
    let sealed = world.seal(&world.mint(MintSession::for_user(ADA).lifetime(20 * SECOND)));
    let begun = Instant::now();
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Current);
    assert_eq!((begun.elapsed(), outcome.cookie()), (Duration::ZERO, &CookieAction::Keep));
}

#[tokio::test(start_paused = true)]
async fn sign_ins_are_never_held_back() {
    let world = failing(5).await;
    world.idp.clear_faults(Endpoint::Authenticate);
    let grant = SignInGrant::from(PasswordGrant::new(ADA, "ada-dev-password"));
    world.sealkit.sign_in_with(&grant, &RequestContext::default()).await.unwrap();
    refused(&world.resolve(&world.expired()).await, Reason::ServerError);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_panics_leaves_the_next_one_to_somebody_else() {
    let world = failing(5).await;
    world.idp.clear_faults(Endpoint::Authenticate);
    world.pass(5 * SECOND).await;
    let sealed = world.expired();
    world.wire.panic_once();
    assert!(world.resolve(&sealed).await.session().is_none());
    session(&world.resolve(&sealed).await);
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_off() {
    let world = World::configured(refreshing(|refresh| {
        once(refresh);
        refresh.breaker = BreakerSettings::new(0, SECOND);
    }));
    warm(&world).await;
    fail(&world, Fault::status(503), 12, Reason::ServerError).await;
    assert_eq!((world.sealkit.api_breaker(), world.grant_count()), (BreakerState::Closed, 12));
}
