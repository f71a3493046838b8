//! What operators see of it. A recorder sees what happens on its own thread: all of these tests, but for the processes in them.

use crate::{
    recorder::Seen,
    support::eventually,
    world::{Hold, Process, World, refreshed, short_lease},
};
use sealkit::{
    CookieAction, Reason,
    telemetry::{BREAKER_STATE, COORDINATOR_ERRORS, COORDINATOR_MODE, COORDINATOR_SECONDS, LEASE_TAKEOVERS},
};
use sealkit_devidp::{Endpoint, Fault};

/// How often the scripts have been asked for, all together.
async fn looks(world: &World) -> u64 {
    let stats: String = world.redis.query(&["INFO", "commandstats"]).await.unwrap();
    let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:"));
    line.and_then(|line| line.split(['=', ',']).nth(1)?.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_lease_whose_holder_died_is_counted_as_taken_over_once() {
    let Some(world) = World::strict().await else { return };
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let dying = Process::start(&world, short_lease(world.settings())).await;
    let (b, c) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&b);
    dying.replica.wire.hold(Hold::Before);
    drop(dying.request(&cookie));
    dying.replica.wire.has_held(1).await;
    let waiting: Vec<_> = [&b, &c, &b, &c].map(|replica| replica.request(&cookie)).into();
    eventually("both wait", async || looks(&world).await >= 8).await;
    assert_eq!(seen.count(LEASE_TAKEOVERS), 0);
    dying.kill().await;
    for request in waiting {
        refreshed(&request.await.unwrap());
    }
    assert_eq!((seen.count(LEASE_TAKEOVERS), seen.last(LEASE_TAKEOVERS)), (1, Some(1.0)));
    assert_eq!(world.grants(), 1);
}

#[tokio::test]
async fn a_lease_that_its_holder_let_go_is_nobodys_to_take_over() {
    let Some(world) = World::strict().await else { return };
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let (a, b) = (world.replica().await, world.replica().await);
    let cookie = world.expired(&a);
    a.wire.hold(Hold::Before);
    let failing = a.request(&cookie);
    a.wire.has_held(1).await;
    let before = looks(&world).await;
    let waiting = b.request(&cookie);
    eventually("the other waits", async || looks(&world).await >= before + 3).await;
    // Beyond what anybody waits for.
    world.idp.fault(Endpoint::Authenticate, Fault::status(429).header("retry-after", "60"));
    a.wire.let_go();
    let outcome = failing.await.unwrap();
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::RateLimitExceeded), &CookieAction::Keep));
    refreshed(&waiting.await.unwrap());
    assert_eq!((world.grants(), seen.count(LEASE_TAKEOVERS)), (2, 0));
}

#[tokio::test]
async fn operations_their_failures_the_breaker_and_the_mode_are_seen() {
    let Some(world) = World::strict().await else { return };
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let a = world.replica().await;
    let mode = || {
        a.sealkit.record_gauges();
        ["in_process", "shared", "degraded"]
            .map(|mode| seen.last(&format!("{COORDINATOR_MODE} mode={mode}")).unwrap())
    };
    let breaker = || {
        let mut all = seen.values(&format!("{BREAKER_STATE} upstream=redis")).remove(0).1;
        all.dedup();
        all
    };
    refreshed(&a.resolve(&world.expired(&a)).await);
    for operation in ["ping", "claim", "tombstone", "publish"] {
        let took = seen.values(&format!("{COORDINATOR_SECONDS} operation={operation}"));
        let [(_, took)] = took.as_slice() else { panic!("{operation}: {took:?}") };
        assert!(took.iter().all(|took| (0.0..2.5).contains(took) && *took > 0.0), "{operation}: {took:?}");
    }
    assert_eq!(seen.values(COORDINATOR_ERRORS), []);
    assert_eq!((mode(), breaker()), ([0.0, 1.0, 0.0], vec![0.0]));

    world.redis.kill();
    refreshed(&a.resolve(&world.expired(&a)).await);
    eventually("it is degraded", async || a.is_degraded()).await;
    assert_eq!(mode(), [0.0, 0.0, 1.0]);
    assert_eq!(breaker()[..2], [0.0, 2.0]);
    let errors = seen.values(COORDINATOR_ERRORS);
    assert!(errors.iter().any(|(name, _)| name.ends_with("operation=claim")), "{errors:?}");
    for (name, failed) in errors {
        let took = seen.count(&name.replace(COORDINATOR_ERRORS, COORDINATOR_SECONDS));
        assert!(took >= failed.len(), "{name}: {failed:?}, and {took} measured");
    }

    world.redis.restart().await;
    eventually("it is whole again", async || !a.is_degraded()).await;
    assert_eq!(mode(), [0.0, 1.0, 0.0]);
    // Open; tried once at a time; closed when one was answered.
    let states = breaker();
    assert!(states[1..].windows(2).all(|two| matches!(two, [2.0, 1.0] | [1.0, 2.0 | 0.0])), "{states:?}");
    assert!(states.ends_with(&[2.0, 1.0, 0.0]), "{states:?}");
}
