//! The store is there, and takes its time.

use crate::{
    support::{
        eventually,
        slow::{Delays, SlowWay},
    },
    world::{ADA, Replica, World, impatient, mint, refreshed, settings},
};
use sealkit::{CookieAction, Reason, revocation::Denial};
use sealkit_devidp::MintSession;
use std::{collections::HashSet, time::Duration};

/// Three times as long as an operation may take.
const TOO_LONG: Duration = Duration::from_millis(300);

/// Too long to the store: what is asked is done when nobody waits for it any more. Too long back: it is done, and nobody hears.
const TOO_SLOW: [Delays; 2] =
    [Delays { there: TOO_LONG, back: Duration::ZERO }, Delays { there: Duration::ZERO, back: TOO_LONG }];

async fn replicas<const N: usize>(world: &World, way: &SlowWay) -> [Replica; N] {
    let mut all = Vec::new();
    for _ in 0..N {
        all.push(world.replica_with(impatient(settings(way.url()))).await);
    }
    all.try_into().unwrap_or_else(|_| panic!("as many as asked for"))
}

/// Both replicas refresh by themselves, and say that something is wrong.
async fn degraded(world: &World, replica: &Replica) {
    eventually("it is degraded", async || {
        refreshed(&replica.navigate(&world.expired(replica)).await);
        replica.is_degraded()
    })
    .await;
    let readiness = replica.sealkit.readiness().await;
    assert!(readiness.is_ready() && readiness.degraded, "{readiness:?}");
}

#[tokio::test]
async fn a_store_too_slow_for_an_operation_logs_nobody_out_and_is_shared_again_when_it_is_fast() {
    for delays in TOO_SLOW {
        let Some(world) = World::lenient().await else { return };
        let way = SlowWay::to(&world.redis).await;
        let [a, b] = replicas(&world, &way).await;
        let (cookie, valid) = (world.expired(&a), mint(&world.idp, &a, MintSession::for_user(ADA)));
        way.takes(delays);
        let mut tokens = HashSet::new();
        for replica in [&a, &b, &a, &b] {
            let outcome = replica.navigate(&valid).await;
            assert!(outcome.session().is_some() && *outcome.cookie() == CookieAction::Keep, "{outcome:?}");
            tokens.insert(refreshed(&replica.navigate(&cookie).await));
        }
        assert_eq!(tokens.len(), 1, "the provider's window gives both the same");
        for replica in [&a, &b] {
            degraded(&world, replica).await;
        }
        way.takes(Delays::default());
        eventually("one grant is enough for both again", async || {
            let (cookie, before) = (world.expired(&a), world.grants());
            let (one, other) = (a.request(&cookie), b.request(&cookie));
            assert_eq!(refreshed(&one.await.unwrap()), refreshed(&other.await.unwrap()));
            world.grants() == before + 1 && !a.is_degraded() && !b.is_degraded()
        })
        .await;
        for replica in [&a, &b] {
            assert!(tokens.contains(&refreshed(&replica.navigate(&cookie).await)));
        }
    }
}

#[tokio::test]
async fn who_is_refused_while_the_store_is_slow_keeps_the_cookie_and_finds_the_other_s_result_later() {
    for delays in TOO_SLOW {
        let Some(world) = World::strict().await else { return };
        let way = SlowWay::to(&world.redis).await;
        let [a] = replicas(&world, &way).await;
        let mut settings = impatient(settings(way.url()));
        settings.second_look = Duration::from_millis(100);
        let b = world.replica_with(settings).await;
        let cookie = world.expired(&a);
        way.takes(delays);
        let token = refreshed(&a.navigate(&cookie).await);
        // It cannot know that the other was faster, and so does not say that the session is over. (A machine that stops for as
        // long as the store takes may let an answer through.)
        for _ in 0..2 {
            let outcome = b.navigate(&cookie).await;
            if *outcome.cookie() == CookieAction::Keep {
                assert_eq!(outcome.reason(), Some(Reason::InvalidGrant));
            } else {
                assert_eq!(refreshed(&outcome), token);
            }
        }
        way.takes(Delays::default());
        eventually("the result is there", async || world.stored().await == Some(b'R')).await;
        eventually("the other finds it", async || {
            // What it could not be sure of it does not remember for long.
            world.idp.clock().advance(Duration::from_secs(6));
            let outcome = b.navigate(&cookie).await;
            assert_ne!(*outcome.cookie(), CookieAction::Clear, "{outcome:?}");
            outcome.session().is_some_and(|session| session.unsealed().access_token() == token)
        })
        .await;
        assert_eq!(world.accepted(), 1);
    }
}

#[tokio::test]
async fn a_sign_out_beside_a_slow_store_holds_here_at_once_and_comes_through_to_others() {
    for delays in TOO_SLOW {
        let Some(world) = World::lenient().await else { return };
        let way = SlowWay::to(&world.redis).await;
        let [a, b] = replicas(&world, &way).await;
        let cookie = world.expired(&a);
        way.takes(delays);
        refreshed(&a.navigate(&cookie).await);
        let session_id = a.session_id(&cookie);
        a.sealkit.deny_list().deny(Denial::session(session_id.as_str())).await;
        let over = (Some(Reason::SessionRevoked), &CookieAction::Clear);
        let outcome = a.navigate(&cookie).await;
        assert_eq!((outcome.reason(), outcome.cookie()), over);
        // Slow as it is: the list is followed with more patience than a request has.
        eventually("the other knows", async || b.sealkit.deny_list().denies_session(&session_id)).await;
        let outcome = b.navigate(&cookie).await;
        assert_eq!((outcome.reason(), outcome.cookie()), over);
    }
}

#[tokio::test]
async fn a_store_that_takes_its_time_within_reason_is_shared_by_three_replicas() {
    let Some(world) = World::strict().await else { return };
    let way = SlowWay::to(&world.redis).await;
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(world.replica_with(settings(way.url())).await);
    }
    way.takes(Delays { there: Duration::from_millis(5), back: Duration::from_millis(15) });
    for round in 1..=5 {
        let cookie = world.expired(&replicas[0]);
        let requests: Vec<_> = (0..9).map(|i| replicas[i % 3].request(&cookie)).collect();
        let mut tokens = HashSet::new();
        for request in requests {
            tokens.insert(refreshed(&request.await.unwrap()));
        }
        assert_eq!((world.grants(), tokens.len()), (round, 1));
    }
    assert!(!replicas.iter().any(Replica::is_degraded));
}
