//! While the server is away, and after it has lost what it knew.

use crate::{
    support::{Redis, eventually},
    world::{Replica, one_of_each, provider, replicas, said},
};
use sealkit::revocation::Denial;
use sealkit_redis::RedisSettings;

#[tokio::test]
async fn a_server_that_comes_back_empty_is_told_everything_again() {
    let Some(redis) = Redis::start().await else { return };
    let [one, two, three] = replicas(&redis.url()).await;
    for entry in one_of_each() {
        one.list().deny(entry.denial).await;
    }
    for replica in [&two, &three] {
        eventually("all is known", async || said(replica.list()).len() == 4).await;
    }
    // Who denied them is gone; the others only heard of it.
    drop(one);
    redis.restart().await;
    for replica in [&two, &three] {
        assert_eq!(said(replica.list()).len(), 4);
    }
    eventually("all is put back", async || {
        let Replica { sealkit } = Replica::at(redis.url()).await;
        eventually("it is read", async || sealkit.deny_list().is_loaded()).await;
        said(sealkit.deny_list()).len() == 4
    })
    .await;
    assert_eq!(
        redis.query::<u32>(&["EXISTS", "sealkit:ended:session_1"]).await.unwrap(),
        1,
        "the tombstone, too"
    );
}

#[tokio::test]
async fn what_was_flushed_is_put_back_although_others_wrote_since() {
    let Some(redis) = Redis::start().await else { return };
    let [one, two] = replicas(&redis.url()).await;
    one.deny("session_1").await;
    two.denies(["session_1"]).await;
    redis.flush().await;
    two.deny("session_2").await;
    one.denies(["session_2"]).await;
    eventually("it is put back", async || {
        let [late] = replicas(&redis.url()).await;
        late.list().denies_session("session_1") && late.list().denies_session("session_2")
    })
    .await;
    // Not again and again.
    let length = async || redis.query::<u32>(&["XLEN", "sealkit:denied"]).await.unwrap();
    assert!(length().await <= 4, "each of two replicas at most once");
}

#[tokio::test]
async fn while_the_server_does_not_answer_nobody_waits_and_then_everybody_knows() {
    let Some(redis) = Redis::start().await else { return };
    let idp = provider();
    let one = Replica::of(&idp, RedisSettings::new(redis.url())).await;
    let [two, three] = replicas(&redis.url()).await;
    one.is_loaded().await;
    let (cookie, signed_out) = (one.ada(&idp), one.ada(&idp));
    let session = one.sealkit.authenticate(&signed_out).await.session().unwrap().clone();

    redis.pause();
    // None of these comes back later than the server, which does not come back.
    assert!(one.sealkit.authenticate(&cookie).await.session().is_some());
    one.sealkit.sign_out(session.id(), None).await.unwrap();
    for number in 0..5 {
        one.deny(&format!("session_{number}")).await;
    }
    assert!(one.sealkit.authenticate(&signed_out).await.session().is_none());
    assert!(one.sealkit.authenticate(&cookie).await.session().is_some());
    assert!(!two.list().denies_session(session.id()));

    redis.resume();
    for replica in [&two, &three] {
        replica.denies([session.id(), "session_0", "session_4"]).await;
    }
    let [late] = replicas(&redis.url()).await;
    late.denies([session.id(), "session_0", "session_1", "session_2", "session_3", "session_4"]).await;
}

#[tokio::test]
async fn what_is_denied_while_there_is_no_server_is_shared_when_there_is_one() {
    let Some(redis) = Redis::start().await else { return };
    let [one, two] = replicas(&redis.url()).await;
    one.deny("session_before").await;
    two.denies(["session_before"]).await;
    redis.kill();
    let list = one.list().clone();
    let denials = (0..300).map(|number| {
        let list = list.clone();
        tokio::spawn(async move { list.deny(Denial::session(format!("session_{number}"))).await })
    });
    for denial in denials.collect::<Vec<_>>() {
        denial.await.unwrap();
    }
    two.list().deny(Denial::organization("org_1", crate::world::later())).await;
    assert!(one.list().denies_session("session_0") && !two.list().denies_session("session_0"));
    redis.restart().await;
    eventually("two knows all", async || two.list().len() == 302).await;
    eventually("one knows all", async || one.list().len() == 302).await;
}

#[tokio::test]
async fn a_replica_that_starts_without_a_server_is_told_when_there_is_one() {
    let Some(redis) = Redis::start().await else { return };
    redis.kill();
    let late = Replica::at(redis.url()).await;
    assert!(!late.list().is_loaded());
    late.deny("session_1").await;
    assert!(late.list().denies_session("session_1"));
    redis.restart().await;
    late.is_loaded().await;
    let [other] = replicas(&redis.url()).await;
    other.denies(["session_1"]).await;
    other.deny("session_2").await;
    late.denies(["session_2"]).await;
}

#[tokio::test]
async fn who_may_not_write_hears_of_everything_and_shares_when_that_is_allowed() {
    let Some(redis) = Redis::start().await else { return };
    let user = ["ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all", "-xadd"];
    redis.query::<()>(&user).await.unwrap();
    let reader = Replica::at(format!("redis://reader:secret@127.0.0.1:{}", redis.port())).await;
    // Known before all has been read, so it would be put back, too.
    reader.deny("session_1").await;
    let [other] = replicas(&redis.url()).await;
    other.deny("session_2").await;
    reader.denies(["session_2"]).await;
    redis.flush().await;
    other.deny("session_3").await;
    reader.denies(["session_3"]).await;
    assert!(!other.list().denies_session("session_1"));
    redis.query::<()>(&["ACL", "SETUSER", "reader", "+xadd"]).await.unwrap();
    other.denies(["session_1"]).await;
}

#[tokio::test]
async fn more_denials_than_can_wait_are_shared_all_the_same() {
    const MORE: usize = 10_050;
    let Some(redis) = Redis::start().await else { return };
    let [one, two] = replicas(&redis.url()).await;
    redis.kill();
    let denials = (0..MORE).map(|number| {
        let list = one.list().clone();
        tokio::spawn(async move { list.deny(Denial::session(format!("session_{number}"))).await })
    });
    for denial in denials.collect::<Vec<_>>() {
        denial.await.unwrap();
    }
    assert_eq!(one.list().len(), MORE);
    redis.restart().await;
    eventually("two knows all", async || two.list().len() == MORE).await;
}
