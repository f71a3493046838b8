//! A store that somebody else writes to: no number in it is believed further than this process's own settings reach.

use crate::{
    support::{Redis, eventually},
    world::{Replica, provider, replicas},
};
use sealkit::{Clock as _, SystemClock, revocation::DenyListSettings};
use sealkit_redis::RedisSettings;

const STREAM: &str = "sealkit:denied";
const DAY: u64 = 24 * 3_600_000;

async fn length(redis: &Redis) -> u64 {
    redis.query(&["XLEN", STREAM]).await.unwrap()
}

/// Fifty sessions that were denied five days ago, for a day each; `XADD` gives them ids of that time.
async fn old_entries(redis: &Redis) {
    let now = SystemClock.now().as_millis();
    for number in 0..50_u64 {
        let at = now - 5 * DAY + number;
        let (entry, id, until) = (format!("{at}-0"), format!("old_{number}"), (at + DAY).to_string());
        let add = ["XADD", STREAM, &entry, "kind", "s", "id", &id, "until", &until];
        redis.query::<String>(&add).await.unwrap();
    }
}

#[tokio::test]
async fn far_end_of_one_entry_does_not_end_trimming() {
    for poison in [None, Some(u64::MAX.to_string())] {
        let Some(redis) = Redis::start().await else { return };
        old_entries(&redis).await;
        if let Some(until) = &poison {
            let add = ["XADD", STREAM, "*", "kind", "s", "id", "session_x", "until", until];
            redis.query::<String>(&add).await.unwrap();
        }
        let [replica] = replicas(&redis.url()).await;
        replica.deny("session_now").await;
        let left = 1 + u64::from(poison.is_some());
        eventually("the old entries are trimmed", async || length(&redis).await == left).await;
    }
}

#[tokio::test]
async fn entry_of_the_far_future_neither_trims_the_others_nor_ends_sharing() {
    for id in ["18446744073709551615-18446744073709551615", "18446744073709551614-0", "99999999999999-0"] {
        let Some(redis) = Redis::start().await else { return };
        let [one, two] = replicas(&redis.url()).await;
        one.deny("session_before").await;
        two.denies(["session_before"]).await;
        let until = u64::MAX.to_string();
        let add = ["XADD", STREAM, id, "kind", "s", "id", "session_x", "until", &until];
        redis.query::<String>(&add).await.unwrap();
        one.denies(["session_x"]).await;
        one.deny("session_after").await;
        two.denies(["session_after"]).await;
        eventually("whoever starts later learns both", async || {
            let [late] = replicas(&redis.url()).await;
            late.list().denies_session("session_before") && late.list().denies_session("session_after")
        })
        .await;
        let ids: Vec<(String, redis::Value)> = redis.query(&["XRANGE", STREAM, "-", "+"]).await.unwrap();
        assert!(ids.len() < 8 && ids.iter().all(|(id, _)| id.len() < 18), "{ids:?}");
    }
}

/// A fifth of a replica's room is enough for a test; the flood is twice the room.
async fn small(redis: &Redis) -> Replica {
    let mut deny_list = DenyListSettings::default();
    deny_list.max_entries = 1_000;
    let replica =
        Replica::with(&provider(), RedisSettings::new(redis.url()), |config| config.deny_list(deny_list))
            .await;
    replica.is_loaded().await;
    replica
}

#[tokio::test]
async fn flood_of_far_entries_takes_no_denial_away() {
    let Some(redis) = Redis::start().await else { return };
    let (one, two) = (small(&redis).await, small(&redis).await);
    one.deny("session_victim").await;
    two.denies(["session_victim"]).await;
    let script = "for i = 1, 2000 do redis.call('XADD', 'sealkit:denied', '*', 'kind', 's', 'id', 'x' .. i, 'until', '18446744073709551615') end return 1";
    redis.query::<i64>(&["EVAL", script, "0"]).await.unwrap();
    // Whoever hears of these has read the flood.
    one.deny("session_last").await;
    two.denies(["session_last"]).await;
    two.deny("session_other").await;
    one.denies(["session_other"]).await;
    assert!(one.list().denies_session("session_victim"), "where it was signed out");
    assert!(two.list().denies_session("session_victim"), "where it was heard of");
}
