//! What one session may use of what all sessions share.

use super::*;
use sealkit::{EncodingPolicy, breaker::BreakerState, config::LimitSettings, format::FormatSet};

const SECOND: Duration = Duration::from_secs(1);

/// So many refreshes of a session in a minute.
fn limited(grants: usize) -> World {
    World::configured(|config| {
        let mut limits = LimitSettings::default();
        limits.grants_per_session = grants;
        config.limits(limits)
    })
}

/// The wait that a refused request is told.
fn wait(outcome: &Outcome) -> Duration {
    refused(outcome, Reason::RateLimitExceeded);
    assert!(outcome.failure().unwrap().upstream().is_none());
    outcome.failure().unwrap().retry_after().unwrap()
}

#[tokio::test(start_paused = true)]
async fn session_beyond_its_budget_waits_and_sends_nothing() {
    let world = limited(3);
    let (first, other) = (world.ada(), world.expired());
    let mut sealed = first.clone();
    for i in 0..3 {
        sealed = new_cookie(&switch(&world, &sealed, [NAVY, ANALYTICAL][i % 2]).await);
    }
    for _ in 0..300 {
        assert_eq!(wait(&switch(&world, &sealed, ANALYTICAL).await), 20 * SECOND);
        assert_eq!(wait(&refresh(&world, &sealed).await), 20 * SECOND);
    }
    assert_eq!(world.grant_count(), 3);
    session(&world.resolve(&sealed).await);
    session(&world.resolve(&other).await);
    assert_eq!(world.grant_count(), 4, "another session has its own budget");
    // What is known is given all the same: the newest session that followed the first.
    let known = refresh(&world, &first).await;
    assert_eq!(session(&known).organization_id(), Some(NAVY));
    assert_eq!(world.grant_count(), 4);
    world.pass(20 * SECOND).await;
    let next = new_cookie(&switch(&world, &sealed, ANALYTICAL).await);
    assert_eq!(wait(&switch(&world, &next, NAVY).await), 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn made_up_refresh_tokens_of_one_session_are_bounded_and_leave_its_sealed_cookie_alone() {
    let world = World::configured(|config| {
        let mut limits = LimitSettings::default();
        limits.grants_per_session = 3;
        config.limits(limits).encoding(EncodingPolicy::default().with_read(FormatSet::all()))
    });
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let forged =
        |token: String| json!({ "accessToken": minted.access_token, "refreshToken": token }).to_string();
    for i in 0..300 {
        let outcome = world.resolve(&forged(format!("made up {i}"))).await;
        refused(&outcome, if i < 3 { Reason::InvalidGrant } else { Reason::RateLimitExceeded });
    }
    assert_eq!(world.grant_count(), 3);
    for text in ["a\0b", "a\nb", "é"] {
        refused(&world.resolve(&forged(text.to_owned())).await, Reason::NoRefreshToken);
    }
    session(&world.resolve(&world.seal(&minted)).await);
    assert_eq!(world.grant_count(), 4);
}

#[tokio::test(start_paused = true)]
async fn malformed_organization_is_never_sent() {
    let world = World::new();
    let sealed = world.ada();
    for id in ["org_\0", "", " ", "org/1", "org_é", &"o".repeat(200)] {
        refused(&switch(&world, &sealed, id).await, Reason::InvalidOrganizationId);
    }
    assert_eq!(world.grant_count(), 0);
    session(&switch(&world, &sealed, NAVY).await);
}

#[tokio::test(start_paused = true)]
async fn what_one_caller_chose_opens_the_breaker_for_nobody() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    world.idp.fault(Endpoint::Authenticate, Fault::status(500).times(200));
    for _ in 0..20 {
        // Sessions of different users, all into an organization that the API fails on.
        refused(&switch(&world, &world.ada(), NAVY).await, Reason::ServerError);
        world.pass(SECOND).await;
    }
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Closed);
    // The same session again and again counts once.
    let one = world.expired();
    for _ in 0..20 {
        refused(&world.resolve(&one).await, Reason::ServerError);
        world.pass(SECOND).await;
    }
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Closed);
    world.idp.clear_faults(Endpoint::Authenticate);
    session(&world.resolve(&world.expired()).await);
}

#[tokio::test(start_paused = true)]
async fn what_one_caller_chose_never_tries_whether_the_api_works_again() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    for _ in 0..5 {
        refused(&world.resolve(&world.expired()).await, Reason::ServerError);
    }
    assert_eq!(world.sealkit.api_breaker(), BreakerState::Open);
    world.idp.clear_faults(Endpoint::Authenticate);
    world.pass(6 * SECOND).await;
    let grants = world.grant_count();
    refused(&switch(&world, &world.ada(), NAVY).await, Reason::ServerError);
    assert_eq!((world.grant_count(), world.sealkit.api_breaker()), (grants, BreakerState::Open));
    session(&world.resolve(&world.expired()).await);
    session(&switch(&world, &world.ada(), NAVY).await);
}

#[tokio::test(start_paused = true)]
async fn asking_too_often_serves_no_session_past_its_end() {
    let world = World::configured(|config| {
        let mut limits = LimitSettings::default();
        limits.grants_per_session = 1;
        let mut refresh = RefreshSettings::default();
        refresh.stale_while_error = Duration::from_secs(300);
        config.limits(limits).refresh(refresh)
    });
    let minted = world.mint(MintSession::for_user(ADA).lifetime(5 * SECOND));
    let sealed = new_cookie(&switch(&world, &world.seal(&minted), NAVY).await);
    world.idp.revoke_session(&minted.session_id);
    // Past the end of its token, with its budget spent.
    world.pass(Duration::from_secs(301)).await;
    let other = new_cookie(&world.resolve(&world.expired()).await);
    assert!(!other.is_empty());
    refused(&world.resolve(&sealed).await, Reason::InvalidGrant);
    let outcome = world.resolve(&sealed).await;
    assert!(outcome.session().is_none(), "{outcome:?}");
}
