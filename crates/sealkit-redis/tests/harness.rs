//! The servers of the tests are what they say.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

#[expect(dead_code, reason = "shared with tests that need more of it")]
mod support;

use support::{Cluster, Redis, Sentinel, eventually};

#[tokio::test]
async fn a_killed_server_comes_back_empty_where_it_was() {
    let Some(redis) = Redis::start().await else { return };
    redis.query::<()>(&["SET", "a", "b"]).await.unwrap();
    redis.kill();
    assert!(redis.query::<()>(&["PING"]).await.is_err());
    redis.restart().await;
    assert_eq!(redis.query::<Option<String>>(&["GET", "a"]).await.unwrap(), None);
    redis.query::<()>(&["SET", "a", "c"]).await.unwrap();
    redis.flush().await;
    assert_eq!(redis.query::<Option<String>>(&["GET", "a"]).await.unwrap(), None);
}

#[tokio::test]
async fn a_sentinel_promotes_the_replica_of_a_dead_primary() {
    let Some(primary) = Redis::start().await else { return };
    let Some(replica) = Redis::replica_of(&primary).await else { return };
    let Some(sentinel) = Sentinel::watching(&primary).await else { return };
    sentinel.knows(&replica).await;
    primary.query::<()>(&["SET", "a", "b"]).await.unwrap();
    eventually("it is copied", async || {
        replica.query::<Option<String>>(&["GET", "a"]).await.unwrap().is_some()
    })
    .await;
    assert_eq!(sentinel.primary().await, primary.port());
    primary.kill();
    sentinel.has_promoted(&replica).await;
    replica.query::<()>(&["SET", "a", "c"]).await.unwrap();
}

#[tokio::test]
async fn a_cluster_keeps_every_slot() {
    let Some(cluster) = Cluster::start().await else { return };
    let client = redis::cluster::ClusterClient::new(cluster.urls()).unwrap();
    let mut connection = client.get_async_connection().await.unwrap();
    for i in 0..20 {
        redis::cmd("SET").arg(format!("key {i}")).arg(i).exec_async(&mut connection).await.unwrap();
    }
    let mut keys = 0;
    for node in cluster.nodes() {
        let here: u32 = node.query(&["DBSIZE"]).await.unwrap();
        assert!(here < 20);
        keys += here;
    }
    assert_eq!(keys, 20);
}

#[tokio::test]
async fn a_server_with_tls_shows_a_certificate_of_its_authority() {
    let Some(redis) = Redis::with_tls().await else { return };
    let port = redis.tls_url().rsplit(':').next().unwrap().to_owned();
    let output = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-verify_return_error", "-CAfile"])
        .arg(redis.ca())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
