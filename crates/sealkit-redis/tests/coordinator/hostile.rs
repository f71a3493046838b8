//! Somebody else has put something at the key of a refresh token: it costs a wait, or a second grant, and no session.

use crate::world::{World, refreshed};
use std::time::Duration;

/// What is written there, and how: `KEY` stands for the key.
const CASES: &[(&str, &[&str])] = &[
    ("a list", &["LPUSH", "KEY", "x"]),
    ("a hash", &["HSET", "KEY", "a", "b"]),
    ("empty text", &["SET", "KEY", ""]),
    ("half a result", &["SET", "KEY", "Rgarbage"]),
    ("half a refusal", &["SET", "KEY", "Fgarbage"]),
    ("an unknown kind", &["SET", "KEY", "?garbage"]),
    ("a lease of nobody for an hour", &["SET", "KEY", "Lgaaaaaaaaaaaaaaaa", "EX", "3600"]),
    ("a lease without end", &["SET", "KEY", "Lgaaaaaaaaaaaaaaaa"]),
    ("half a lease without end", &["SET", "KEY", "L"]),
    ("a lease of one who was refused, without end", &["SET", "KEY", "Lraaaaaaaaaaaaaaaa"]),
    ("a released lease without end", &["SET", "KEY", "N"]),
];

#[tokio::test]
async fn foreign_content_at_a_key_blocks_no_session_for_ever() {
    for (what, words) in CASES {
        let Some(world) = World::strict().await else { return };
        let mut settings = world.settings();
        settings.lease = Duration::from_millis(300);
        settings.renew_every = Duration::from_millis(100);
        let replica = world.replica_with(settings).await;
        let cookie = world.expired(&replica);
        let key = replica.place_of(&world, &cookie);
        let words: Vec<&str> =
            words.iter().map(|word| if *word == "KEY" { key.as_str() } else { word }).collect();
        world.redis.query::<redis::Value>(&words).await.unwrap();
        let outcome = tokio::time::timeout(Duration::from_secs(20), replica.resolve(&cookie)).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("{what}: the session is blocked"));
        refreshed(&outcome);
        assert_eq!(world.accepted(), 1, "{what}");
        assert!(!replica.is_degraded(), "{what}");
    }
}

#[tokio::test]
async fn foreign_lease_without_end_does_not_hold_up_a_refusal() {
    let Some(world) = World::strict().await else { return };
    let mut settings = world.settings();
    settings.lease = Duration::from_millis(300);
    settings.renew_every = Duration::from_millis(100);
    let replica = world.replica_with(settings).await;
    let cookie = world.expired(&replica);
    assert!(world.idp.revoke_session(&replica.session_id(&cookie)));
    replica.wire.hold(crate::world::Hold::After);
    let request = replica.request(&cookie);
    replica.wire.has_held(1).await;
    // The place of the lease that it has is taken by one that never ends.
    let key = replica.place_of(&world, &cookie);
    world.redis.query::<redis::Value>(&["SET", &key, "Lgaaaaaaaaaaaaaaaa"]).await.unwrap();
    replica.wire.let_go();
    let outcome = tokio::time::timeout(Duration::from_secs(20), request).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("the refusal is looked after for minutes")).unwrap();
    assert!(outcome.session().is_none());
}
