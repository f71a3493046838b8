//! `@workos-inc/node`: codes, step-ups, and the end of a session.

use super::*;
use sealkit::{CookieAction, Reason};
use sealkit_devidp::{StepUp, StepUpRule};

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_signs_in_by_code_with_pkce() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        for (operation, method) in
            [("signIn", "authenticateWithCode"), ("exchange", "authenticateWithCodeAndVerifier")]
        {
            let asked = json!({ "redirectUri": REDIRECT_URI, "loginHint": "alone@example.com" });
            let begun = node.ask("authorizationUrl", asked).await;
            let answer = node.ask("follow", json!({ "url": begun["url"] })).await;
            assert_eq!(answer["status"], 302, "{library}: {answer}");
            let back = text(&answer["location"]);
            assert!(back.starts_with(&format!("{REDIRECT_URI}?")), "{library}: {back}");
            assert_eq!(parameter(back, "state"), text(&begun["state"]), "{library}");
            let code = parameter(back, "code");
            let with = |verifier: &Value| json!({ "method": method, "options": { "code": code, "codeVerifier": verifier } });
            let signed_in = node.ask(operation, with(&begun["codeVerifier"])).await;
            assert_eq!(signed_in["user"]["email"], "alone@example.com", "{library}");
            assert_eq!(signed_in.get("organizationId"), None, "{library}: somebody without organization");
            let again = node.refusal(operation, with(&begun["codeVerifier"])).await;
            assert_eq!(again["oauth"], "invalid_grant", "{library}: a code is good once: {again}");
            if operation == "signIn" {
                let session = world.accepts(text(&signed_in["sealedSession"])).await;
                assert_eq!(session.organization_id(), None, "{library}");
            }
        }
        // The code is bound to its verifier.
        let begun = node.ask("authorizationUrl", json!({ "redirectUri": REDIRECT_URI })).await;
        let answer = node.ask("follow", json!({ "url": begun["url"] })).await;
        let options =
            json!({ "code": parameter(text(&answer["location"]), "code"), "codeVerifier": "x".repeat(43) });
        let refused =
            node.refusal("signIn", json!({ "method": "authenticateWithCode", "options": options })).await;
        assert_eq!(refused["oauth"], "invalid_grant", "{library}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_signs_out_lists_sessions_and_revokes_them() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let first = node.ask("signIn", zoe_by_password()).await;
        let second = node.ask("signIn", zoe_by_password()).await;
        let id = world.accepts(text(&first["sealedSession"])).await.id().to_owned();
        let second_id = world.accepts(text(&second["sealedSession"])).await.id().to_owned();

        let zoe = json!({ "userId": world.zoe().id() });
        let listed = node.ask("sessions", zoe.clone()).await;
        let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|session| text(&session["id"])).collect();
        assert_eq!(ids.len(), 2, "{library}: {listed}");
        assert!(ids.contains(&id.as_str()) && ids.contains(&second_id.as_str()), "{library}: {listed}");
        let one = &listed[0];
        assert_eq!((&one["object"], &one["status"]), (&json!("session"), &json!("active")), "{library}");
        assert_eq!((&one["userId"], &one["authMethod"]), (&zoe["userId"], &json!("password")), "{library}");
        assert!(one["expiresAt"].is_string() && one["createdAt"].is_string(), "{library}: {one}");

        let revoke = json!({ "resource": "userManagement", "method": "revokeSession", "options": { "sessionId": second_id } });
        node.ask("call", revoke).await;
        let told = node.ask("refresh", json!({ "sealed": second["sealedSession"] })).await;
        assert_eq!(told["reason"], "invalid_grant", "{library}: {told}");
        let outcome = world.sealkit.refresh(text(&second["sealedSession"]), RefreshOptions::default()).await;
        assert_eq!(outcome.reason(), Some(Reason::InvalidGrant), "{library}");

        let return_to = Url::parse("http://localhost:3000/bye?x=1").unwrap();
        let asked = json!({ "sealed": first["sealedSession"], "returnTo": return_to.as_str() });
        let url = node.ask("logoutUrl", asked).await;
        let by_sealkit = world.sealkit.logout_url(&id, Some(&return_to)).unwrap();
        let (by_node, by_sealkit) = (Url::parse(text(&url)).unwrap(), by_sealkit);
        assert_eq!(by_node[..url::Position::AfterPath], by_sealkit[..url::Position::AfterPath], "{library}");
        assert!(by_node.query_pairs().eq(by_sealkit.query_pairs()), "{library}: {by_node} {by_sealkit}");
        let gone = node.ask("follow", json!({ "url": url })).await;
        assert_eq!(gone, json!({ "status": 302, "location": return_to.as_str() }), "{library}");
        let told = node.ask("refresh", json!({ "sealed": first["sealedSession"] })).await;
        assert_eq!(told["reason"], "invalid_grant", "{library}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_completes_every_step_up_that_it_knows() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };

        let refused = node.refusal("signIn", password_of("newcomer@example.com", "password 3")).await;
        assert_eq!(code_of(&refused), "email_verification_required", "{library}");
        let code = world.idp.one_time_code("newcomer@example.com").unwrap();
        let options = json!({ "code": code, "pendingAuthenticationToken": refused["rawData"]["pending_authentication_token"] });
        let asked = json!({ "method": "authenticateWithEmailVerification", "options": options });
        let signed_in = node.ask("signIn", asked).await;
        assert_eq!(signed_in["user"]["emailVerified"], true, "{library}");
        world.accepts(text(&signed_in["sealedSession"])).await;

        let rule = StepUpRule::new(StepUp::OrganizationSelection).once();
        world.idp.require_step_up("zoe@example.com", rule).unwrap();
        let refused = node.refusal("signIn", zoe_by_password()).await;
        assert_eq!(code_of(&refused), "organization_selection_required", "{library}");
        let organizations = refused["rawData"]["organizations"].as_array().unwrap();
        assert_eq!(organizations.len(), 2, "{library}: {refused}");
        let options = json!({
            "organizationId": "org_navy",
            "pendingAuthenticationToken": refused["rawData"]["pending_authentication_token"],
        });
        let asked = json!({ "method": "authenticateWithOrganizationSelection", "options": options });
        let signed_in = node.ask("signIn", asked).await;
        assert_eq!(signed_in["organizationId"], "org_navy", "{library}");

        let rule = StepUpRule::new(StepUp::MfaChallenge).once();
        world.idp.require_step_up("zoe@example.com", rule).unwrap();
        let refused = node.refusal("signIn", zoe_by_password()).await;
        assert_eq!(code_of(&refused), "mfa_challenge", "{library}");
        let factor = &refused["rawData"]["authentication_factors"][0]["id"];
        let resource = if library == "workos-node-8" { "mfa" } else { "multiFactorAuth" };
        let asked = json!({ "resource": resource, "method": "challengeFactor", "options": { "authenticationFactorId": factor } });
        let challenge = node.ask("call", asked).await;
        let options = json!({
            "code": world.idp.totp_code("zoe@example.com").unwrap(),
            "authenticationChallengeId": challenge["id"],
            "pendingAuthenticationToken": refused["rawData"]["pending_authentication_token"],
        });
        let signed_in =
            node.ask("signIn", json!({ "method": "authenticateWithTotp", "options": options })).await;
        assert_eq!(signed_in["user"]["id"], world.zoe().id(), "{library}");

        let asked = json!({ "resource": "userManagement", "method": "createMagicAuth", "options": { "email": "alone@example.com" } });
        let magic = node.ask("call", asked).await;
        let options = json!({ "email": "alone@example.com", "code": magic["code"] });
        let signed_in =
            node.ask("signIn", json!({ "method": "authenticateWithMagicAuth", "options": options })).await;
        assert_eq!(signed_in["authenticationMethod"], "MagicAuth", "{library}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_needs_single_sign_on_says_so_to_both() {
    let world = World::new().await;
    let Some(mut node) = world.node("workos-node-11").await else { return };
    let signed_in = node.ask("signIn", zoe_by_password()).await;
    let rule =
        StepUpRule::new(StepUp::SsoRequired { connection_ids: vec!["conn_1".to_owned()] }).on_refresh();
    world.idp.require_step_up("zoe@example.com", rule).unwrap();
    let told = node.ask("refresh", json!({ "sealed": signed_in["sealedSession"] })).await;
    assert_eq!(told["reason"], "sso_required", "{told}");
    let outcome = world.sealkit.refresh(text(&signed_in["sealedSession"]), RefreshOptions::default()).await;
    assert_eq!(outcome.reason(), Some(Reason::SsoRequired));
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
}
