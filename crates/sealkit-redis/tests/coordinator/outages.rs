//! The store dies, hangs, forgets.

use crate::{
    support::eventually,
    world::{Hold, World, impatient, refreshed, short_lease},
};
use sealkit::{CookieAction, Outcome, Reason};
use sealkit_redis::OnError;
use std::time::Duration;

#[tokio::test]
async fn a_store_that_forgets_a_grant_under_way_is_told_again_by_its_holder() {
    let Some(world) = World::strict().await else { return };
    let mut settings = world.settings();
    settings.renew_every = Duration::from_millis(50);
    let (a, b) = (world.replica_with(settings).await, world.replica().await);
    let cookie = world.expired(&b);
    a.wire.hold(Hold::Before);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    world.redis.flush().await;
    world.until_stored(b'L').await;
    let other = b.request(&cookie);
    a.wire.let_go();
    assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn a_lost_lease_means_two_grants_and_the_refused_one_finds_the_other() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&b);
    a.wire.hold(Hold::Before);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    world.redis.flush().await;
    let token = refreshed(&b.resolve(&cookie).await);
    a.wire.let_go();
    assert_eq!(refreshed(&one.await.unwrap()), token);
    assert_eq!((world.grants(), world.accepted()), (2, 1));
}

#[tokio::test]
async fn a_lease_that_ended_while_the_store_hung_loses_nobody() {
    let Some(world) = World::strict().await else { return };
    let settings = short_lease(impatient(world.settings()));
    let (a, b) = (world.replica_with(settings.clone()).await, world.replica_with(settings).await);
    let cookie = world.expired(&b);
    a.wire.hold(Hold::Before);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    world.redis.pause();
    b.wire.hold(Hold::Before);
    let other = b.request(&cookie);
    // It gives the store up, and grants alone.
    b.wire.has_held(1).await;
    world.redis.resume();
    b.wire.let_go();
    a.wire.let_go();
    assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn a_store_that_hangs_for_a_moment_costs_a_grant_at_most_and_no_session() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (
        world.replica_with(impatient(world.settings())).await,
        world.replica_with(impatient(world.settings())).await,
    );
    let cookie = world.expired(&b);
    world.redis.pause();
    for replica in [&a, &b] {
        replica.wire.hold(Hold::Before);
    }
    let (one, other) = (a.request(&cookie), b.request(&cookie));
    a.wire.has_held(1).await;
    b.wire.has_held(1).await;
    for replica in [&a, &b] {
        replica.wire.let_go();
    }
    eventually("both grants were made", async || world.grants() == 2).await;
    world.redis.resume();
    assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn a_result_that_could_not_be_published_is_served_and_published_later() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&b);
    a.wire.hold(Hold::After);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    world.redis.kill();
    a.wire.let_go();
    let token = refreshed(&one.await.unwrap());
    // Here it is known without a store.
    assert_eq!(refreshed(&a.resolve(&cookie).await), token);
    assert!(!a.sealkit.drain(Duration::from_millis(20)).await, "it is still to be published");
    world.redis.restart().await;
    assert!(a.sealkit.drain(Duration::from_secs(60)).await);
    world.until_stored(b'R').await;
    eventually("the other replica has noticed", async || !b.is_degraded()).await;
    assert_eq!(refreshed(&b.resolve(&cookie).await), token);
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn without_a_store_a_replica_refreshes_alone_says_so_and_comes_back() {
    let Some(world) = World::strict().await else { return };
    world.redis.kill();
    let a = world.replica().await;
    let cookie = world.expired(&a);
    let token = refreshed(&a.resolve(&cookie).await);
    assert_eq!(refreshed(&a.resolve(&cookie).await), token);
    eventually("it says that it is degraded", async || a.is_degraded()).await;
    world.redis.restart().await;
    eventually("it is whole again", async || !a.is_degraded()).await;
    world.until_stored(b'R').await;
    let b = world.replica().await;
    assert_eq!(refreshed(&b.resolve(&cookie).await), token);
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn a_refusal_that_nobody_could_compare_clears_no_cookie() {
    let Some(world) = World::strict().await else { return };
    let a = world.replica().await;
    let cookie = world.expired(&a);
    let elsewhere = world.replica().await;
    refreshed(&elsewhere.resolve(&cookie).await);
    world.redis.kill();
    let outcome = a.navigate(&cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Keep));
}

#[tokio::test]
async fn told_to_deny_a_replica_without_a_store_grants_nothing_and_keeps_every_session() {
    let Some(world) = World::strict().await else { return };
    world.redis.kill();
    let mut settings = world.settings();
    settings.on_error = OnError::Deny;
    let a = world.replica_with(settings).await;
    let outcome = a.navigate(&world.expired(&a)).await;
    let Outcome::Unavailable { failure, cookie, .. } = &outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.reason(), cookie), (Reason::NetworkError, &CookieAction::Keep));
    assert!(failure.hint().unwrap().contains("SEALKIT_COORDINATOR_URL") && failure.retry_after().is_some());
    let valid = a.navigate(&world.nearly_over(&a)).await;
    assert!(valid.session().is_some() && *valid.cookie() == CookieAction::Keep, "{valid:?}");
    assert_eq!(world.grants(), 0);
}

#[tokio::test]
async fn told_to_wait_a_replica_without_a_store_waits_for_it_and_not_for_ever() {
    let Some(world) = World::strict().await else { return };
    world.redis.kill();
    let mut settings = world.settings();
    (settings.on_error, settings.give_up) = (OnError::Wait, Duration::from_millis(50));
    let a = world.replica_with(settings.clone()).await;
    let cookie = world.expired(&a);
    let outcome = a.navigate(&cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::NetworkError), &CookieAction::Keep));
    assert_eq!(world.grants(), 0);
    settings.give_up = Duration::from_secs(60);
    let b = world.replica_with(settings).await;
    let waiting = b.request(&cookie);
    eventually("it has tried", async || b.is_degraded()).await;
    assert_eq!(world.grants(), 0);
    world.redis.restart().await;
    refreshed(&waiting.await.unwrap());
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn who_waits_for_a_holder_does_not_grant_beside_it_when_the_store_dies() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&b);
    let asked = async || -> u64 {
        let stats: String = world.redis.query(&["INFO", "commandstats"]).await.unwrap();
        let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:"));
        line.and_then(|line| line.split(['=', ',']).nth(1)?.parse().ok()).unwrap_or_default()
    };
    let before = asked().await;
    a.wire.hold(Hold::Before);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    let other = b.request(&cookie);
    // Ours and some looks of the other's.
    eventually("the other waits", async || asked().await >= before + 4).await;
    world.redis.kill();
    eventually("the other has noticed", async || b.is_degraded()).await;
    assert_eq!(world.grants(), 0);
    a.wire.let_go();
    let token = refreshed(&one.await.unwrap());
    world.redis.restart().await;
    assert_eq!(refreshed(&other.await.unwrap()), token);
    assert_eq!(world.grants(), 1);
}
