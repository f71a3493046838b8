//! Every kind of server.

use crate::{
    support::{Cluster, Redis, Sentinel, eventually},
    world::{Provider, World, mint, provider_of, refreshed, replica, settings},
};
use sealkit::SystemClock;
use sealkit_devidp::{Endpoint, MintSession};
use sealkit_redis::{RedisSettings, RedisStore};
use std::{sync::Arc, time::Duration};

fn strict() -> Provider {
    provider_of(|idp| idp.replay_window(Duration::ZERO))
}

/// Two replicas, one refresh.
async fn shares(idp: &Provider, settings: RedisSettings, rounds: u64) {
    let a = replica(idp, settings.clone(), |config| config).await;
    let b = replica(idp, settings, |config| config).await;
    assert!(!a.is_degraded() && !b.is_degraded());
    for round in 1..=rounds {
        let cookie = mint(idp, &a, MintSession::for_user("ada@example.com").expired());
        let (one, other) = (a.request(&cookie), b.request(&cookie));
        assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
        assert_eq!(idp.count(Endpoint::Authenticate), round);
    }
}

#[tokio::test]
async fn a_cluster_coordinates_whatever_the_slot() {
    let Some(cluster) = Cluster::start().await else { return };
    let nodes: Vec<_> = cluster.urls().iter().map(|url| url.replace("redis://", "")).collect();
    shares(&strict(), settings(format!("redis+cluster://{}", nodes.join(","))), 12).await;
    for node in cluster.nodes() {
        assert!(node.query::<u32>(&["DBSIZE"]).await.unwrap() > 0, "twelve keys, and none in this node");
    }
}

#[tokio::test]
async fn tls_is_spoken_with_the_authority_that_is_named_and_no_other() {
    let Some(redis) = Redis::with_tls().await else { return };
    let mut with_ca = settings(redis.tls_url());
    with_ca.ca = Some(redis.ca());
    shares(&strict(), with_ca, 1).await;
    let idp = strict();
    let stranger = replica(&idp, settings(redis.tls_url()), |config| config).await;
    let coordinator = stranger.store.coordinator();
    let before: u32 = redis.query(&["DBSIZE"]).await.unwrap();
    let cookie = mint(&idp, &stranger, MintSession::for_user("ada@example.com").expired());
    drop(stranger.resolve(&cookie).await);
    eventually("it is degraded", async || {
        use sealkit::refresh::RefreshCoordinator as _;
        coordinator.status().degraded
    })
    .await;
    assert_eq!(redis.query::<u32>(&["DBSIZE"]).await.unwrap(), before);
}

#[tokio::test]
async fn an_authority_that_is_none_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let mut settings = settings("rediss://localhost:1".to_owned());
    settings.ca = Some(file.clone());
    let connect =
        async || RedisStore::connect(settings.clone(), Arc::new(SystemClock)).await.unwrap_err().to_string();
    assert!(connect().await.contains("cannot be read"));
    std::fs::write(&file, "nothing").unwrap();
    assert!(connect().await.contains("holds no certificate"));
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(connect().await.contains("SEALKIT_COORDINATOR_CA"));
}

/// Waits until the copy has a result, on a machine that may be too busy for the time that the replicas are given.
async fn copied(copy: &Redis) {
    eventually("the result is copied", async || {
        let places: Vec<String> = copy.query(&["KEYS", "sealkit:{*"]).await.unwrap();
        let Some(place) = places.first() else { return false };
        copy.query::<Vec<u8>>(&["GET", place]).await.unwrap().starts_with(b"R")
    })
    .await;
}

#[tokio::test]
async fn a_promoted_replica_has_what_was_published() {
    let Some(world) = World::strict().await else { return };
    let Some(copy) = Redis::replica_of(&world.redis).await else { return };
    let mut first = world.settings();
    first.wait_replicas = 1;
    let a = world.replica_with(first).await;
    let cookie = world.expired(&a);
    let token = refreshed(&a.resolve(&cookie).await);
    let stats: String = world.redis.query(&["INFO", "commandstats"]).await.unwrap();
    assert!(stats.contains("cmdstat_wait:calls=1,"), "the replica was not waited for");
    copied(&copy).await;
    world.redis.kill();
    copy.promote().await;
    let b = world.replica_with(settings(copy.url())).await;
    assert_eq!(refreshed(&b.resolve(&cookie).await), token);
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn the_sentinels_are_asked_again_when_the_primary_is_gone() {
    let Some(world) = World::strict().await else { return };
    let Some(copy) = Redis::replica_of(&world.redis).await else { return };
    let Some(sentinel) = Sentinel::watching(&world.redis).await else { return };
    sentinel.knows(&copy).await;
    let mut settings = settings(format!("redis+sentinel://127.0.0.1:{}/{}", sentinel.port(), Sentinel::NAME));
    settings.wait_replicas = 1;
    let a = world.replica_with(settings.clone()).await;
    let b = world.replica_with(settings).await;
    let first = world.expired(&a);
    let token = refreshed(&a.resolve(&first).await);
    copied(&copy).await;
    world.redis.kill();
    sentinel.has_promoted(&copy).await;
    // Nobody has told the replicas; they notice.
    eventually("both have found the new primary", async || {
        let second = world.expired(&a);
        let grants = world.grants();
        let (one, other) = (a.request(&second), b.request(&second));
        let (one, other) = (one.await.unwrap(), other.await.unwrap());
        one.session().is_some()
            && other.session().is_some()
            && !a.is_degraded()
            && !b.is_degraded()
            && world.grants() == grants + 1
    })
    .await;
    let grants = world.grants();
    assert_eq!(refreshed(&b.resolve(&first).await), token);
    assert_eq!(world.grants(), grants);
}
