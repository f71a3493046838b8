//! What nobody may act on is not sealed where the seal alone is believed: workos-go verifies no token.

use super::*;
use crate::support::{ADA, GRACE, refused};
use sealkit::{Reason, RefreshOptions};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use std::time::Duration;

fn writing(format: Format, read: FormatSet) -> World {
    World::configured(|config| config.encoding(EncodingPolicy::writing(format).with_read(read)))
}

async fn refresh(world: &World, cookie: &str) -> Outcome {
    world.sealkit.refresh(cookie, RefreshOptions::default()).await
}

#[tokio::test(start_paused = true)]
async fn unverifiable_pair_is_sealed_as_iron_and_lost_to_nobody() {
    let world = writing(Format::GoGcm, FormatSet::sealed());
    let cookie = world.ada();
    assert_eq!(format_of(&world.sealkit, &cookie), Format::GoGcm);
    world.idp.fault(Endpoint::Jwks, Fault::json(503, &serde_json::json!({})).always());
    let outcome = refresh(&world, &cookie).await;
    assert_eq!(outcome.reason(), Some(Reason::JwksUnavailable));
    let next = new_cookie(&outcome);
    assert_eq!(format_of(&world.sealkit, &next), Format::Iron);

    // With keys it is a session, and the next refresh is Go's again.
    world.idp.clear_faults(Endpoint::Jwks);
    world.pass(Duration::from_secs(60)).await;
    let outcome = world.resolve(&next).await;
    assert_eq!(session(&outcome).user_id(), world.user_id(ADA));
    let outcome = refresh(&world, &next).await;
    session(&outcome);
    assert_eq!(format_of(&world.sealkit, &new_cookie(&outcome)), Format::GoGcm);
}

#[tokio::test(start_paused = true)]
async fn another_users_pair_is_never_sealed_for_go() {
    for (format, sealed_as) in
        [(Format::GoGcm, Format::Iron), (Format::Iron, Format::Iron), (Format::RubyV7, Format::RubyV7)]
    {
        let world = writing(format, FormatSet::sealed());
        let cookie = world.ada();
        let grace = world.mint(MintSession::for_user(GRACE)).response_json;
        world.idp.fault(Endpoint::Authenticate, Fault::edit(move |answer| *answer = grace.clone()));
        let outcome = refresh(&world, &cookie).await;
        assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch), "{format}");
        let next = new_cookie(&outcome);
        assert_eq!(format_of(&world.sealkit, &next), sealed_as, "{format}");
        refused(&world.resolve(&next).await, Reason::SubjectMismatch);
    }
}

#[tokio::test(start_paused = true)]
async fn pair_is_not_sealed_where_go_alone_is_read() {
    let world = writing(Format::GoGcm, FormatSet::EMPTY.with(Format::GoGcm));
    let cookie = world.ada();
    world.idp.fault(Endpoint::Jwks, Fault::json(503, &serde_json::json!({})).always());
    let outcome = refresh(&world, &cookie).await;
    assert_eq!(outcome.cookie(), &CookieAction::Keep);

    // The result is kept for late requests, so that nothing is lost while the keys come back.
    world.idp.clear_faults(Endpoint::Jwks);
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(session(&refresh(&world, &cookie).await).user_id(), world.user_id(ADA));
}
