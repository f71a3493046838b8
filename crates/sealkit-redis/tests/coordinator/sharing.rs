//! What replicas share while everything works.

use crate::{
    support::eventually,
    world::{ADA, ANALYTICAL, Hold, World, mint, new_cookie, refreshed, replica},
};
use sealkit::{
    CookieAction, Reason,
    refresh::{CoordinatorSecret, CoordinatorSecrets, RefreshCoordinator as _},
    revocation::Denial,
};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use std::{collections::HashSet, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_requests_over_six_replicas_make_one_grant_and_get_the_same_token() {
    let Some(world) = World::strict().await else { return };
    for delay in [0, 200, 1500] {
        let before = world.grants();
        world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_millis(delay)));
        let mut replicas = Vec::new();
        for _ in 0..6 {
            replicas.push(world.replica().await);
        }
        let cookie = world.expired(&replicas[0]);
        let requests: Vec<_> = (0..60).map(|i| replicas[i % 6].request(&cookie)).collect();
        let mut tokens = HashSet::new();
        for request in requests {
            tokens.insert(refreshed(&request.await.unwrap()));
        }
        assert_eq!((world.grants() - before, tokens.len()), (1, 1));
    }
}

#[tokio::test]
async fn an_old_cookie_after_five_minutes_gets_the_same_successor_from_any_replica() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    let token = refreshed(&a.resolve(&cookie).await);
    world.idp.clock().advance(Duration::from_secs(300));
    for replica in [&b, &a, &b] {
        assert_eq!(refreshed(&replica.resolve(&cookie).await), token);
    }
    assert_eq!(world.grants(), 1);
    let life: i64 = world.redis.query(&["PTTL", &world.places().await[0]]).await.unwrap();
    assert!(life > 500_000, "{life}");
}

#[tokio::test]
async fn an_old_cookie_whose_successor_has_ended_too_is_followed_to_the_end_of_the_chain() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    let first = refreshed(&a.resolve(&cookie).await);
    world.idp.expire_access_tokens();
    let last = refreshed(&b.resolve(&cookie).await);
    assert_ne!(first, last);
    assert_eq!((world.grants(), refreshed(&b.resolve(&cookie).await)), (2, last));
}

#[tokio::test]
async fn nothing_in_the_store_is_a_token() {
    let Some(world) = World::strict().await else { return };
    let a = world.replica().await;
    let cookie = world.expired(&a);
    let outcome = a.resolve(&cookie).await;
    let (access, new) = (refreshed(&outcome), new_cookie(&outcome));
    let (old, _) = a.sealkit.unseal(&cookie).unwrap();
    let (new, _) = a.sealkit.unseal(&new).unwrap();
    let secrets = [
        access,
        old.refresh_token().unwrap().expose_secret().to_owned(),
        new.refresh_token().unwrap().expose_secret().to_owned(),
    ];
    let place = &world.places().await[0];
    let value: Vec<u8> = world.redis.query(&["GET", place]).await.unwrap();
    for secret in secrets {
        assert!(!value.windows(secret.len()).any(|part| part == secret.as_bytes()));
        assert!(!place.contains(&secret));
    }
}

#[tokio::test]
async fn who_has_another_coordinator_secret_finds_nothing_and_opens_nothing() {
    let Some(world) = World::lenient().await else { return };
    let a = world.replica().await;
    let secret = CoordinatorSecret::new(b"another secret of the coordinator").unwrap();
    let stranger = replica(&world.idp, world.settings(), |config| config.coordinator_secrets(secret)).await;
    let cookie = world.expired(&a);
    refreshed(&a.resolve(&cookie).await);
    refreshed(&stranger.resolve(&cookie).await);
    assert_eq!((world.grants(), world.places().await.len()), (2, 2));
    // A result that was moved to where the stranger looks is none.
    let places = world.places().await;
    let third = world.expired(&a);
    let value: Vec<u8> = world.redis.query(&["GET", &places[0]]).await.unwrap();
    assert_eq!(value[0], b'R');
    world.redis.query::<()>(&["COPY", &places[0], &places[1], "REPLACE"]).await.unwrap();
    world.redis.query::<()>(&["COPY", &places[1], &places[0], "REPLACE"]).await.unwrap();
    refreshed(&stranger.resolve(&third).await);
}

#[tokio::test]
async fn a_result_that_cannot_be_read_is_replaced_by_one_that_can() {
    let Some(world) = World::lenient().await else { return };
    let (a, b, c) = (world.replica().await, world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    let token = refreshed(&a.resolve(&cookie).await);
    let place = world.places().await.remove(0);
    world.redis.query::<()>(&["SET", &place, "Rsomething of another version, long enough"]).await.unwrap();
    assert_eq!(refreshed(&b.resolve(&cookie).await), token);
    assert_eq!(world.grants(), 2);
    assert_eq!(refreshed(&c.resolve(&cookie).await), token);
    assert_eq!(world.grants(), 2);
}

#[tokio::test]
async fn secrets_are_changed_without_a_second_grant() {
    let Some(world) = World::strict().await else { return };
    let secret = |text: &str| CoordinatorSecret::new(text.as_bytes()).unwrap();
    let of = |first: &str, older: &str| CoordinatorSecrets::new(secret(first), [secret(older)]);
    let (old, new) = ("the old secret of them all", "the new secret of them all");
    let a = replica(&world.idp, world.settings(), |config| config.coordinator_secrets(of(old, new))).await;
    let b = replica(&world.idp, world.settings(), |config| config.coordinator_secrets(of(new, old))).await;
    // A result, either way.
    for (first, second) in [(&a, &b), (&b, &a)] {
        let cookie = world.expired(&a);
        assert_eq!(refreshed(&first.resolve(&cookie).await), refreshed(&second.resolve(&cookie).await));
    }
    assert_eq!(world.grants(), 2);
    // A grant under way, either way.
    for (first, second) in [(&a, &b), (&b, &a)] {
        let cookie = world.expired(&a);
        first.wire.hold(Hold::Before);
        let one = first.request(&cookie);
        first.wire.has_held(1).await;
        let other = second.request(&cookie);
        first.wire.let_go();
        assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
    }
    assert_eq!(world.grants(), 4);
    // Both at once, again and again.
    for round in 5..55 {
        let cookie = world.expired(&a);
        let (one, other) = (a.request(&cookie), b.request(&cookie));
        assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
        assert_eq!(world.grants(), round);
    }
}

#[tokio::test]
async fn another_organization_is_reached_through_the_successor_on_another_replica() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = mint(&world.idp, &a, MintSession::for_user(ADA).no_organization().expired());
    let stayed = a.resolve(&cookie).await;
    refreshed(&stayed);
    let switched = b.switch(&cookie, ANALYTICAL).await;
    refreshed(&switched);
    assert_eq!(switched.session().unwrap().organization_id(), Some(ANALYTICAL));
    assert_eq!(stayed.session().unwrap().organization_id(), None);
    assert_eq!((world.grants(), world.accepted()), (2, 2));
}

#[tokio::test]
async fn a_refused_organization_is_remembered_everywhere_and_concerns_nobody_else() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    let refused = a.switch(&cookie, "org_of_nobody").await;
    let reason = refused.reason().unwrap();
    assert!(refused.session().is_none() && *refused.cookie() == CookieAction::Keep, "{refused:?}");
    assert_eq!(world.stored().await, Some(b'F'));
    let again = b.switch(&cookie, "org_of_nobody").await;
    assert_eq!((again.reason(), world.grants()), (Some(reason), 1));
    assert_eq!(again.failure().unwrap().upstream(), refused.failure().unwrap().upstream());
    refreshed(&b.resolve(&cookie).await);
    assert_eq!((world.grants(), world.stored().await), (2, Some(b'R')));
}

#[tokio::test]
async fn a_session_that_the_provider_has_ended_is_asked_for_once() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    assert!(world.idp.revoke_session(&a.session_id(&cookie)));
    let first = a.resolve(&cookie).await;
    assert_eq!((first.reason(), first.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Keep));
    let second = b.navigate(&cookie).await;
    assert_eq!((second.reason(), second.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Clear));
    assert_eq!((world.grants(), world.stored().await), (1, Some(b'F')));
}

#[tokio::test]
async fn a_failure_that_may_pass_is_not_stored_and_the_next_replica_tries() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    let later = Fault::status(429).header("retry-after", "60");
    world.idp.fault(Endpoint::Authenticate, later);
    let outcome = a.resolve(&cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::RateLimitExceeded), &CookieAction::Keep));
    refreshed(&b.resolve(&cookie).await);
    assert_eq!(world.accepted(), 1);
}

#[tokio::test]
async fn a_sign_out_wins_over_a_refresh_under_way_elsewhere_and_nothing_brings_the_session_back() {
    let Some(world) = World::lenient().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    let session_id = a.session_id(&cookie);
    b.wire.hold(Hold::After);
    let refreshing = b.request(&cookie);
    b.wire.has_held(1).await;
    a.sealkit.deny_list().deny(Denial::session(session_id.as_str())).await;
    let tombstone = format!("sealkit:ended:{session_id}");
    eventually("the tombstone is there", async || {
        world.redis.query::<bool>(&["EXISTS", &tombstone]).await.unwrap()
    })
    .await;
    b.wire.let_go();
    let outcome = refreshing.await.unwrap();
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::SessionRevoked), &CookieAction::Clear));
    // A replica that has heard of nothing, and whose list follows nobody: the tombstone alone tells it.
    let late = world.replica().await;
    for replica in [&a, &b, &late] {
        let outcome = replica.resolve(&cookie).await;
        assert_eq!(
            (outcome.reason(), outcome.cookie()),
            (Some(Reason::SessionRevoked), &CookieAction::Clear)
        );
    }
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_nothing_and_a_drain_waits_for_the_store() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    a.wire.hold(Hold::After);
    let request = a.request(&cookie);
    a.wire.has_held(1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert!(!a.sealkit.drain(Duration::from_millis(20)).await);
    a.wire.let_go();
    assert!(a.sealkit.drain(Duration::from_secs(60)).await);
    assert_eq!(world.stored().await, Some(b'R'));
    refreshed(&b.resolve(&cookie).await);
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn a_look_finds_what_others_have_granted_and_grants_nothing() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    assert!(a.store.coordinator().status().shared && !a.is_degraded());
    refreshed(&a.resolve(&cookie).await);
    // `is_superseded` asks this process only, a look asks everybody.
    let (unsealed, _) = b.sealkit.unseal(&cookie).unwrap();
    let secret = CoordinatorSecret::from_api_key(&world.idp.api_key());
    let place = secret.place(&world.idp.client_id(), &unsealed.refresh_token().unwrap());
    let request = sealkit::refresh::GrantRequest::new(place, b.sealkit.deny_list().clone());
    let coordinator = b.store.coordinator();
    assert!(!coordinator.knows(request.key()));
    let found = coordinator.look_up(&request).await.unwrap();
    assert!(found.kept && found.result.is_ok());
    b.sealkit.deny_list().deny(Denial::session(b.session_id(&cookie))).await;
    assert!(coordinator.look_up(&request).await.is_none());
    assert_eq!(world.grants(), 1);
}
