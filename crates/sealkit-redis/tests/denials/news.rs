//! The stream holds each denial once, however often and by however many processes it is said.

use crate::{
    support::{Redis, eventually},
    world::{Replica, provider, replicas},
};
use sealkit::revocation::EventsPollSettings;
use sealkit_devidp::MintSession;
use sealkit_redis::RedisSettings;
use std::time::Duration;

async fn length(redis: &Redis) -> u64 {
    redis.query(&["XLEN", "sealkit:denied"]).await.unwrap()
}

#[tokio::test]
async fn repeated_sign_out_is_written_once() {
    let Some(redis) = Redis::start().await else { return };
    let [one, two] = replicas(&redis.url()).await;
    for _ in 0..300 {
        one.sealkit.sign_out("session_01JGFJJZ001DM0BVBZ7280TVF4", None).await.unwrap();
    }
    two.denies(["session_01JGFJJZ001DM0BVBZ7280TVF4"]).await;
    // Another replica knows it from the stream.
    two.sealkit.sign_out("session_01JGFJJZ001DM0BVBZ7280TVF4", None).await.unwrap();
    for replica in [one, two] {
        assert!(replica.sealkit.drain(Duration::from_secs(20)).await);
    }
    assert_eq!(length(&redis).await, 1);
}

#[tokio::test]
async fn replicas_that_restart_and_poll_write_no_event_again() {
    let Some(redis) = Redis::start().await else { return };
    let idp = provider();
    let sessions: Vec<String> = (0..20)
        .map(|_| {
            let minted = idp.mint_session(MintSession::for_user("ada@example.com")).unwrap();
            idp.revoke_session(&minted.session_id);
            minted.session_id
        })
        .collect();
    for start in 0..6 {
        let replica = Replica::of(&idp, RedisSettings::new(redis.url())).await;
        if start % 2 == 0 {
            replica.is_loaded().await;
        }
        // Every other one polls before it has read the stream.
        replica.sealkit.events_poller(EventsPollSettings::default()).poll_once().await.unwrap();
        replica.denies(sessions.iter().map(String::as_str)).await;
        replica.is_loaded().await;
        assert!(replica.sealkit.drain(Duration::from_secs(20)).await);
        eventually("they are shared", async || length(&redis).await >= 20).await;
        assert_eq!(length(&redis).await, 20, "start {start}");
    }
}
