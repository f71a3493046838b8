//! A process dies while it holds a refresh.

use crate::{
    support::eventually,
    world::{Hold, Process, World, refreshed, short_lease},
};
use sealkit::{CookieAction, Reason};
use std::time::Duration;

#[tokio::test]
async fn a_holder_that_dies_before_the_grant_is_taken_over() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (Process::start(&world, short_lease(world.settings())).await, world.replica().await);
    let cookie = world.expired(&b);
    a.replica.wire.hold(Hold::Before);
    let lost = a.request(&cookie);
    a.replica.wire.has_held(1).await;
    let waiting = b.request(&cookie);
    a.kill().await;
    refreshed(&waiting.await.unwrap());
    assert!(lost.await.is_err());
    assert_eq!((world.grants(), world.accepted()), (1, 1));
}

#[tokio::test]
async fn a_holder_that_lives_keeps_its_lease_however_long_the_grant_takes() {
    let Some(world) = World::strict().await else { return };
    let mut settings = world.settings();
    settings.lease = Duration::from_secs(2);
    settings.renew_every = Duration::from_millis(100);
    let (a, b) = (world.replica_with(settings).await, world.replica().await);
    let cookie = world.expired(&b);
    a.wire.hold(Hold::Before);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    let place = world.places().await.remove(0);
    let (mut before, mut renewed) = (0, 0);
    eventually("the lease was renewed", async || {
        let left: i64 = world.redis.query(&["PTTL", &place]).await.unwrap();
        assert!(left > 0, "the lease has ended");
        renewed += u32::from(std::mem::replace(&mut before, left) < left);
        renewed > 3
    })
    .await;
    let other = b.request(&cookie);
    a.wire.let_go();
    assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn a_holder_that_dies_with_the_answer_is_made_good_by_a_provider_that_answers_again() {
    let Some(world) = World::lenient().await else { return };
    let (a, b) = (Process::start(&world, short_lease(world.settings())).await, world.replica().await);
    let cookie = world.expired(&b);
    a.replica.wire.hold(Hold::After);
    drop(a.request(&cookie));
    a.replica.wire.has_held(1).await;
    let waiting = b.request(&cookie);
    a.kill().await;
    refreshed(&waiting.await.unwrap());
    assert_eq!(world.grants(), 2);
}

#[tokio::test]
async fn a_holder_that_dies_with_the_only_answer_ahead_of_the_end_costs_nobody_anything() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (Process::start(&world, short_lease(world.settings())).await, world.replica().await);
    let cookie = world.nearly_over(&b);
    a.replica.wire.hold(Hold::After);
    drop(a.request(&cookie));
    a.replica.wire.has_held(1).await;
    a.kill().await;
    // Refused by the provider, which nobody can help, and served all the same until the old token ends.
    for _ in 0..3 {
        let outcome = b.navigate(&cookie).await;
        assert!(outcome.session().is_some(), "{outcome:?}");
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
    }
    assert_eq!((world.grants(), world.accepted()), (2, 1));
}

#[tokio::test]
async fn the_one_case_that_cannot_be_saved_signs_out_and_clears_on_a_navigation_only() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (Process::start(&world, short_lease(world.settings())).await, world.replica().await);
    let cookie = world.expired(&b);
    a.replica.wire.hold(Hold::After);
    drop(a.request(&cookie));
    a.replica.wire.has_held(1).await;
    a.kill().await;
    let outcome = b.resolve(&cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Keep));
    let outcome = b.navigate(&cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Clear));
    assert_eq!((world.grants(), world.accepted()), (2, 1));
}

#[tokio::test]
async fn store_that_was_emptied_confirms_no_refusal_until_it_has_remembered_long_enough() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&b);
    refreshed(&a.resolve(&cookie).await);
    // The browser never got the new cookie, and comes to another replica, which nobody can tell.
    world.redis.flush().await;
    let outcome = b.navigate(&cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Keep));
    let since: u64 = world.redis.query(&["GET", "sealkit:since"]).await.unwrap();
    assert!(since > 1, "from now on");
    let c = world.replica().await;
    let outcome = c.navigate(&cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Keep));
    world.has_long_remembered().await;
    let outcome = world.replica().await.navigate(&cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Clear));
}
