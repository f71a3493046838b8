//! `workos` of PyPI.

use super::*;
use crate::{sessions::seal, support::python::VERSIONS};
use sealkit::{EncodingPolicy, format::Format};
use sealkit_devidp::{MintSession, StepUp, StepUpRule};

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_signs_in_by_password_refreshes_and_switches() {
    let world = World::new().await;
    let Some(mut python) = world.python().await else { return };
    let options = json!({ "email": "zoe@example.com", "password": "correct horse" });
    let signed_in =
        python.ask("sign_in", json!({ "method": "authenticate_with_password", "options": options })).await;
    assert_eq!(signed_in["user"]["first_name"], "Zoë \"Z\"; Path=/");
    assert_eq!(signed_in["user"]["metadata"], json!({ "favorite_color": "snake", "favoriteColor": "camel" }));
    assert_eq!(signed_in["organization_id"], "org_engines");
    let told = python.ask("authenticate", json!({ "sealed": signed_in["sealed_session"] })).await;
    assert_eq!(told["authenticated"], true, "{told}");
    assert_eq!(told["permissions"], json!(["engines:read", "engines:write"]));
    assert_eq!(told["feature_flags"], json!(["difference-engine"]));

    let again = python.ask("refresh", json!({ "sealed": signed_in["sealed_session"] })).await;
    assert_eq!(again["refreshed"]["authenticated"], true, "{again}");
    assert_eq!(again["refreshed"]["organization_id"], "org_engines");
    assert_eq!(again["authenticated"]["session_id"], told["session_id"], "{again}");
    let asked = json!({ "sealed": again["refreshed"]["sealed_session"], "organization_id": "org_navy" });
    let switched = python.ask("refresh", asked).await;
    assert_eq!(switched["authenticated"]["organization_id"], "org_navy", "{switched}");

    let options = json!({ "email": "zoe@example.com", "password": "wrong" });
    let refused = python
        .refusal("sign_in", json!({ "method": "authenticate_with_password", "options": options }))
        .await;
    assert_eq!(refused["code"], "invalid_credentials", "{refused}");
    world.assert_nothing_leaked();
}

/// An application may also hand over the tokens and let each side seal in its own format.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_s_tokens_go_to_sealkit_and_back() {
    let world = World::new().await;
    let Some(mut python) = world.python().await else { return };
    let options = json!({ "email": "zoe@example.com", "password": "correct horse" });
    let signed_in =
        python.ask("sign_in", json!({ "method": "authenticate_with_password", "options": options })).await;
    let answer = sealkit::session::AuthResponse::from_json(signed_in.to_string().as_bytes()).unwrap();
    let sealed = world.sealkit.seal_session(&answer).unwrap();
    let session_id = world.accepts(sealed.expose_secret()).await.id().to_owned();

    let sealed = world.refreshed(sealed.expose_secret(), RefreshOptions::default()).await;
    let session = world.accepts(&sealed).await;
    let tokens = session.tokens();
    let by_python = python
        .ask(
            "seal",
            json!({
                "access_token": tokens.access_token(),
                "refresh_token": tokens.refresh_token().unwrap().expose_secret(),
                "user": signed_in["user"],
            }),
        )
        .await;
    let told = python.ask("authenticate", json!({ "sealed": by_python })).await;
    assert_eq!(told["session_id"], session_id.as_str(), "{told}");
    let told = python.ask("refresh", json!({ "sealed": by_python })).await;
    assert_eq!(told["authenticated"]["session_id"], session_id.as_str(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_signs_in_by_code_with_pkce() {
    let world = World::new().await;
    let Some(mut python) = world.python().await else { return };
    let asked = json!({ "redirect_uri": REDIRECT_URI, "login_hint": "alone@example.com" });
    let begun = python.ask("authorization_url", asked).await;
    let answer = python.ask("follow", json!({ "url": begun["url"] })).await;
    assert_eq!(answer["status"], 302, "{answer}");
    let back = text(&answer["location"]);
    assert_eq!(parameter(back, "state"), text(&begun["state"]));
    let options = json!({ "code": parameter(back, "code"), "code_verifier": begun["code_verifier"] });
    let asked = json!({ "method": "authenticate_with_code_pkce", "options": options });
    let signed_in = python.ask("sign_in", asked.clone()).await;
    assert_eq!(signed_in["user"]["email"], "alone@example.com");
    let refused = python.refusal("sign_in", asked).await;
    assert_eq!(refused["error"], "invalid_grant", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_signs_out_lists_and_revokes_and_completes_step_ups() {
    let world = World::new().await;
    let Some(mut python) = world.python().await else { return };
    let by_password = |email: &str, password: &str| json!({ "method": "authenticate_with_password", "options": { "email": email, "password": password } });
    let first = python.ask("sign_in", by_password("zoe@example.com", "correct horse")).await;
    let second = python.ask("sign_in", by_password("zoe@example.com", "correct horse")).await;
    let listed = python.ask("sessions", json!({ "user_id": world.zoe().id() })).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    assert_eq!(listed[0]["status"], "active", "{listed}");
    let told = python.ask("authenticate", json!({ "sealed": second["sealed_session"] })).await;
    python.ask("revoke", json!({ "session_id": told["session_id"] })).await;
    let told = python.ask("refresh", json!({ "sealed": second["sealed_session"] })).await;
    assert_eq!(told["refreshed"]["authenticated"], false, "{told}");
    let user = python.ask("user", json!({ "id": world.zoe().id() })).await;
    assert_eq!(user["external_id"], "crm-7");

    let asked = json!({ "sealed": first["sealed_session"], "return_to": "http://localhost:3000/bye" });
    let url = python.ask("logout_url", asked).await;
    let gone = python.ask("follow", json!({ "url": url })).await;
    assert_eq!(gone, json!({ "status": 302, "location": "http://localhost:3000/bye" }));
    let told = python.ask("refresh", json!({ "sealed": first["sealed_session"] })).await;
    assert_eq!(told["refreshed"]["authenticated"], false, "{told}");

    let refused = python.refusal("sign_in", by_password("newcomer@example.com", "password 3")).await;
    assert_eq!(refused["name"], "EmailVerificationRequiredError", "{refused}");
    let code = world.idp.one_time_code("newcomer@example.com").unwrap();
    let options =
        json!({ "code": code, "pending_authentication_token": refused["pending_authentication_token"] });
    let asked = json!({ "method": "authenticate_with_email_verification", "options": options });
    assert_eq!(python.ask("sign_in", asked).await["user"]["email_verified"], true);

    let rule = StepUpRule::new(StepUp::OrganizationSelection).once();
    world.idp.require_step_up("zoe@example.com", rule).unwrap();
    let refused = python.refusal("sign_in", by_password("zoe@example.com", "correct horse")).await;
    assert_eq!(refused["name"], "OrganizationSelectionRequiredError", "{refused}");
    let options = json!({
        "organization_id": "org_navy", "pending_authentication_token": refused["pending_authentication_token"],
    });
    let asked = json!({ "method": "authenticate_with_organization_selection", "options": options });
    assert_eq!(python.ask("sign_in", asked).await["organization_id"], "org_navy");

    let magic = python.ask("magic_auth", json!({ "email": "alone@example.com" })).await;
    let options = json!({ "email": "alone@example.com", "code": magic["code"] });
    let asked = json!({ "method": "authenticate_with_magic_auth", "options": options });
    assert_eq!(python.ask("sign_in", asked).await["authentication_method"], "MagicAuth");
    world.assert_nothing_leaked();
}

/// This version of the SDK, connected to the provider.
async fn connected(world: &World, version: &str) -> Option<Peer> {
    let mut python = support::python::start("seal.py", version)?;
    let settings = json!({
        "apiKey": world.idp.api_key().expose_secret(), "clientId": world.idp.client_id(), "baseUrl": world.server.url(),
    });
    python.ask("connect", settings).await;
    Some(python)
}

/// A sealkit that writes as Python does.
fn writing_fernet(world: &World) -> Sealkit {
    let config = Config::builder()
        .client_id(world.idp.client_id())
        .api_key(world.idp.api_key())
        .api_base(world.server.url())
        .cookie_password(COOKIE_PASSWORD)
        .redirect_uri(REDIRECT_URI)
        .encoding(EncodingPolicy::writing(Format::PythonFernet))
        .build()
        .unwrap();
    Sealkit::builder(config).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_python_version_reads_what_sealkit_refreshed() {
    for version in VERSIONS {
        let world = World::new().await;
        let Some(mut python) = connected(&world, version).await else { return };
        let minted = world.idp.mint_session(MintSession::for_user("zoe@example.com")).unwrap();
        let asked = json!({ "payload": world.snake_payload(&minted), "password": COOKIE_PASSWORD });
        let by_python = python.ask("seal", asked).await;

        let sealkit = writing_fernet(&world);
        let outcome = sealkit.refresh(text(&by_python), RefreshOptions::default()).await;
        let CookieAction::Set(refreshed) = outcome.cookie() else { panic!("{version}: {outcome:?}") };
        assert_eq!(outcome.session().unwrap().id(), minted.session_id, "{version}");
        let (unsealed, seal) = sealkit.unseal(refreshed.expose_secret()).unwrap();
        assert_eq!(seal.format, Format::PythonFernet, "{version}");
        assert_ne!(unsealed.access_token(), minted.access_token, "{version}");

        let asked = json!({ "sealed": refreshed.expose_secret(), "password": COOKIE_PASSWORD });
        let told = python.ask("authenticate", asked).await;
        assert_eq!(told["authenticated"], true, "{version}: {told}");
        assert_eq!(told["session_id"], minted.session_id.as_str(), "{version}");
        assert_eq!(told["user"]["email"], "zoe@example.com", "{version}");
        world.assert_nothing_leaked();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_the_python_sdk_authenticates_what_sealkit_has_sealed() {
    for version in VERSIONS {
        let world = World::new().await;
        let Some(mut python) = connected(&world, version).await else { return };
        let minted = world.idp.mint_session(MintSession::for_user("zoe@example.com")).unwrap();
        let payload = world.snake_payload(&minted).to_string();
        let with = |sealed: String| json!({ "sealed": sealed, "password": COOKIE_PASSWORD });

        let sealed = seal(Format::PythonFernet, &payload, COOKIE_PASSWORD);
        let told = python.ask("authenticate", with(sealed)).await;
        assert_eq!(told["authenticated"], true, "{version}: {told}");
        assert_eq!(told["session_id"], minted.session_id.as_str(), "{version}");
        assert_eq!(told["organization_id"], "org_engines", "{version}");
        assert_eq!(told["user"]["first_name"], "Zoë \"Z\"; Path=/", "{version}");

        let another = seal(Format::PythonFernet, &payload, &("b".repeat(43) + "="));
        let told = python.ask("authenticate", with(another)).await;
        assert_eq!(told["authenticated"], false, "{version}: {told}");
        assert_eq!(told["reason"], "invalid_session_cookie", "{version}: {told}");
    }
}
