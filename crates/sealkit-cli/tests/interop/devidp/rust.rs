//! The crate `workos`: sessions sealed by either side, authenticated and refreshed by both.

use super::*;
use crate::sessions::{open, parsed, seal};
use sealkit::format::Format;
use sealkit_devidp::MintSession;

/// The crate takes 64 hexadecimal digits and nothing else.
const PASSWORD: &str = "f35184a3a9dc74b56b3716c7d2baecfc2a13a5ddc5b4d179097fcd7938747702";

async fn crate_peer(world: &World) -> Option<Peer> {
    let mut peer = support::rust::start()?;
    let settings = json!({
        "apiKey": world.idp.api_key().expose_secret(), "clientId": world.idp.client_id(), "baseUrl": world.server.url(),
    });
    peer.ask("connect", settings).await;
    Some(peer)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crate_authenticates_and_refreshes_what_sealkit_has_sealed() {
    let world = World::new().await;
    let Some(mut rust) = crate_peer(&world).await else { return };
    let with = |sealed: &str| json!({ "sealed": sealed, "password": PASSWORD });

    let minted = world.idp.mint_session(MintSession::for_user("zoe@example.com")).unwrap();
    let payload = world.snake_payload(&minted);
    let sealed = seal(Format::RustGcm, &payload.to_string(), PASSWORD);
    let told = rust.ask("authenticate", with(&sealed)).await;
    assert_eq!(told["authenticated"], true, "{told}");
    assert_eq!(told["session_id"], minted.session_id.as_str());
    assert_eq!(told["organization_id"], "org_engines");
    assert_eq!(told["user"]["first_name"], "Zoë \"Z\"; Path=/");

    let refreshed = rust.ask("refresh", with(&sealed)).await;
    assert_eq!(refreshed["authenticated"], true, "{refreshed}");
    let by_rust = text(&refreshed["sealed_session"]);
    let session = open(Format::RustGcm, by_rust, PASSWORD).unwrap();
    assert_ne!(session.access_token(), minted.access_token);
    assert_eq!(session.user().unwrap().last_name(), Some("O'Brien 🧑‍🚀"));
    assert_eq!(session.user().unwrap().metadata()["favoriteColor"], "camel");
    let told = rust.ask("authenticate", with(by_rust)).await;
    assert_eq!(told["session_id"], minted.session_id.as_str(), "{told}");

    let another = seal(Format::RustGcm, &payload.to_string(), &"8f".repeat(32));
    let told = rust.ask("authenticate", with(&another)).await;
    assert_eq!((&told["authenticated"], &told["reason"]), (&json!(false), &json!("invalid_session_cookie")));
    world.assert_nothing_leaked();
}

/// The crate holds the cookie's impersonator against the token, so a seal that invents one opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_crate_refuses_a_session_whose_user_or_impersonator_the_token_does_not_prove() {
    let world = World::new().await;
    let Some(mut rust) = crate_peer(&world).await else { return };
    let minted = world.idp.mint_session(MintSession::for_user("zoe@example.com")).unwrap();
    let good = world.snake_payload(&minted);
    let mut impersonated = good.clone();
    impersonated["impersonator"] = json!({ "email": "support@example.com" });
    let mut another = good.clone();
    another["user"]["id"] = json!("user_another");
    for payload in [impersonated, another] {
        let sealed = seal(Format::RustGcm, &payload.to_string(), PASSWORD);
        let opened = rust.ask("open", json!({ "sealed": sealed, "password": PASSWORD })).await;
        assert_eq!(parsed(text(&opened))["access_token"], payload["access_token"]);
        let told = rust.ask("authenticate", json!({ "sealed": sealed, "password": PASSWORD })).await;
        assert_eq!(
            (&told["authenticated"], &told["reason"]),
            (&json!(false), &json!("invalid_jwt")),
            "{told}"
        );
    }
}
