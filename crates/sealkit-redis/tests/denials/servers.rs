//! Servers that are more than one, or stand behind TLS.

use crate::{
    support::{Cluster, Redis, Sentinel, eventually},
    world::{Replica, provider, replicas},
};
use sealkit_redis::RedisSettings;

#[tokio::test]
async fn nothing_is_lost_when_a_sentinel_promotes_the_replica() {
    let Some(primary) = Redis::start().await else { return };
    let Some(copy) = Redis::replica_of(&primary).await else { return };
    let Some(sentinel) = Sentinel::watching(&primary).await else { return };
    sentinel.knows(&copy).await;
    let url = format!("redis+sentinel://127.0.0.1:{}/{}", sentinel.port(), Sentinel::NAME);
    let [one, two, three] = replicas(&url).await;
    one.deny("session_before").await;
    for replica in [&two, &three] {
        replica.denies(["session_before"]).await;
    }
    primary.kill();
    one.deny("session_meanwhile").await;
    sentinel.has_promoted(&copy).await;
    two.deny("session_after").await;
    let all = ["session_before", "session_meanwhile", "session_after"];
    for replica in [&one, &two, &three] {
        replica.denies(all).await;
    }
    eventually("who comes later learns all of it", async || {
        let [late] = replicas(&url).await;
        all.iter().all(|id| late.list().denies_session(id))
    })
    .await;
}

#[tokio::test]
async fn a_cluster_keeps_the_list_on_one_of_its_nodes() {
    let Some(cluster) = Cluster::start().await else { return };
    let nodes: Vec<String> =
        cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let url = format!("redis+cluster://{}", nodes.join(","));
    let [one, two, three] = replicas(&url).await;
    let ids: Vec<String> = (0..20).map(|number| format!("session_{number}")).collect();
    for id in &ids {
        one.deny(id).await;
    }
    for replica in [&two, &three] {
        replica.denies(ids.iter().map(String::as_str)).await;
    }
    let mut tombstones = 0;
    for node in cluster.nodes() {
        let here: Vec<String> = node.query(&["KEYS", "sealkit:ended:*"]).await.unwrap();
        assert!(here.len() < 20, "they lie where their slots are");
        tombstones += here.len();
    }
    assert_eq!(tombstones, 20);
}

#[tokio::test]
async fn the_list_is_shared_over_tls() {
    let Some(redis) = Redis::with_tls().await else { return };
    let settings = || {
        let mut settings = RedisSettings::new(redis.tls_url());
        settings.ca = Some(redis.ca());
        settings
    };
    let idp = provider();
    let one = Replica::of(&idp, settings()).await;
    let two = Replica::of(&idp, settings()).await;
    one.deny("session_1").await;
    two.denies(["session_1"]).await;
    let stranger = Replica::of(&idp, RedisSettings::new(redis.tls_url())).await;
    one.deny("session_2").await;
    two.denies(["session_2"]).await;
    assert!(!stranger.list().is_loaded() && stranger.list().is_empty(), "nobody vouches for that server");
}
