//! Stale while error: where it is allowed, an expired session is served for a little longer, while it cannot be refreshed.

use super::*;
use sealkit::{RefreshToken, revocation::Denial, session::RefreshAhead};

const STALE: Duration = Duration::from_secs(120);

/// A minute past the end of every minted session, sixty seconds are left.
fn serving_stale() -> World {
    World::configured(refreshing(|refresh| {
        refresh.stale_while_error = STALE;
        refresh.ahead = RefreshAhead::OFF;
    }))
}

async fn down(world: &World) {
    warm(world).await;
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
}

#[track_caller]
fn stale(outcome: &Outcome) {
    let session = session(outcome);
    assert_eq!((session.freshness(), session.warnings()), (Freshness::Stale, vec![Warning::ServedStale]));
}

#[tokio::test(start_paused = true)]
async fn by_default_an_expired_session_is_not_served() {
    let world = World::new();
    down(&world).await;
    let outcome = world.resolve(&world.expired()).await;
    refused(&outcome, Reason::ServerError);
}

#[tokio::test(start_paused = true)]
async fn whatever_may_pass_the_session_is_served_and_says_that_it_is_stale() {
    for fault in [
        Fault::status(503),
        Fault::status(429).header("retry-after", "60"),
        Fault::cut_connection(),
        Fault::cut_mid_body(),
        Fault::garbage(),
        Fault::hang(),
    ] {
        let world = serving_stale();
        warm(&world).await;
        let minted = world.mint(MintSession::for_user(ADA).expired());
        world.idp.fault(Endpoint::Authenticate, fault.clone().always());
        let outcome = world.resolve(&world.seal(&minted)).await;
        stale(&outcome);
        assert_eq!(*outcome.cookie(), CookieAction::Keep, "{fault:?}");
        assert_eq!(session(&outcome).id(), minted.session_id);
        assert!(session(&outcome).expires_at() < world.now());
        assert!(heard().contains("served although its token has ended"));
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_first_request_waits_and_after_a_while_one_tries_again() {
    let world = serving_stale();
    warm(&world).await;
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::hang().always());
    for wait in [5, 0, 0] {
        let begun = Instant::now();
        stale(&world.resolve(&sealed).await);
        assert_eq!(begun.elapsed(), wait * SECOND);
    }
    assert!(world.sealkit.drain(30 * SECOND).await);
    world.idp.clear_faults(Endpoint::Authenticate);
    world.pass(10 * SECOND).await;
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Refreshed);
    session(&world.authenticate(&new_cookie(&outcome)).await);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_succeeds_after_all_is_had_by_the_next_request() {
    let world = serving_stale();
    warm(&world).await;
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::delay(5 * SECOND + SECOND / 10).after_effect());
    stale(&world.resolve(&sealed).await);
    assert!(world.sealkit.drain(SECOND).await);
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Refreshed);
    new_cookie(&outcome);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_it_is_over_and_the_cookie_is_kept() {
    let world = serving_stale();
    down(&world).await;
    let sealed = world.expired();
    let end = session_end(&world, &sealed).await;
    world.pass(end.saturating_add(STALE).saturating_since(world.now()) - 5 * SECOND).await;
    stale(&world.resolve(&sealed).await);
    world.pass(end.saturating_add(STALE).saturating_since(world.now())).await;
    refused(&world.resolve(&sealed).await, Reason::ServerError);
}

async fn session_end(world: &World, sealed: &str) -> sealkit::UnixMillis {
    let outcome = world.authenticate(sealed).await;
    outcome.failure().unwrap().expired().unwrap().claims().expires_at()
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_refusal() {
    for (fault, reason) in [
        (Fault::json(400, &serde_json::json!({ "error": "invalid_grant" })), Reason::InvalidGrant),
        (Fault::status(401), Reason::ApiUnauthorized),
        (Fault::json(403, &serde_json::json!({ "code": "mfa_challenge" })), "mfa_challenge".parse().unwrap()),
    ] {
        let world = serving_stale();
        warm(&world).await;
        world.idp.fault(Endpoint::Authenticate, fault.always());
        refused(&world.resolve(&world.expired()).await, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn only_resolve_serves_it() {
    let world = serving_stale();
    down(&world).await;
    let sealed = world.expired();
    stale(&world.resolve(&sealed).await);
    refused(&world.authenticate(&sealed).await, Reason::ExpiredJwt);
    refused(&world.sealkit.refresh(&sealed, RefreshOptions::default()).await, Reason::ServerError);
    let prefetch = world.sealkit.resolve([sealed.as_str().into()], Resolve::new(false, false)).await;
    refused(&prefetch, Reason::ExpiredJwt);
    // What is not proven in everything but its time never is.
    let mut claims = world.claims();
    claims["exp"] = (world.now().as_secs() - 10).into();
    let forged = world.around(&world.idp.sign_as_stranger(&claims).unwrap());
    assert!(world.resolve(&forged).await.session().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_ended_is_never_served() {
    // Before the refresh, while it is waited for, and while the session is being served.
    for round in 0..3 {
        let world = serving_stale();
        warm(&world).await;
        world.idp.fault(Endpoint::Authenticate, Fault::status(503).delayed(SECOND).always());
        let minted = world.mint(MintSession::for_user(ADA).expired());
        let sealed = world.seal(&minted);
        if round == 2 {
            stale(&world.resolve(&sealed).await);
        }
        let waiting = (round == 1).then(|| request(&world.sealkit, &sealed));
        settle().await;
        world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
        let outcome = match waiting {
            Some(waiting) => waiting.await.unwrap(),
            None => world.resolve(&sealed).await,
        };
        assert_eq!(outcome.reason(), Some(Reason::SessionRevoked), "{round}: {outcome:?}");
        assert_eq!(*outcome.cookie(), CookieAction::Clear, "{round}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_from_before_its_users_rights_changed_is_never_served() {
    for served_before in [false, true] {
        let world = serving_stale();
        down(&world).await;
        let (ada, grace) = (world.expired(), world.seal(&world.mint(MintSession::for_user(GRACE).expired())));
        if served_before {
            stale(&world.resolve(&ada).await);
        }
        let rule = Denial::user(world.user_id(ADA), world.now());
        world.sealkit.deny_list().deny(rule).await;
        refused(&world.resolve(&ada).await, Reason::ServerError);
        stale(&world.resolve(&grace).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_rotated_and_cannot_be_verified_yet_is_set_beside_it() {
    let world = serving_stale();
    warm(&world).await;
    let sealed = world.expired();
    world.pass(31 * SECOND).await;
    world.idp.rotate_keys(true).unwrap();
    world.idp.fault(Endpoint::Jwks, Fault::status(503).always());
    let outcome = world.resolve(&sealed).await;
    stale(&outcome);
    let new = new_cookie(&outcome);
    assert_ne!(
        world.sealkit.unseal(&new).unwrap().0.refresh_token().as_ref().map(RefreshToken::expose_secret),
        world.sealkit.unseal(&sealed).unwrap().0.refresh_token().as_ref().map(RefreshToken::expose_secret),
    );
    // The new one is not proven, so it is not served: until the keys are back.
    refused(&world.resolve(&new).await, Reason::JwksUnavailable);
    world.idp.clear_faults(Endpoint::Jwks);
    world.pass(31 * SECOND).await;
    session(&world.resolve(&new).await);
}

#[tokio::test(start_paused = true)]
async fn a_stale_session_is_not_stored_again() {
    let world = serving_stale();
    down(&world).await;
    let sealed = world.expired();
    let settling = Resolve::default().settling(true);
    let outcome = world.sealkit.resolve([sealed.into()], settling).await;
    stale(&outcome);
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
}
