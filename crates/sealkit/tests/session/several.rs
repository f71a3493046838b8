//! Several cookies of the name in one request: which is served, which is tried next, and which sessions a sign-out ends.

use crate::support::{ADA, GRACE, World, new_cookie, refused, session};
use sealkit::{CookieAction, Outcome, Reason, RefreshOptions, Resolve, revocation::Denial};
use sealkit_devidp::{Endpoint, Fault, MintSession, MintedSession};
use std::time::Duration;

async fn navigate<const N: usize>(world: &World, values: [&str; N]) -> Outcome {
    world.sealkit.resolve(values.map(Into::into), Resolve::new(true, true)).await
}

/// An expired session, and one whose refresh token is not accepted any more. They end in the same second.
fn alive_and_over(world: &World) -> (String, String) {
    (world.expired(), over(world))
}

fn over(world: &World) -> String {
    let minted = world.mint(MintSession::for_user(ADA).expired());
    assert!(world.idp.revoke_session(&minted.session_id));
    world.seal(&minted)
}

#[tokio::test(start_paused = true)]
async fn next_expired_session_is_refreshed_before_a_sign_out() {
    let world = World::new();
    let (alive, over) = alive_and_over(&world);
    let outcome = navigate(&world, [&over, &alive]).await;
    session(&outcome);
    new_cookie(&outcome);
    assert_eq!(world.grant_count(), 2);
    let outcome = world
        .sealkit
        .refresh_best([over.as_str().into(), alive.as_str().into()], RefreshOptions::default())
        .await;
    session(&outcome);
}

#[tokio::test(start_paused = true)]
async fn cookies_are_cleared_only_if_all_are_over() {
    let world = World::new();
    // Old enough to know what it has granted.
    world.idp.advance(Duration::from_secs(600));
    let (one, two) = (over(&world), over(&world));
    for (values, cookie) in [
        ([one.as_str(), two.as_str()], CookieAction::Clear),
        // Another process may have the password.
        ([&one, "Fe26.2*1*of*another*password*a*b*c~2"], CookieAction::Keep),
    ] {
        let outcome = navigate(&world, values).await;
        assert_eq!(
            (outcome.reason(), outcome.cookie()),
            (Some(Reason::InvalidGrant), &cookie),
            "{outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn session_that_cannot_be_decided_now_is_no_sign_out() {
    let world = World::new();
    let (alive, over) = alive_and_over(&world);
    refused(&navigate(&world, [&over, "x"]).await, Reason::InvalidGrant);
    // The refusal of the one is remembered; the API fails for the other.
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    let outcome = navigate(&world, [&over, &alive]).await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
}

#[tokio::test(start_paused = true)]
async fn prefetch_refreshes_none_of_several() {
    let world = World::new();
    let (alive, over) = alive_and_over(&world);
    let values = [over.as_str().into(), alive.as_str().into()];
    refused(&world.sealkit.resolve(values, Resolve::new(false, false)).await, Reason::ExpiredJwt);
    assert_eq!(world.grant_count(), 0);
}

/// A session from before its user's rights changed needs a refresh; one from after them does not.
#[tokio::test(start_paused = true)]
async fn valid_session_goes_before_one_that_must_be_refreshed() {
    let world = World::new();
    let old = world.seal(&world.mint(MintSession::for_user(ADA)));
    world.pass(Duration::from_secs(10)).await;
    let other = world.seal(&world.mint(MintSession::for_user(GRACE)));
    world.pass(Duration::from_secs(10)).await;
    world.sealkit.deny_list().deny(Denial::user(world.user_id(GRACE), world.now())).await;
    let outcome = navigate(&world, [&other, &old]).await;
    assert_eq!(session(&outcome).user_id(), world.user_id(ADA));
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn sign_out_ends_the_sessions_of_all_values_the_best_first() {
    let world = World::new();
    let minted =
        [MintSession::for_user(ADA).expired(), MintSession::for_user(ADA), MintSession::for_user(GRACE)]
            .map(|session| world.mint(session));
    world.pass(Duration::from_secs(10)).await;
    let late = world.mint(MintSession::for_user(GRACE));
    let id = |minted: &MintedSession| minted.session_id.clone();
    let sealed = |minted: &MintedSession| world.seal(minted);
    let to_end = async |minted: [&MintedSession; 3]| {
        world.sealkit.sessions_to_end(minted.map(sealed).map(Into::into)).await
    };
    let [expired, valid, grace] = &minted;
    assert_eq!(to_end([expired, valid, &late]).await.unwrap(), [&late, valid, expired].map(id));
    assert_eq!(to_end([valid, valid, grace]).await.unwrap(), [valid, grace].map(id), "each once");
    let ended = world.sealkit.sign_out_all(&[id(&late), id(valid)], None).await.unwrap().unwrap();
    assert!(ended.url.query().unwrap().contains(&late.session_id), "{}", ended.url);
    for minted in [&late, valid] {
        assert_eq!(world.authenticate(&sealed(minted)).await.reason(), Some(Reason::SessionRevoked));
    }
    session(&world.authenticate(&sealed(grace)).await);
    // One that was ended before comes last.
    assert_eq!(to_end([&late, grace, expired]).await.unwrap(), [grace, expired, &late].map(id));
    assert_eq!(world.sealkit.sessions_to_end(["x".into()]).await.unwrap(), Vec::<String>::new());
    assert_eq!(world.sealkit.sign_out_all(&[], None).await.unwrap(), None);
    assert_eq!(world.grant_count(), 0);
}
