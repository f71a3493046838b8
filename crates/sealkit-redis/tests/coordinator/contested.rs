//! Two processes have a grant of the same refresh token under way, and the provider takes it once: whoever is refused waits for
//! the other.

use crate::{
    jobs::{Grant, ask, never, success, token},
    recorder::Seen,
    support::eventually,
    world::{Hold, Process, Replica, World, impatient, refreshed, short_lease},
};
use sealkit::{
    CookieAction, Failure, Outcome, Reason,
    refresh::{GrantResult, Published, RefreshCoordinator as _},
    telemetry::LEASE_TAKEOVERS,
};
use std::time::Duration;
use tokio::task::JoinHandle;

fn refused() -> GrantResult {
    Err(Failure::new(Reason::InvalidGrant))
}

fn navigate(replica: &Replica, cookie: &str) -> JoinHandle<Outcome> {
    let (replica, cookie) = (replica.clone(), cookie.to_owned());
    tokio::spawn(async move { replica.navigate(&cookie).await })
}

impl World {
    /// How many scripts the server has run: everybody who has or wants a lease asks with one.
    async fn scripts(&self) -> u64 {
        let stats: String = self.redis.query(&["INFO", "commandstats"]).await.unwrap();
        let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:"));
        line.and_then(|line| line.split(['=', ',']).nth(1)?.parse().ok()).unwrap_or_default()
    }

    /// How many leases there are of the only refresh token.
    async fn holders(&self) -> usize {
        let places = self.places().await;
        let Some(place) = places.first() else { return 0 };
        let value: Option<Vec<u8>> = self.redis.query(&["GET", place]).await.unwrap();
        value.filter(|value| value.starts_with(b"L")).map_or(0, |value| (value.len() - 1) / 17)
    }

    /// Waits until a task is over, or the store has been asked so often that whoever waits does so for somebody else.
    async fn waits<T>(&self, task: &JoinHandle<T>) {
        let before = self.scripts().await;
        eventually("it waits", async || task.is_finished() || self.scripts().await >= before + 8).await;
    }
}

#[tokio::test]
async fn refused_while_the_answer_is_on_its_way_elsewhere_after_the_store_forgot() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&b);
    a.wire.hold(Hold::After);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    world.redis.flush().await;
    let other = navigate(&b, &cookie);
    eventually("both have a lease", async || other.is_finished() || world.holders().await == 2).await;
    a.wire.let_go();
    assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
    assert_eq!((world.grants(), world.accepted()), (2, 1));
}

#[tokio::test]
async fn refused_while_the_answer_is_on_its_way_to_one_who_went_alone_when_the_store_hung() {
    let Some(world) = World::strict().await else { return };
    let mut settings = impatient(world.settings());
    settings.second_look = Duration::from_millis(100);
    let (a, b) = (world.replica_with(settings).await, world.replica().await);
    let cookie = world.expired(&b);
    world.redis.pause();
    a.wire.hold(Hold::After);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    world.redis.resume();
    let other = navigate(&b, &cookie);
    world.waits(&other).await;
    a.wire.let_go();
    assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn refused_while_the_answer_is_on_its_way_to_one_who_went_alone_without_a_store() {
    let Some(world) = World::strict().await else { return };
    let a = world.replica().await;
    let cookie = world.expired(&a);
    world.redis.kill();
    a.wire.hold(Hold::After);
    let one = a.request(&cookie);
    a.wire.has_held(1).await;
    world.redis.restart().await;
    let c = world.replica().await;
    let other = navigate(&c, &cookie);
    world.waits(&other).await;
    a.wire.let_go();
    assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
    assert_eq!(world.accepted(), 1);
}

/// Two grants under way, the first of which the store forgot.
async fn two(world: &World) -> (Grant, Grant) {
    let (a, b) = (world.replica().await, world.replica().await);
    let first = Grant::begin(&a, None).await;
    world.redis.flush().await;
    world.has_long_remembered().await;
    (first, Grant::begin(&b, None).await)
}

fn reason(published: &Published) -> Reason {
    published.result.as_ref().unwrap_err().reason()
}

#[tokio::test]
async fn who_is_refused_first_takes_the_success_of_the_other() {
    let Some(world) = World::strict().await else { return };
    let (first, second) = two(&world).await;
    eventually("both have a lease", async || world.holders().await == 2).await;
    let second = tokio::spawn(second.end(refused()));
    world.waits(&second).await;
    assert!(!second.is_finished());
    assert_eq!(token(&first.end(success("first")).await), "first");
    assert_eq!(token(&second.await.unwrap()), "first");
}

#[tokio::test]
async fn a_refusal_is_settled_when_the_other_has_nothing_either() {
    let Some(world) = World::strict().await else { return };
    for failure in [Reason::InvalidGrant, Reason::Timeout] {
        world.redis.flush().await;
        let (first, second) = two(&world).await;
        eventually("both have a lease", async || world.holders().await == 2).await;
        let second = tokio::spawn(second.end(refused()));
        world.waits(&second).await;
        assert!(!second.is_finished());
        let first = first.end(Err(Failure::new(failure))).await;
        assert_eq!(reason(&first), failure);
        let second = second.await.unwrap();
        assert!(second.confirmed && reason(&second) == Reason::InvalidGrant);
        assert_eq!(world.stored().await, Some(b'F'));
    }
}

#[tokio::test]
async fn whoever_is_new_waits_while_two_are_at_it() {
    let Some(world) = World::strict().await else { return };
    let (first, second) = two(&world).await;
    eventually("both have a lease", async || world.holders().await == 2).await;
    let c = world.replica().await;
    let third = ask(&c, None, never());
    world.waits(&third).await;
    // One of them goes, the other is still at it.
    assert!(first.end(Err(Failure::new(Reason::ServerError))).await.result.is_err());
    world.waits(&third).await;
    assert!(!third.is_finished());
    assert_eq!(token(&second.end(success("second")).await), "second");
    assert_eq!(token(&third.await.unwrap()), "second");
}

#[tokio::test]
async fn a_grant_under_way_outranks_a_refusal_that_was_stored_meanwhile() {
    let Some(world) = World::strict().await else { return };
    let (first, other) = two(&world).await;
    // For an organization that is not the other's, or a token that the first has spent: nothing of it lasts.
    assert!(other.end(Err(Failure::new(Reason::OrganizationNotFound))).await.result.is_err());
    world.until_stored(b'L').await;
    let c = world.replica().await;
    let third = ask(&c, None, never());
    world.waits(&third).await;
    assert_eq!(token(&first.end(success("first")).await), "first");
    assert_eq!(token(&third.await.unwrap()), "first");
}

#[tokio::test]
async fn a_lease_that_the_store_forgot_is_nobodys_to_take_over() {
    let Some(world) = World::strict().await else { return };
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let mut settings = world.settings();
    (settings.lease, settings.renew_every) = (Duration::from_secs(600), Duration::from_secs(300));
    let (a, b) = (world.replica_with(settings).await, world.replica().await);
    let first = Grant::begin(&a, None).await;
    let second = ask(&b, None, Box::new(|| Box::pin(async { success("second") })));
    world.waits(&second).await;
    world.redis.flush().await;
    // Who waited goes on in the place of the holder, whose lease is not renewed for a while.
    assert_eq!(token(&second.await.unwrap()), "second");
    assert_eq!(token(&first.end(success("first")).await), "second");
    assert_eq!(seen.count(LEASE_TAKEOVERS), 0);
}

#[tokio::test]
async fn whoever_dies_beside_another_is_waited_for_no_longer_than_its_lease() {
    let Some(world) = World::strict().await else { return };
    let settings = short_lease(world.settings());
    let dying = Process::start(&world, settings.clone()).await;
    let b = world.replica_with(settings).await;
    let cookie = world.expired(&b);
    dying.replica.wire.hold(Hold::After);
    drop(dying.request(&cookie));
    dying.replica.wire.has_held(1).await;
    world.redis.flush().await;
    world.has_long_remembered().await;
    let other = navigate(&b, &cookie);
    eventually("both have a lease", async || other.is_finished() || world.holders().await == 2).await;
    assert!(!other.is_finished());
    dying.kill().await;
    // The only answer is lost: nobody else can have it now.
    let outcome = other.await.unwrap();
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Clear));
}

/// Two replicas, the first of which can be cut off from the store. Whoever looks stops when there is something.
async fn one_to_cut_off(world: &World) -> (Replica, Replica) {
    world.redis.query::<()>(&["ACL", "SETUSER", "one", "on", ">word", "~*", "&*", "+@all"]).await.unwrap();
    let patient = |url| {
        let mut settings = crate::world::settings(url);
        settings.second_look = Duration::from_secs(60);
        settings
    };
    let one = patient(world.redis.url().replace("redis://", "redis://one:word@"));
    (world.replica_with(one).await, world.replica_with(patient(world.redis.url())).await)
}

/// From now on the server refuses everything that the first replica asks.
async fn cut_off(world: &World) {
    world.redis.query::<()>(&["ACL", "SETUSER", "one", "-@all"]).await.unwrap();
}

async fn let_in(world: &World) {
    world.redis.query::<()>(&["ACL", "SETUSER", "one", "+@all"]).await.unwrap();
}

async fn has_published(replica: &Replica) {
    assert!(replica.store.coordinator().drain(Duration::from_secs(60)).await);
}

#[tokio::test]
async fn what_could_not_be_published_is_found_by_who_claims_and_is_refused_afterwards() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = one_to_cut_off(&world).await;
    let first = Grant::begin(&a, None).await;
    cut_off(&world).await;
    assert_eq!(token(&first.end(success("first")).await), "first");
    assert!(!a.store.coordinator().drain(Duration::from_millis(20)).await, "it is still to be published");
    world.redis.flush().await;
    let second = tokio::spawn(Grant::begin(&b, None).await.end(refused()));
    world.waits(&second).await;
    assert!(!second.is_finished());
    let_in(&world).await;
    assert_eq!(token(&second.await.unwrap()), "first");
    has_published(&a).await;
}

#[tokio::test]
async fn what_could_not_be_published_is_found_by_who_was_refused_before() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = one_to_cut_off(&world).await;
    let first = Grant::begin(&a, None).await;
    world.redis.flush().await;
    let second = tokio::spawn(Grant::begin(&b, None).await.end(refused()));
    world.waits(&second).await;
    cut_off(&world).await;
    assert_eq!(token(&first.end(success("first")).await), "first");
    assert!(!second.is_finished());
    let_in(&world).await;
    assert_eq!(token(&second.await.unwrap()), "first");
    has_published(&a).await;
}

#[tokio::test]
async fn what_could_not_be_published_does_not_replace_what_another_has_published_meanwhile() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = one_to_cut_off(&world).await;
    let first = Grant::begin(&a, None).await;
    cut_off(&world).await;
    world.redis.flush().await;
    let second = Grant::begin(&b, None).await;
    assert_eq!(token(&first.end(success("first")).await), "first");
    assert_eq!(token(&second.end(success("second")).await), "second");
    let_in(&world).await;
    has_published(&a).await;
    let c = world.replica().await;
    assert_eq!(token(&ask(&c, None, never()).await.unwrap()), "second");
}

#[tokio::test]
async fn waiting_for_the_servers_replicas_stops_nobody_else() {
    let Some(world) = World::strict().await else { return };
    let mut settings = world.settings();
    // There are none. Together they would wait for longer than an operation may take.
    settings.wait_replicas = 1;
    settings.operation_timeout = Duration::from_millis(400);
    let a = world.replica_with(settings).await;
    let cookies: Vec<_> = (0..40).map(|_| world.expired(&a)).collect();
    let requests: Vec<_> = cookies.iter().map(|cookie| a.request(cookie)).collect();
    for request in requests {
        refreshed(&request.await.unwrap());
        assert!(!a.is_degraded());
    }
    assert_eq!(world.grants(), 40);
    let stats: String = world.redis.query(&["INFO", "commandstats"]).await.unwrap();
    assert!(stats.contains("cmdstat_wait:calls="), "nobody waited for replicas");
}
