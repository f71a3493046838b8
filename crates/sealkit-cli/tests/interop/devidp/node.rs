//! `@workos-inc/node`: sessions signed in, refreshed, switched and read by either side.

use super::*;
use sealkit::{Reason, RefreshOptions};
use sealkit_devidp::MintSession;

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_signs_in_by_password_and_sealkit_knows_the_session() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let answer = node.ask("signIn", zoe_by_password()).await;
        assert_eq!(answer["user"]["firstName"], "Zoë \"Z\"; Path=/", "{library}");
        assert_eq!(answer["user"]["emailVerified"], true, "{library}");
        assert_eq!(answer["organizationId"], "org_engines", "{library}");
        assert_eq!(answer["authenticationMethod"], "Password", "{library}");

        let sealed = text(&answer["sealedSession"]);
        let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
        assert_eq!(told["authenticated"], true, "{library}: {told}");
        assert_eq!(told["role"], "admin", "{library}");
        assert_eq!(told["roles"], json!(["admin", "member"]), "{library}");
        assert_eq!(told["permissions"], json!(["engines:read", "engines:write"]), "{library}");
        assert_eq!(told["entitlements"], json!(["audit-logs"]), "{library}");
        assert_eq!(told["featureFlags"], json!(["difference-engine"]), "{library}");

        let session = world.accepts(sealed).await;
        assert_eq!(session.id(), text(&told["sessionId"]), "{library}");
        assert_eq!(session.user_id(), world.zoe().id(), "{library}");
        assert_eq!(session.organization_id(), Some("org_engines"), "{library}");
        assert_eq!(session.claims().role(), Some("admin"), "{library}");
        assert!(session.claims().has_permission("engines:write"), "{library}");
        assert_eq!(session.claims().entitlements().collect::<Vec<_>>(), ["audit-logs"], "{library}");
        assert_eq!(session.claims().feature_flags().collect::<Vec<_>>(), ["difference-engine"], "{library}");
        assert_eq!(session.claims().issuer(), Some(world.idp.issuer().as_str()), "{library}");
        assert!(session.warnings().is_empty(), "{library}: {:?}", session.warnings());
        let user = session.user().unwrap();
        assert_eq!(user.last_name(), Some("O'Brien 🧑‍🚀"), "{library}");
        assert_eq!(user.external_id(), Some("crm-7"), "{library}");
        assert_eq!(user.locale(), Some("fr-CA"), "{library}");
        assert_eq!(user.metadata()["favorite_color"], "snake", "{library}");
        assert_eq!(user.metadata()["favoriteColor"], "camel", "{library}");

        let refused = node.refusal("signIn", password_of("zoe@example.com", "wrong")).await;
        assert_eq!(code_of(&refused), "invalid_credentials", "{library}");
        world.assert_nothing_leaked();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_from_node_to_sealkit_and_back_with_every_member() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let answer = node.ask("signIn", zoe_by_password()).await;
        let by_node = text(&answer["sealedSession"]).to_owned();
        let session_id = world.accepts(&by_node).await.id().to_owned();

        let by_sealkit = world.refreshed(&by_node, RefreshOptions::default()).await;
        assert_ne!(by_sealkit, by_node);
        let payload = node.ask("payload", json!({ "sealed": by_sealkit })).await;
        assert_ne!(payload["refreshToken"], answer["refreshToken"], "{library}: the tokens rotated");
        assert_kept(&world.members(&by_node), &world.members(&by_sealkit), library);
        let told = node.ask("authenticate", json!({ "sealed": by_sealkit })).await;
        assert_eq!((&told["authenticated"], text(&told["sessionId"])), (&json!(true), session_id.as_str()));
        assert_kept(&answer["user"], &told["user"], library);
        assert_eq!(told["authenticationMethod"], "Password", "{library}");

        let again = node.ask("refreshThenAuthenticate", json!({ "sealed": by_sealkit })).await;
        assert_eq!(again["refreshed"]["authenticated"], true, "{library}: {again}");
        assert_eq!(again["authenticated"]["authenticated"], true, "{library}: {again}");
        let by_node = text(&again["refreshed"]["sealedSession"]);
        assert_eq!(world.accepts(by_node).await.id(), session_id, "{library}");
        assert_kept(&world.members(by_node), &world.members(&by_sealkit), library);
        world.assert_nothing_leaked();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_s_own_members_survive_a_refresh_by_sealkit() {
    let world = World::new().await;
    let Some(mut node) = world.node("@workos-inc/node").await else { return };
    let answer = node.ask("signIn", zoe_by_password()).await;
    let mut payload = node.ask("payload", json!({ "sealed": answer["sealedSession"] })).await;
    payload["theme"] = json!({ "dark_mode": true, "list": [1, "ü", null] });
    payload["user"]["badge_number"] = json!(7);
    let own = world.sealkit.seal_payload(&payload.to_string()).unwrap();
    let sealed = world.refreshed(own.expose_secret(), RefreshOptions::default()).await;
    let after = node.ask("payload", json!({ "sealed": sealed })).await;
    assert_eq!(after["theme"].to_string(), payload["theme"].to_string());
    assert_eq!(after["user"]["badge_number"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_switches_organization_by_refreshing_and_sealkit_switches_back() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let answer = node.ask("signIn", zoe_by_password()).await;
        let asked = json!({ "sealed": answer["sealedSession"], "organizationId": "org_navy" });
        let switched = node.ask("refresh", asked).await;
        assert_eq!(switched["organizationId"], "org_navy", "{library}: {switched}");
        assert_eq!(switched["role"], "member", "{library}");
        let in_navy = text(&switched["sealedSession"]);
        let session = world.accepts(in_navy).await;
        assert_eq!(session.organization_id(), Some("org_navy"), "{library}");
        assert_eq!(session.unsealed().organization_id(), Some("org_navy"), "{library}");

        let back = RefreshOptions::default().with_organization("org_engines");
        let sealed = world.refreshed(in_navy, back).await;
        let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
        assert_eq!(told["organizationId"], "org_engines", "{library}");
        // Without a word about the organization the session stays where it is, whoever refreshes.
        let stayed = node.ask("refresh", json!({ "sealed": sealed })).await;
        assert_eq!(stayed["organizationId"], "org_engines", "{library}");
        let foreign = json!({ "sealed": stayed["sealedSession"], "organizationId": "org_unknown" });
        node.refusal("refresh", foreign).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_refreshed_by_either_side() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        for by_sealkit in [true, false] {
            let minted = world.idp.mint_session(MintSession::for_user("zoe@example.com").expired()).unwrap();
            let payload = json!({
                "user": { "id": world.zoe().id(), "email": "zoe@example.com" },
                "accessToken": minted.access_token, "refreshToken": minted.refresh_token,
            });
            let expired = world.sealkit.seal_payload(&payload.to_string()).unwrap();
            let expired = expired.expose_secret();
            assert_eq!(world.sealkit.authenticate(expired).await.reason(), Some(Reason::ExpiredJwt));
            let told = node.ask("authenticate", json!({ "sealed": expired })).await;
            assert_eq!(told["reason"], "invalid_jwt", "{library}: {told}");

            let sealed = if by_sealkit {
                world.refreshed(expired, RefreshOptions::default()).await
            } else {
                text(&node.ask("refresh", json!({ "sealed": expired })).await["sealedSession"]).to_owned()
            };
            assert_eq!(world.accepts(&sealed).await.id(), minted.session_id, "{library}");
            let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
            assert_eq!(told["sessionId"], minted.session_id.as_str(), "{library}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impersonated_session_looks_the_same_to_both() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let code =
            world.idp.impersonation_code("zoe@example.com", "support@example.com", Some("ticket 7")).unwrap();
        let signed_in = node
            .ask("signIn", json!({ "method": "authenticateWithCode", "options": { "code": code } }))
            .await;
        let expected = json!({ "email": "support@example.com", "reason": "ticket 7" });
        assert_eq!(signed_in["impersonator"], expected, "{library}");
        let by_node = text(&signed_in["sealedSession"]);
        let refreshed = world.refreshed(by_node, RefreshOptions::default()).await;
        for sealed in [by_node, &refreshed] {
            let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
            assert_eq!(told["impersonator"], expected, "{library}");
            let session = world.accepts(sealed).await;
            let impersonator = session.impersonator().expect("an impersonator");
            assert_eq!(impersonator.email, "support@example.com", "{library}");
            assert_eq!(impersonator.reason, Some("ticket 7"), "{library}");
            assert_eq!(session.claims().actor(), Some("support@example.com"), "{library}");
            assert!(session.warnings().is_empty(), "{library}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_signing_keys_are_found_by_both() {
    let world = World::new().await;
    let Some(mut node) = world.node("workos-node-11").await else { return };
    let old = node.ask("signIn", zoe_by_password()).await;
    world.idp.rotate_keys(true).unwrap();
    // jose asks for the key set at most every 30 s, so the new key is for a process that has not asked yet.
    let new = node.ask("signIn", zoe_by_password()).await;
    for signed_in in [old, new] {
        let sealed = json!({ "sealed": signed_in["sealedSession"] });
        assert_eq!(node.ask("authenticate", sealed).await["authenticated"], true);
        world.accepts(text(&signed_in["sealedSession"])).await;
    }
}
