//! Refreshing before the end: never at the price of the session that is still valid.

use super::*;

#[tokio::test(start_paused = true)]
async fn another_subject_is_refused_also_when_refreshed_ahead() {
    let world = World::new();
    let sealed = world.ada();
    let grace = world.mint(MintSession::for_user(GRACE)).response_json;
    world.idp.fault(Endpoint::Authenticate, Fault::json(200, &grace));
    world.pass(Duration::from_secs(290)).await;
    let outcome = world.resolve(&sealed).await;
    assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch));
    refused(&world.resolve(&new_cookie(&outcome)).await, Reason::SubjectMismatch);
}

#[tokio::test(start_paused = true)]
async fn a_session_near_its_end_is_refreshed_ahead() {
    let world = World::new();
    let sealed = world.ada();
    world.pass(Duration::from_secs(200)).await;
    assert_eq!(*world.resolve(&sealed).await.cookie(), CookieAction::Keep);
    assert_eq!(world.grant_count(), 0, "100 s left, due below 60 s at the earliest");
    world.pass(Duration::from_secs(60)).await;
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Refreshed);
    new_cookie(&outcome);
    let prefetch = world.sealkit.resolve([sealed.as_str().into()], Resolve::new(false, false)).await;
    assert_eq!(
        (session(&prefetch).freshness(), prefetch.cookie()),
        (Freshness::Current, &CookieAction::Keep)
    );
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_valid_session_waits_a_second_and_gets_the_result_of_the_grant_later() {
    let world = World::new();
    let sealed = world.ada();
    session(&world.authenticate(&sealed).await);
    world.pass(Duration::from_secs(260)).await;
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(3)).after_effect());
    for (waited, then) in [(1, 1), (0, 2)] {
        let begun = Instant::now();
        let outcome = world.resolve(&sealed).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(waited));
        assert_eq!(session(&outcome).freshness(), Freshness::Current);
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
        world.pass(Duration::from_secs(then)).await;
        settle().await;
    }
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Refreshed);
    new_cookie(&outcome);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_refresh_ahead_that_may_work_later_the_token_is_left_alone_until_it_has_expired() {
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.retry.last_attempt = Duration::ZERO;
        refresh.breaker.failures = 0;
        config.refresh(refresh)
    });
    let sealed = world.ada();
    session(&world.authenticate(&sealed).await);
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    world.pass(Duration::from_secs(260)).await;
    // Seconds to go on, and how many grants there have been by then.
    for (seconds, grants) in [(0, 1), (0, 1), (9, 1), (2, 2), (5, 2), (6, 3), (9, 3)] {
        world.pass(Duration::from_secs(seconds)).await;
        let begun = Instant::now();
        let outcome = world.resolve(&sealed).await;
        assert_eq!(session(&outcome).freshness(), Freshness::Current);
        assert_eq!((begun.elapsed(), world.grant_count()), (Duration::ZERO, grants));
    }
    let left = session(&world.authenticate(&sealed).await).expires_at().saturating_since(world.now());
    world.pass(left - Duration::from_secs(1)).await;
    let grants = world.grant_count();
    session(&world.resolve(&sealed).await);
    assert_eq!(world.grant_count(), grants + u64::from(left > Duration::from_secs(2)));
    world.pass(Duration::from_secs(2)).await;
    let before = world.grant_count();
    for round in 1..=3 {
        refused(&world.resolve(&sealed).await, Reason::ServerError);
        assert_eq!(world.grant_count(), before + round, "an expired session is tried at once");
    }
}

#[tokio::test(start_paused = true)]
async fn refreshing_ahead_can_be_off() {
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.ahead = RefreshAhead::OFF;
        config.refresh(refresh)
    });
    let sealed = world.ada();
    world.pass(Duration::from_millis(299_999)).await;
    assert_eq!(*world.resolve(&sealed).await.cookie(), CookieAction::Keep);
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ahead_of_the_end_never_changes_the_cookie() {
    for fault in [
        Fault::status(503),
        Fault::json(400, &oauth("invalid_grant")),
        Fault::json(401, &Value::Null),
        Fault::json(403, &plain("mfa_enrollment")),
        Fault::json(200, &json!({})),
    ] {
        let world = World::new();
        let sealed = world.ada();
        world.idp.fault(Endpoint::Authenticate, fault.clone().always());
        world.pass(Duration::from_secs(290)).await;
        let outcome = world.sealkit.resolve([sealed.as_str().into()], Resolve::new(true, true)).await;
        assert_eq!(session(&outcome).freshness(), Freshness::Current, "{fault:?}");
        assert_eq!(*outcome.cookie(), CookieAction::Keep, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_rotated_ahead_and_cannot_be_verified_yet_is_set_beside_the_valid_session() {
    let world = World::new();
    let sealed = world.ada();
    session(&world.authenticate(&sealed).await);
    world.idp.rotate_keys(true).unwrap();
    world.idp.fault(Endpoint::Jwks, Fault::status(503).always());
    world.pass(Duration::from_secs(290)).await;
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Current);
    let rotated = new_cookie(&outcome);
    world.idp.clear_faults(Endpoint::Jwks);
    world.pass(Duration::from_secs(60)).await;
    session(&world.resolve(&rotated).await);
    assert_eq!(world.grant_count(), 1);
}
