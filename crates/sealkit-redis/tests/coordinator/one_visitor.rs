//! What one visitor can write to the store.

use crate::world::{ADA, ANALYTICAL, World, mint, new_cookie, refreshed, replica};
use sealkit::{Reason, config::LimitSettings};
use sealkit_devidp::MintSession;

const NAVY: &str = "org_01JGFNAVYC0MP1LERS00000000";

/// How often the server has run a script or set a key.
async fn writes(world: &World) -> u64 {
    let stats: String = world.redis.query(&["INFO", "commandstats"]).await.unwrap();
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
    let counted = ["cmdstat_evalsha", "cmdstat_eval:", "cmdstat_set:", "cmdstat_xadd"];
    stats.lines().filter(|line| counted.iter().any(|name| line.starts_with(name))).filter_map(calls).sum()
}

#[tokio::test]
async fn session_beyond_its_budget_writes_nothing_to_the_store() {
    let Some(world) = World::strict().await else { return };
    let mut limits = LimitSettings::default();
    limits.grants_per_session = 3;
    let a = replica(&world.idp, world.settings(), |config| config.limits(limits)).await;
    let late = world.expired(&a);
    refreshed(&a.resolve(&late).await);
    let first = mint(&world.idp, &a, MintSession::for_user(ADA));
    let mut cookie = first;
    for i in 0..3 {
        cookie = new_cookie(&a.switch(&cookie, [NAVY, ANALYTICAL][i % 2]).await);
    }
    let before = writes(&world).await;
    for _ in 0..300 {
        let outcome = a.switch(&cookie, ANALYTICAL).await;
        assert_eq!(outcome.reason(), Some(Reason::RateLimitExceeded));
    }
    assert_eq!((writes(&world).await, world.grants()), (before, 4));
    assert_eq!(world.places().await.len(), 4);
    // Another replica has a budget of its own, and finds what it needs.
    let b = world.replica().await;
    refreshed(&b.resolve(&late).await);
    assert!(b.switch(&cookie, ANALYTICAL).await.session().is_some());
    assert_eq!(world.grants(), 5);
}
