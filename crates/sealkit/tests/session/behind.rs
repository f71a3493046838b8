//! Refreshing beside the handler: the request waits for nothing, and nothing is lost.

use crate::support::{World, new_cookie, session, settle};
use sealkit::{
    CookieAction, Outcome, Reason, RefreshBehind, Resolve, config::RefreshSettings, session::Freshness,
};
use sealkit_devidp::{Endpoint, Fault};
use std::time::Duration;
use tokio::time::Instant;

/// A world that refreshes behind, and Ada's session 40 s before its end.
async fn due(latency: Duration) -> (World, String) {
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.behind = true;
        refresh.retry.last_attempt = Duration::ZERO;
        config.refresh(refresh)
    });
    let sealed = world.ada();
    // The key set is known.
    session(&world.authenticate(&sealed).await);
    world.pass(Duration::from_secs(260)).await;
    world.idp.fault(Endpoint::Authenticate, Fault::delay(latency).after_effect());
    (world, sealed)
}

async fn get(world: &World, sealed: &str) -> Outcome {
    let begun = Instant::now();
    let outcome = world.sealkit.resolve([sealed.into()], Resolve::default().refreshing_behind(true)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits");
    // The grant is on its way.
    settle().await;
    outcome
}

#[track_caller]
fn behind(outcome: &Outcome) -> RefreshBehind {
    assert_eq!((session(outcome).freshness(), outcome.cookie()), (Freshness::Current, &CookieAction::Keep));
    outcome.refresh_behind().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_request_is_served_at_once_and_its_cookie_is_there_as_soon_as_the_refresh_is() {
    let (world, sealed) = due(Duration::from_secs(3)).await;
    let behind = behind(&get(&world, &sealed).await);
    assert_eq!(behind.cookie(), CookieAction::Keep);
    world.pass(Duration::from_secs(3)).await;
    settle().await;
    let CookieAction::Set(new) = behind.cookie() else { panic!("not ready: {behind:?}") };
    assert_ne!(new.expose_secret(), sealed);
    world.pass(Duration::from_secs(60)).await;
    session(&world.authenticate(new.expose_secret()).await);
    assert_eq!(world.grant_count(), 1);
    assert!(!format!("{behind:?}").contains(new.expose_secret()));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_ready_in_time_is_what_the_next_request_gets() {
    let (world, sealed) = due(Duration::from_secs(3)).await;
    let (first, second) = (get(&world, &sealed).await, get(&world, &sealed).await);
    // Both responses are gone before the answer is there.
    assert_eq!(
        [behind(&first), behind(&second)].map(|behind| behind.cookie()),
        [const { CookieAction::Keep }; 2]
    );
    world.pass(Duration::from_secs(3)).await;
    settle().await;
    let third = get(&world, &sealed).await;
    assert_eq!(session(&third).freshness(), Freshness::Refreshed);
    new_cookie(&third);
    assert!(third.refresh_behind().is_none());
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_where_it_is_configured_and_the_request_is_safe() {
    let (world, sealed) = due(Duration::ZERO).await;
    let post = world.sealkit.resolve([sealed.as_str().into()], Resolve::default()).await;
    assert_eq!(session(&post).freshness(), Freshness::Refreshed);
    assert!(post.refresh_behind().is_none());
    let world = World::new();
    let sealed = world.ada();
    world.pass(Duration::from_secs(260)).await;
    let get =
        world.sealkit.resolve([sealed.as_str().into()], Resolve::default().refreshing_behind(true)).await;
    assert_eq!(session(&get).freshness(), Freshness::Refreshed);
    assert!(get.refresh_behind().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_signed_out_meanwhile_is_not_set() {
    for before_the_answer in [true, false] {
        let (world, sealed) = due(Duration::from_secs(3)).await;
        let outcome = get(&world, &sealed).await;
        let behind = behind(&outcome);
        let id = session(&outcome).id().to_owned();
        if before_the_answer {
            world.sealkit.sign_out(&id, None).await.unwrap();
        }
        world.pass(Duration::from_secs(3)).await;
        settle().await;
        if !before_the_answer {
            assert!(matches!(behind.cookie(), CookieAction::Set(_)));
            world.sealkit.sign_out(&id, None).await.unwrap();
        }
        assert_eq!(behind.cookie(), CookieAction::Keep);
        assert_eq!(get(&world, &sealed).await.reason(), Some(Reason::SessionRevoked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_changes_nothing_and_the_token_is_left_alone_for_a_while() {
    let (world, sealed) = due(Duration::ZERO).await;
    world.idp.clear_faults(Endpoint::Authenticate);
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    let behind = behind(&get(&world, &sealed).await);
    settle().await;
    assert_eq!((behind.cookie(), world.grant_count()), (CookieAction::Keep, 1));
    let paused = get(&world, &sealed).await;
    assert_eq!(session(&paused).freshness(), Freshness::Current);
    assert!(paused.refresh_behind().is_none(), "tried a moment ago");
    world.pass(Duration::from_secs(11)).await;
    assert!(get(&world, &sealed).await.refresh_behind().is_some());
    settle().await;
    assert_eq!(world.grant_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_image_does_not_refresh_a_valid_session_but_one_that_is_over() {
    let world = World::new();
    let sealed = world.ada();
    let image = Resolve::default().refreshing_ahead(false).refreshing_behind(true);
    world.pass(Duration::from_secs(290)).await;
    let outcome = world.sealkit.resolve([sealed.as_str().into()], image).await;
    assert_eq!((session(&outcome).freshness(), world.grant_count()), (Freshness::Current, 0));
    world.pass(Duration::from_secs(20)).await;
    let outcome = world.sealkit.resolve([sealed.as_str().into()], image).await;
    assert_eq!((session(&outcome).freshness(), world.grant_count()), (Freshness::Refreshed, 1));
}
