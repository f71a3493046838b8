//! A process begins and ends while the server is away.

use crate::{
    support::{Redis, eventually},
    world::{Replica, provider, replicas},
};
use std::time::Duration;

#[tokio::test]
async fn a_process_that_starts_without_its_server_takes_requests_and_says_that_it_is_degraded() {
    let Some(redis) = Redis::start().await else { return };
    redis.kill();
    let replica = Replica::at(redis.url()).await;
    let ready = replica.sealkit.readiness().await;
    assert!(ready.degraded && !ready.deny_list && ready.is_ready(), "{ready:?}");
    redis.restart().await;
    eventually("all is well again", async || {
        let ready = replica.sealkit.readiness().await;
        !ready.degraded && ready.deny_list && ready.is_ready()
    })
    .await;
}

#[tokio::test]
async fn a_process_does_not_end_before_others_know_who_signed_out() {
    let Some(redis) = Redis::start().await else { return };
    let idp = provider();
    let [one, two] = replicas(&redis.url()).await;
    let cookie = one.ada(&idp);
    let id = sealkit::token::peek_session_id(one.sealkit.unseal(&cookie).unwrap().0.access_token()).unwrap();
    redis.pause();
    one.sealkit.sign_out(&id, None).await.unwrap();
    assert!(!one.sealkit.drain(Duration::from_millis(200)).await, "nobody else knows yet");
    let leaving = tokio::spawn(async move { one.sealkit.drain(Duration::from_secs(20)).await });
    redis.resume();
    assert!(leaving.await.unwrap());
    two.denies([id.as_str()]).await;
    let [late] = replicas(&redis.url()).await;
    assert!(late.list().denies_session(&id));
}
