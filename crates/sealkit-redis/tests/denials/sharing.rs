//! While the server is well.

use crate::{
    support::{Redis, eventually},
    world::{Replica, later, one_of_each, provider, replicas, said},
};
use sealkit::{Clock as _, CookieAction, Reason, Resolve, SystemClock, revocation::Denial};
use sealkit_redis::RedisSettings;

#[tokio::test]
async fn what_one_denies_all_deny_and_so_does_who_comes_later() {
    let Some(redis) = Redis::start().await else { return };
    let [one, two, three] = replicas(&redis.url()).await;
    for entry in one_of_each() {
        one.list().deny(entry.denial.clone()).await;
        for replica in [&two, &three] {
            eventually("it is known", async || said(replica.list()).contains(&entry.denial)).await;
        }
    }
    let fourth = Replica::at(redis.url()).await;
    fourth.is_loaded().await;
    assert_eq!(said(fourth.list()).len(), 4, "all of it was read before it was ready");
    assert!(fourth.list().age().is_some());
}

#[tokio::test]
async fn a_session_that_was_signed_out_is_cleared_on_every_replica() {
    let Some(redis) = Redis::start().await else { return };
    let idp = provider();
    let [one, two, three] = [0; 3].map(|_| Replica::of(&idp, RedisSettings::new(redis.url())));
    let (one, two, three) = (one.await, two.await, three.await);
    let cookie = one.ada(&idp);
    let session = one.sealkit.authenticate(&cookie).await.session().unwrap().clone();
    for replica in [&two, &three] {
        assert!(replica.sealkit.authenticate(&cookie).await.session().is_some());
    }
    one.sealkit.sign_out(session.id(), None).await.unwrap();
    for replica in [&one, &two, &three] {
        replica.denies([session.id()]).await;
        let outcome = replica.sealkit.resolve([cookie.as_str().into()], Resolve::default()).await;
        assert_eq!(
            (outcome.reason(), outcome.cookie()),
            (Some(Reason::SessionRevoked), &CookieAction::Clear)
        );
    }
    let tombstone: Option<u64> =
        redis.query(&["GET", &format!("sealkit:ended:{}", session.id())]).await.unwrap();
    let left: u64 = redis.query(&["PTTL", &format!("sealkit:ended:{}", session.id())]).await.unwrap();
    assert_eq!(tombstone, Some(1));
    assert!(left > 86_000_000 && left <= 86_400_000, "as long as the entry: {left}");
}

#[tokio::test]
async fn what_cannot_be_read_hides_nothing_that_can() {
    let Some(redis) = Redis::start().await else { return };
    let [early] = replicas(&redis.url()).await;
    let until = later().as_millis().to_string();
    let long = "x".repeat(10_000);
    for fields in [
        &["kind", "s"][..],
        &["kind", "?", "id", "session_x", "until", &until],
        &["kind", "s", "id", &long, "until", &until],
        &["kind", "s", "id", "session_x", "until", "tomorrow"],
        &["kind", "s", "id", "session_x", "until", "1"],
        &["hello", "world"],
        &["kind", "s", "id", "session_1", "until", &until],
    ] {
        redis.query::<String>(&[&["XADD", "sealkit:denied", "*"], fields].concat()).await.unwrap();
    }
    let [late] = replicas(&redis.url()).await;
    for replica in [&early, &late] {
        replica.denies(["session_1"]).await;
        assert_eq!(said(replica.list()), [Denial::session("session_1")]);
    }
    early.deny("session_2").await;
    late.denies(["session_2"]).await;
}

#[tokio::test]
async fn entries_whose_time_is_over_are_not_taken() {
    let Some(redis) = Redis::start().await else { return };
    let over = SystemClock.now().as_millis().to_string();
    for (id, until) in [("session_over", &over), ("session_1", &later().as_millis().to_string())] {
        let entry = ["XADD", "sealkit:denied", "*", "kind", "s", "id", id, "until", until];
        redis.query::<String>(&entry).await.unwrap();
    }
    let [replica] = replicas(&redis.url()).await;
    assert_eq!(said(replica.list()), [Denial::session("session_1")]);
}

#[tokio::test]
async fn a_list_of_many_pages_is_read_before_the_replica_is_ready() {
    let Some(redis) = Redis::start().await else { return };
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut entries = redis::pipe();
    for number in 0..1500 {
        let fields = [
            ("kind", "s".to_owned()),
            ("id", format!("session_{number}")),
            ("until", later().as_millis().to_string()),
        ];
        entries.xadd("sealkit:denied", "*", &fields).ignore();
    }
    entries.exec_async(&mut connection).await.unwrap();
    let [replica] = replicas(&redis.url()).await;
    assert_eq!(replica.list().len(), 1500);
}

#[tokio::test]
async fn what_has_been_over_for_long_leaves_the_stream() {
    let Some(redis) = Redis::start().await else { return };
    for id in ["1-1", "2-1"] {
        let old = ["XADD", "sealkit:denied", id, "kind", "s", "id", "session_old", "until", "9"];
        redis.query::<String>(&old).await.unwrap();
    }
    let [one, two] = replicas(&redis.url()).await;
    one.deny("session_1").await;
    eventually("it is trimmed", async || redis.query::<u32>(&["XLEN", "sealkit:denied"]).await.unwrap() == 1)
        .await;
    two.denies(["session_1"]).await;
    // What others still deny stays, although it came before.
    two.deny("session_2").await;
    one.denies(["session_2"]).await;
    let [late] = replicas(&redis.url()).await;
    late.denies(["session_1", "session_2"]).await;
}

#[tokio::test]
async fn nobody_follows_when_the_list_is_gone() {
    let Some(redis) = Redis::start().await else { return };
    let following = async || {
        let clients: String = redis.query(&["CLIENT", "LIST"]).await.unwrap();
        clients.lines().filter(|client| client.contains("cmd=xread")).count()
    };
    let [one, two] = replicas(&redis.url()).await;
    eventually("both follow", async || following().await == 2).await;
    drop(one);
    eventually("one follows", async || following().await == 1).await;
    drop(two);
    eventually("nobody follows", async || following().await == 0).await;
}
