//! Replicas that do not agree what time it is. The provider's clock is right.

use crate::{
    support::eventually,
    world::{ADA, Replica, World, mint, refreshed},
};
use sealkit::{CookieAction, Reason, revocation::Denial};
use sealkit_devidp::{Membership, MintSession, Organization};
use std::{collections::HashSet, time::Duration};

const MINUTE: i64 = 60;

/// One that is right, one that is two minutes behind, and one that is twenty minutes ahead.
async fn apart(world: &World) -> [Replica; 3] {
    let [right, behind, ahead] = [world.replica().await, world.replica().await, world.replica().await];
    behind.clock.is_ahead_by(-2 * MINUTE);
    ahead.clock.is_ahead_by(20 * MINUTE);
    [right, behind, ahead]
}

/// Ada's session, which has ended by everybody's clock.
fn ended_everywhere(world: &World, by: &Replica) -> String {
    let cookie = mint(&world.idp, by, MintSession::for_user(ADA));
    world.idp.clock().advance(Duration::from_secs(3600 + 300));
    cookie
}

#[tokio::test]
async fn replicas_whose_clocks_are_apart_make_one_grant_and_share_its_result() {
    let Some(world) = World::strict().await else { return };
    let replicas = apart(&world).await;
    for (round, first) in (1..).zip([0, 1, 2]) {
        let cookie = ended_everywhere(&world, &replicas[first]);
        let mut requests = vec![replicas[first].request(&cookie)];
        requests.extend(replicas.iter().map(|replica| replica.request(&cookie)));
        let mut tokens = HashSet::new();
        for request in requests {
            tokens.insert(refreshed(&request.await.unwrap()));
        }
        // The old cookie again, after minutes.
        world.idp.clock().advance(Duration::from_secs(300));
        for replica in &replicas {
            tokens.insert(refreshed(&replica.navigate(&cookie).await));
        }
        assert_eq!((world.grants(), tokens.len()), (round, 1));
    }
    let mut lives = Vec::new();
    for place in world.places().await {
        lives.push(world.redis.query::<u64>(&["PTTL", &place]).await.unwrap());
    }
    // Whoever wrote it: the store's clock counts, and nobody else's.
    let (shortest, longest) = (lives.iter().min().unwrap(), lives.iter().max().unwrap());
    assert!(lives.len() == 3 && *shortest > 500_000 && longest - shortest < 60_000, "{lives:?}");
}

#[tokio::test]
async fn a_cookie_of_a_wrong_clock_is_as_good_as_any() {
    let Some(world) = World::strict().await else { return };
    let replicas = apart(&world).await;
    for writer in &replicas {
        let cookie = mint(&world.idp, writer, MintSession::for_user(ADA));
        for reader in &replicas {
            let outcome = reader.navigate(&cookie).await;
            assert!(outcome.session().is_some() && *outcome.cookie() == CookieAction::Keep, "{outcome:?}");
        }
    }
    assert_eq!(world.grants(), 0);
}

#[tokio::test]
async fn a_clock_that_is_put_right_or_goes_wrong_takes_no_result_away() {
    let Some(world) = World::strict().await else { return };
    let a = world.replica().await;
    // Remembered in this process at one time, asked for at another; the last two are further apart than any result is kept.
    for (round, (before, after)) in
        (1..).zip([(2, 0), (20, 0), (0, 2), (0, 20), (20, -20), (-20, 20), (-150, 0), (0, -150)])
    {
        a.clock.is_ahead_by(before * MINUTE);
        let cookie = ended_everywhere(&world, &a);
        // Also for a clock that is behind.
        world.idp.clock().advance(Duration::from_secs(9000));
        let token = refreshed(&a.navigate(&cookie).await);
        a.clock.is_ahead_by(after * MINUTE);
        for _ in 0..2 {
            assert_eq!(
                refreshed(&a.navigate(&cookie).await),
                token,
                "from {before} to {after} minutes ahead"
            );
        }
        assert_eq!(world.grants(), round, "from {before} to {after} minutes ahead");
    }
}

#[tokio::test]
async fn a_refusal_that_a_wrong_clock_has_stored_does_not_outlast_its_reason() {
    let Some(world) = World::strict().await else { return };
    let [right, behind, ahead] = apart(&world).await;
    let organization = Organization::new("org_01JGFLATEC0MERS0000000000", "Late Comers");
    let cookie = ended_everywhere(&world, &right);
    let refused = ahead.switch(&cookie, organization.id()).await;
    assert!(refused.session().is_none() && *refused.cookie() == CookieAction::Keep, "{refused:?}");
    assert_eq!(world.stored().await, Some(b'F'));
    let ada = world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    world.idp.put_user(ada.with_membership(Membership::new(&organization))).unwrap();
    // By a right clock it is to end in twenty minutes, although refusals are remembered for half of one: nobody believes that.
    let token = refreshed(&right.switch(&cookie, organization.id()).await);
    assert_eq!(refreshed(&behind.switch(&cookie, organization.id()).await), token);
    assert_eq!((world.grants(), world.accepted()), (2, 1));
}

#[tokio::test]
async fn a_session_that_is_over_is_over_by_every_clock() {
    let Some(world) = World::strict().await else { return };
    let replicas = apart(&world).await;
    for signing_out in &replicas {
        let cookie = ended_everywhere(&world, &replicas[0]);
        refreshed(&replicas[0].navigate(&cookie).await);
        let session_id = replicas[0].session_id(&cookie);
        signing_out.sealkit.deny_list().deny(Denial::session(session_id.as_str())).await;
        for replica in &replicas {
            eventually("it is over here", async || replica.sealkit.deny_list().denies_session(&session_id))
                .await;
            world.idp.clock().advance(Duration::from_secs(300));
            let outcome = replica.navigate(&cookie).await;
            assert_eq!(
                (outcome.reason(), outcome.cookie()),
                (Some(Reason::SessionRevoked), &CookieAction::Clear)
            );
        }
    }
}
