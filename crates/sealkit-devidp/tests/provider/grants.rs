//! The eleven grants of the authenticate endpoint, each in its success and in the shape of its refusals.

use crate::common::{Answer, api, authenticate, build, claims, frozen, get, grant, password, refresh, send};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Request;
use sealkit_devidp::{
    DevIdp, Endpoint, Membership, MintSession, MintedSession, Organization, OrganizationChoice, StepUp,
    StepUpRule, User,
};
use serde_json::json;
use std::time::Duration;

const ADA: &str = "ada@example.com";
const VERIFIER: &str = "a-code-verifier-that-is-long-enough-for-rfc-7636";
const MAGIC: &str = "urn:workos:oauth:grant-type:magic-auth:code";
const EMAIL: &str = "urn:workos:oauth:grant-type:email-verification:code";
const COMPLETION: &str = "urn:workos:oauth:grant-type:email-completion";
const TOTP: &str = "urn:workos:oauth:grant-type:mfa-totp";
const SELECTION: &str = "urn:workos:oauth:grant-type:organization-selection";
const RADAR_EMAIL: &str = "urn:workos:oauth:grant-type:radar-email-challenge:code";
const RADAR_SMS: &str = "urn:workos:oauth:grant-type:radar-sms-challenge:code";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes()))
}

#[tokio::test]
async fn a_password_gives_a_session_with_all_claims_and_no_seal() {
    let idp = frozen();
    let answer = password(&idp, ADA).await.ok();
    let claims = claims(answer["access_token"].as_str().unwrap());
    let now = idp.clock().now().as_secs();
    assert_eq!(claims["iss"], format!("http://127.0.0.1/user_management/{}", idp.client_id()));
    assert_eq!(claims["sub"], answer["user"]["id"]);
    assert_eq!(claims["org_id"], answer["organization_id"]);
    assert_eq!(claims["role"], "admin");
    assert_eq!(claims["roles"], json!(["admin", "member"]));
    assert_eq!(claims["permissions"][0], "engines:read");
    assert_eq!(claims["entitlements"], json!(["audit-logs"]));
    assert_eq!(claims["feature_flags"], json!(["difference-engine"]));
    assert_eq!(claims["client_id"], idp.client_id());
    assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(now), Some(now + 300)));
    assert_eq!(claims["auth_time"].as_u64(), Some(now));
    assert!(claims["sid"].as_str().unwrap().starts_with("session_"));
    assert!(claims["jti"].is_string() && claims.get("aud").is_none() && claims.get("act").is_none());
    assert_eq!(answer["authentication_method"], "Password");
    assert!(answer.get("sealed_session").is_none() && answer.get("impersonator").is_none());
    assert!(answer["user"]["last_sign_in_at"].is_string());
}

#[tokio::test]
async fn wrong_credentials_are_refused_in_the_plain_shape() {
    let idp = frozen();
    for (email, word) in [(ADA, "wrong"), ("nobody@example.com", "ada-dev-password")] {
        let answer = grant(&idp, "password", json!({ "email": email, "password": word })).await;
        answer.is(400, "invalid_credentials");
        assert!(answer.json["message"].is_string());
    }
    // An id is no e-mail address.
    let id = idp.users()[0].id().to_owned();
    grant(&idp, "password", json!({ "email": id, "password": "ada-dev-password" }))
        .await
        .is(400, "invalid_credentials");
}

#[tokio::test]
async fn a_code_is_exchanged_once_with_its_verifier() {
    let idp = frozen();
    let code = idp.authorization_code(ADA, Some(&challenge())).unwrap();
    let send = |verifier: &'static str| {
        let idp = idp.clone();
        let code = code.clone();
        async move { grant(&idp, "authorization_code", json!({ "code": code, "code_verifier": verifier })).await }
    };
    send("another").await.is(400, "invalid_grant");
    assert_eq!(send(VERIFIER).await.ok()["user"]["email"], ADA);
    send(VERIFIER).await.is(400, "invalid_grant");
}

#[tokio::test]
async fn a_public_client_needs_a_verifier_and_only_three_grants_are_open_to_it() {
    let idp = frozen();
    let public = |grant_type: &str, members: serde_json::Value| {
        let mut body = json!({ "grant_type": grant_type, "client_id": idp.client_id() });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let with = idp.authorization_code(ADA, Some(&challenge())).unwrap();
    let members = json!({ "code": with, "code_verifier": VERIFIER });
    let answer = authenticate(&idp, &public("authorization_code", members)).await.ok();
    let members = json!({ "refresh_token": answer["refresh_token"] });
    authenticate(&idp, &public("refresh_token", members)).await.ok();

    let without = idp.authorization_code(ADA, None).unwrap();
    authenticate(&idp, &public("authorization_code", json!({ "code": without })))
        .await
        .is(400, "invalid_client");
    let members = json!({ "email": ADA, "password": "ada-dev-password" });
    authenticate(&idp, &public("password", members)).await.is(400, "invalid_client");
}

#[tokio::test]
async fn a_verifier_without_a_challenge_and_an_old_code_are_refused() {
    let idp = frozen();
    let code = idp.authorization_code(ADA, None).unwrap();
    let members = json!({ "code": code, "code_verifier": VERIFIER });
    grant(&idp, "authorization_code", members).await.is(400, "code_challenge_not_found");
    idp.advance(Duration::from_secs(600));
    grant(&idp, "authorization_code", json!({ "code": code })).await.is(400, "invalid_grant");
}

#[tokio::test]
async fn a_form_and_a_bearer_key_are_taken_as_well() {
    let idp = frozen();
    let body = format!(
        "grant_type=password&client_id={}&email=ada%40example.com&password=ada-dev-password",
        idp.client_id()
    );
    let request = Request::post("/user_management/authenticate")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", format!("Bearer {}", idp.api_key().expose_secret()))
        .body(Bytes::from(body))
        .unwrap();
    let response = send(&idp, request).await;
    assert!(response.headers().contains_key("x-request-id"));
    Answer::of(&response).ok();
}

#[tokio::test]
async fn only_this_providers_credentials_are_accepted() {
    let idp = frozen();
    let request = |client: &str, secret: &str| json!({ "grant_type": "password", "client_id": client, "client_secret": secret, "email": ADA, "password": "ada-dev-password" });
    let key = idp.api_key();
    authenticate(&idp, &request("client_other", key.expose_secret())).await.is(400, "invalid_client");
    for wrong in ["sk_test_other", "sk_live_0123456789"] {
        authenticate(&idp, &request(&idp.client_id(), wrong)).await.is(400, "invalid_client");
    }
    let bearer =
        Request::get("/events").header("authorization", "Bearer sk_live_1").body(Bytes::new()).unwrap();
    assert_eq!(send(&idp, bearer).await.status(), 401);
    assert_eq!(get(&idp, "/events").await.status(), 401);
}

#[tokio::test]
async fn missing_members_and_unknown_grants_have_their_own_answers() {
    let idp = frozen();
    let answer = grant(&idp, "password", json!({ "email": ADA })).await;
    answer.is(422, "invalid_request_parameters");
    assert_eq!(answer.json["errors"][0]["field"], "password");
    grant(&idp, "client_credentials", json!({})).await.is(400, "unsupported_grant_type");
    let request =
        Request::post("/user_management/authenticate").body(Bytes::from_static(b"not json")).unwrap();
    assert_eq!(send(&idp, request).await.status(), 422);
    assert_eq!(get(&idp, "/user_management/authenticate").await.status(), 404);
}

#[tokio::test]
async fn a_refresh_rotates_and_a_replay_inside_the_window_gives_the_same_pair() {
    let idp = frozen();
    let first = password(&idp, ADA).await.text("refresh_token");
    let second = refresh(&idp, &first).await.ok();
    assert_ne!(second["refresh_token"], first.as_str());
    idp.advance(Duration::from_secs(30));
    assert_eq!(refresh(&idp, &first).await.ok(), second);
    idp.advance(Duration::from_millis(1));
    let late = refresh(&idp, &first).await;
    late.is(400, "invalid_grant");
    assert_eq!(late.json["error_description"], "Refresh token already exchanged.");
    // The family goes on.
    refresh(&idp, second["refresh_token"].as_str().unwrap()).await.ok();
}

#[tokio::test]
async fn replay_for_another_organization_is_rejected() {
    let idp = frozen();
    let session = idp.mint_session(MintSession::for_user(ADA)).unwrap();
    let first = session.refresh_token;
    let second = refresh(&idp, &first).await.ok();
    let here = second["organization_id"].as_str().unwrap();
    let navy = idp.organizations()[1].id().to_owned();
    assert_ne!(here, navy);
    let replay = |organization: &str| json!({ "refresh_token": first, "organization_id": organization });
    for other in [navy.as_str(), "org_nowhere"] {
        let late = grant(&idp, "refresh_token", replay(other)).await;
        late.is(400, "invalid_grant");
        assert_eq!(late.json["error_description"], "Refresh token already exchanged.");
    }
    // The same organization by name, and none, is the same request.
    assert_eq!(grant(&idp, "refresh_token", replay(here)).await.ok(), second);
    assert_eq!(refresh(&idp, &first).await.ok(), second);
    let counts = idp.refresh_counts(&session.session_id).unwrap();
    assert_eq!((counts.rotated, counts.replayed, counts.refused), (1, 2, 2));
    // Nothing has ended: the new token switches.
    let members = json!({ "refresh_token": second["refresh_token"], "organization_id": navy });
    let third = grant(&idp, "refresh_token", members.clone()).await.ok();
    assert_eq!(third["organization_id"], navy.as_str());
    assert_eq!(grant(&idp, "refresh_token", members).await.ok(), third);
}

#[tokio::test]
async fn lenient_replay_for_another_organization_does_not_switch() {
    let idp = build(DevIdp::builder().replays_any_organization(true));
    let first = password(&idp, ADA).await.text("refresh_token");
    let second = refresh(&idp, &first).await.ok();
    let navy = idp.organizations()[1].id().to_owned();
    let members = json!({ "refresh_token": first, "organization_id": navy });
    assert_eq!(grant(&idp, "refresh_token", members.clone()).await.ok(), second);
    idp.set_replays_any_organization(false);
    grant(&idp, "refresh_token", members).await.is(400, "invalid_grant");
}

#[tokio::test]
async fn a_window_of_zero_is_strict() {
    let idp = build(DevIdp::builder().replay_window(Duration::ZERO));
    let first = password(&idp, ADA).await.text("refresh_token");
    refresh(&idp, &first).await.ok();
    refresh(&idp, &first).await.is(400, "invalid_grant");
}

#[tokio::test]
async fn each_session_counts_what_became_of_its_refresh_tokens() {
    let idp = frozen();
    let [stormy, calm] = [(); 2].map(|()| idp.mint_session(MintSession::for_user(ADA)).unwrap());
    let counts = |session: &MintedSession| {
        let counts = idp.refresh_counts(&session.session_id).unwrap();
        (counts.rotated, counts.replayed, counts.refused)
    };
    refresh(&idp, &stormy.refresh_token).await.ok();
    refresh(&idp, &stormy.refresh_token).await.ok();
    refresh(&idp, &stormy.refresh_token).await.ok();
    idp.advance(Duration::from_secs(31));
    refresh(&idp, &stormy.refresh_token).await.is(400, "invalid_grant");
    let elsewhere = json!({ "refresh_token": calm.refresh_token, "organization_id": "org_nowhere" });
    grant(&idp, "refresh_token", elsewhere).await.is(400, "organization_not_found");
    assert_eq!((counts(&stormy), counts(&calm)), ((1, 2, 1), (0, 0, 0)));
    assert_eq!(idp.refresh_counts("session_unknown"), None);
}

#[tokio::test]
async fn a_switch_of_organization_changes_the_claims_and_sticks() {
    let idp = frozen();
    let session = idp.mint_session(MintSession::for_user(ADA)).unwrap();
    let navy = idp.organizations()[1].id().to_owned();
    let members = json!({ "refresh_token": session.refresh_token, "organization_id": navy });
    let switched = grant(&idp, "refresh_token", members).await.ok();
    let after = claims(switched["access_token"].as_str().unwrap());
    assert_eq!((&after["org_id"], &after["role"]), (&json!(navy), &json!("member")));
    assert_eq!(after["sid"], session.session_id.as_str());
    let again = refresh(&idp, switched["refresh_token"].as_str().unwrap()).await.ok();
    assert_eq!(again["organization_id"], navy.as_str());
}

#[tokio::test]
async fn a_refused_switch_leaves_the_refresh_token_usable() {
    let closed = Organization::new("org_closed", "Closed");
    let idp = build(DevIdp::builder().organization(closed));
    let session = idp.mint_session(MintSession::for_user("grace@example.com")).unwrap();
    for (id, code) in
        [("org_nowhere", "organization_not_found"), ("org_closed", "organization_membership_not_found")]
    {
        let members = json!({ "refresh_token": session.refresh_token, "organization_id": id });
        let refused = grant(&idp, "refresh_token", members).await;
        refused.is(400, code);
        assert!(refused.json["error_description"].is_string());
    }
    let rule = StepUpRule::new(StepUp::SsoRequired { connection_ids: vec!["conn_1".to_owned()] })
        .on_refresh()
        .once()
        .with_redirect_url("http://127.0.0.1/go");
    idp.require_step_up("grace@example.com", rule).unwrap();
    let refused = refresh(&idp, &session.refresh_token).await;
    refused.is(400, "sso_required");
    assert_eq!(refused.json["connection_ids"], json!(["conn_1"]));
    assert_eq!(refused.json["authkit_redirect_url"], "http://127.0.0.1/go");
    refresh(&idp, &session.refresh_token).await.ok();
}

#[tokio::test]
async fn an_ended_session_refreshes_no_more() {
    let idp = frozen();
    let end = |how: fn(&DevIdp, &str)| {
        let session = idp.mint_session(MintSession::for_user(ADA)).unwrap();
        how(&idp, &session.session_id);
        session.refresh_token
    };
    let revoked = end(|idp, sid| assert!(idp.revoke_session(sid)));
    refresh(&idp, &revoked).await.is(400, "invalid_grant");
    let old = end(|idp, _| idp.advance(Duration::from_secs(31 * 24 * 60 * 60)));
    refresh(&idp, &old).await.is(400, "invalid_grant");
    let orphan = end(|idp, _| assert!(idp.delete_user(ADA)));
    refresh(&idp, &orphan).await.is(400, "invalid_grant");
    refresh(&idp, "no such token").await.is(400, "invalid_grant");
}

#[tokio::test]
async fn inactivity_ends_a_session_and_activity_keeps_it() {
    let idp = build(DevIdp::builder().inactivity_timeout(Duration::from_secs(600)));
    let mut token = password(&idp, ADA).await.text("refresh_token");
    for _ in 0..3 {
        idp.advance(Duration::from_secs(599));
        token = refresh(&idp, &token).await.text("refresh_token");
    }
    idp.advance(Duration::from_secs(600));
    refresh(&idp, &token).await.is(400, "invalid_grant");
}

#[tokio::test]
async fn auth_time_survives_a_refresh_and_the_user_is_fresh() {
    let idp = frozen();
    let signed_in = idp.clock().now().as_secs();
    let token = password(&idp, ADA).await.text("refresh_token");
    idp.advance(Duration::from_secs(120));
    let ada = idp.users()[0].clone().with_name("Ada", "King").with_member("future", 7);
    idp.put_user(ada).unwrap();
    let answer = refresh(&idp, &token).await.ok();
    assert_eq!(claims(answer["access_token"].as_str().unwrap())["auth_time"], signed_in);
    assert_eq!((&answer["user"]["last_name"], &answer["user"]["future"]), (&json!("King"), &json!(7)));
}

#[tokio::test]
async fn a_magic_code_signs_in_once() {
    let idp = frozen();
    let made = api(&idp, "POST", "/user_management/magic_auth", &json!({ "email": ADA })).await;
    assert_eq!((made.status, made.json["object"].as_str()), (201, Some("magic_auth")));
    let code = idp.one_time_code(ADA).unwrap();
    assert_eq!(made.json["code"], code.as_str());
    let attempt = |code: String| grant(&idp, MAGIC, json!({ "email": ADA, "code": code }));
    attempt("x".to_owned()).await.is(400, "invalid_one_time_code");
    assert_eq!(attempt(code.clone()).await.ok()["authentication_method"], "MagicAuth");
    attempt(code).await.is(400, "one_time_code_previously_used");
}

#[tokio::test]
async fn an_unverified_address_is_verified_on_the_way() {
    let user = User::new("new@example.com").with_password("pw").with_unverified_email();
    let idp = build(DevIdp::builder().users([user]));
    let refused = password(&idp, "new@example.com").await;
    refused.is(403, "email_verification_required");
    assert_eq!(refused.json["email"], "new@example.com");
    assert!(refused.text("email_verification_id").starts_with("email_verification_"));
    let token = refused.text("pending_authentication_token");
    let attempt =
        |code: String| grant(&idp, EMAIL, json!({ "code": code, "pending_authentication_token": token }));
    attempt("000".to_owned()).await.is(400, "invalid_one_time_code");
    let done = attempt(idp.one_time_code("new@example.com").unwrap()).await.ok();
    assert_eq!(done["user"]["email_verified"], true);
    attempt("000".to_owned()).await.is(400, "invalid_pending_authentication_token");
    password(&idp, "new@example.com").await.ok();
}

#[tokio::test]
async fn a_second_factor_is_enrolled_or_challenged_and_then_confirmed() {
    let idp = frozen();
    for step in [StepUp::MfaEnrollment, StepUp::MfaChallenge] {
        idp.require_step_up(ADA, StepUpRule::new(step.clone()).once()).unwrap();
        let refused = password(&idp, ADA).await;
        refused.is(403, step.code());
        assert_eq!(refused.json["user"]["email"], ADA);
        let challenge = if step == StepUp::MfaEnrollment {
            let path = format!(
                "/user_management/users/{}/auth_factors",
                refused.json["user"]["id"].as_str().unwrap()
            );
            api(&idp, "POST", &path, &json!({ "type": "totp" })).await.json["authentication_challenge"]["id"]
                .clone()
        } else {
            let factor = &refused.json["authentication_factors"][0];
            assert_eq!(factor["type"], "totp");
            let path = format!("/auth/factors/{}/challenge", factor["id"].as_str().unwrap());
            api(&idp, "POST", &path, &json!({})).await.json["id"].clone()
        };
        let members = |code: String| {
            json!({
                "code": code,
                "pending_authentication_token": refused.text("pending_authentication_token"),
                "authentication_challenge_id": challenge,
            })
        };
        grant(&idp, TOTP, members("12".to_owned())).await.is(400, "invalid_one_time_code");
        grant(&idp, TOTP, members(idp.totp_code(ADA).unwrap())).await.ok();
        grant(&idp, TOTP, members(idp.totp_code(ADA).unwrap()))
            .await
            .is(400, "invalid_pending_authentication_token");
    }
}

#[tokio::test]
async fn a_challenge_of_somebody_else_is_a_user_mismatch() {
    let idp = frozen();
    idp.require_step_up(ADA, StepUp::MfaChallenge).unwrap();
    let refused = password(&idp, ADA).await;
    let grace = idp.users()[1].id().to_owned();
    let made = api(&idp, "POST", &format!("/user_management/users/{grace}/auth_factors"), &json!({})).await;
    let members = json!({
        "code": idp.totp_code(ADA).unwrap(),
        "pending_authentication_token": refused.text("pending_authentication_token"),
        "authentication_challenge_id": made.json["authentication_challenge"]["id"],
    });
    grant(&idp, TOTP, members).await.is(400, "user_mismatch");
}

#[tokio::test]
async fn an_organization_is_chosen_from_the_list() {
    let idp = build(DevIdp::builder().organization_choice(OrganizationChoice::Ask));
    let refused = password(&idp, ADA).await;
    refused.is(403, "organization_selection_required");
    let organizations = refused.json["organizations"].as_array().unwrap().clone();
    assert_eq!(organizations.len(), 2);
    assert!(organizations[0]["name"].is_string());
    let token = refused.text("pending_authentication_token");
    let choose = |id: serde_json::Value| {
        grant(&idp, SELECTION, json!({ "pending_authentication_token": token, "organization_id": id }))
    };
    choose(json!("org_nowhere")).await.is(400, "invalid_organization_id");
    assert_eq!(choose(organizations[1]["id"].clone()).await.ok()["organization_id"], organizations[1]["id"]);
    // One organization is no choice, none neither.
    assert!(password(&idp, "grace@example.com").await.ok()["organization_id"].is_string());
    assert!(password(&idp, "alan@example.com").await.ok().get("organization_id").is_none());
}

#[tokio::test]
async fn steps_come_one_after_the_other() {
    let idp = build(DevIdp::builder().organization_choice(OrganizationChoice::Ask));
    idp.require_step_up(ADA, StepUp::RadarChallenge).unwrap();
    let first = password(&idp, ADA).await;
    first.is(403, "organization_selection_required");
    let members = json!({
        "pending_authentication_token": first.text("pending_authentication_token"),
        "organization_id": first.json["organizations"][0]["id"],
    });
    let second = grant(&idp, SELECTION, members).await;
    second.is(403, "radar_challenge");
    let members = json!({
        "code": idp.one_time_code(ADA).unwrap(),
        "radar_challenge_id": second.text("radar_challenge_id"),
        "pending_authentication_token": second.text("pending_authentication_token"),
    });
    let done = grant(&idp, RADAR_EMAIL, members).await.ok();
    assert_eq!(done["organization_id"], first.json["organizations"][0]["id"]);
}

#[tokio::test]
async fn a_radar_challenge_by_text_message_wants_a_number_at_sign_up() {
    let idp = frozen();
    idp.require_step_up(ADA, StepUpRule::new(StepUp::RadarSmsSignInChallenge).once()).unwrap();
    let refused = password(&idp, ADA).await;
    refused.is(403, "radar_sms_sign_in_challenge");
    let token = refused.text("pending_authentication_token");
    let code = idp.one_time_code(ADA).unwrap();
    grant(&idp, RADAR_SMS, json!({ "code": code, "pending_authentication_token": token })).await.ok();

    idp.require_step_up(ADA, StepUp::RadarSignUpChallenge).unwrap();
    let refused = password(&idp, ADA).await;
    let mut members = json!({
        "code": idp.one_time_code(ADA).unwrap(),
        "pending_authentication_token": refused.text("pending_authentication_token"),
    });
    grant(&idp, RADAR_SMS, members.clone()).await.is(400, "phone_number_required");
    members["phone_number"] = json!("+15555550100");
    grant(&idp, RADAR_SMS, members.clone()).await.is(400, "verification_id_required");
    members["verification_id"] = json!(idp.messages().last().unwrap().id);
    grant(&idp, RADAR_SMS, members).await.ok();
}

#[tokio::test]
async fn every_step_up_has_its_status_shape_and_members() {
    let sso = vec!["conn_1".to_owned()];
    let methods = StepUp::OrganizationAuthenticationMethods {
        sso_connection_ids: sso.clone(),
        allowed: vec!["password".to_owned()],
    };
    let cases: Vec<(StepUp, u16, &str, &[&str])> = vec![
        (StepUp::EmailVerification, 403, "code", &["email", "email_verification_id"]),
        (StepUp::MfaEnrollment, 403, "code", &["user"]),
        (StepUp::MfaChallenge, 403, "code", &["user", "authentication_factors"]),
        (StepUp::MfaVerification, 403, "code", &["authentication_factors"]),
        (StepUp::OrganizationSelection, 403, "code", &["user", "organizations"]),
        (StepUp::SsoRequired { connection_ids: sso }, 400, "error", &["email", "connection_ids"]),
        (methods, 400, "error", &["email", "sso_connection_ids", "auth_methods"]),
        (StepUp::AuthenticationMethodNotAllowed, 403, "code", &[]),
        (StepUp::EmailPasswordAuthDisabled, 403, "code", &[]),
        (StepUp::PasskeyProgressiveEnrollment, 403, "code", &[]),
        (StepUp::ApplicationConsentRequired, 403, "code", &[]),
        (StepUp::RadarChallenge, 403, "code", &["radar_challenge_id"]),
        (StepUp::RadarEmailChallenge, 403, "code", &["radar_challenge_id"]),
        (StepUp::RadarSignUpChallenge, 403, "code", &["radar_challenge_id"]),
        (StepUp::RadarSmsSignInChallenge, 403, "code", &["radar_challenge_id"]),
        (StepUp::RadarSmsChallenge, 403, "code", &["radar_challenge_id"]),
    ];
    let idp = frozen();
    for (step, status, shape, members) in cases {
        idp.require_step_up(ADA, StepUpRule::new(step.clone()).once()).unwrap();
        let refused = password(&idp, ADA).await;
        assert_eq!((refused.status, &refused.json[shape]), (status, &json!(step.code())), "{step:?}");
        for member in members.iter().chain(&["pending_authentication_token"]) {
            assert!(!refused.json[member].is_null(), "{step:?} {member}");
        }
        password(&idp, ADA).await.ok();
    }
}

#[tokio::test]
async fn missing_address_is_completed_by_its_own_token() {
    let idp = frozen();
    idp.require_step_up(ADA, StepUpRule::new(StepUp::EmailCompletion).once()).unwrap();
    let refused = password(&idp, ADA).await;
    refused.is(403, "email_completion_required");
    let members: Vec<_> = refused.json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["code", "message", "email_completion_token"]);
    let complete = |email: &str| {
        let members =
            json!({ "email_completion_token": refused.text("email_completion_token"), "email": email });
        let idp = idp.clone();
        async move { grant(&idp, COMPLETION, members).await }
    };
    complete("no address").await.is(422, "invalid_request_parameters");
    complete("grace@example.com").await.is(400, "email_not_available");
    assert_eq!(complete("lovelace@example.com").await.ok()["user"]["email"], "lovelace@example.com");
    complete("lovelace@example.com").await.is(400, "invalid_pending_authentication_token");
    let other_step = json!({ "pending_authentication_token": "x", "email": ADA });
    grant(&idp, COMPLETION, other_step).await.is(422, "invalid_request_parameters");
    let public = json!({
        "grant_type": COMPLETION, "client_id": idp.client_id(), "email_completion_token": "x", "email": ADA,
    });
    authenticate(&idp, &public).await.is(400, "invalid_client");
}

#[tokio::test]
async fn radar_in_decision_mode_demands_the_address() {
    let idp = build(DevIdp::builder().radar_decision_mode(true));
    password(&idp, ADA).await.is(400, "ip_address_required");
    let code = idp.authorization_code(ADA, None).unwrap();
    grant(&idp, "authorization_code", json!({ "code": code })).await.is(400, "ip_address_required");
    let magic = "/user_management/magic_auth";
    api(&idp, "POST", magic, &json!({ "email": ADA })).await.is(400, "ip_address_required");
    let completion = json!({ "email_completion_token": "x", "email": ADA });
    grant(&idp, COMPLETION, completion).await.is(400, "ip_address_required");

    let odd = json!({ "code": code, "ip_address": "10.0.0.1:80" });
    grant(&idp, "authorization_code", odd).await.is(422, "invalid_request_parameters");
    let fine = json!({ "code": code, "ip_address": "2001:db8::1" });
    let token = grant(&idp, "authorization_code", fine).await.ok()["refresh_token"].clone();
    let created = api(&idp, "POST", magic, &json!({ "email": ADA, "ip_address": "192.0.2.1" })).await;
    assert_eq!(created.status, 201, "{}", created.json);
    // The other grants go without.
    refresh(&idp, token.as_str().unwrap()).await.ok();
    let code = idp.one_time_code(ADA).unwrap();
    grant(&idp, MAGIC, json!({ "code": code, "email": ADA })).await.ok();
    idp.set_radar_decision_mode(false);
    password(&idp, ADA).await.ok();
}

#[tokio::test]
async fn a_device_waits_until_somebody_decides() {
    let idp = frozen();
    let start = || async {
        let body = json!({ "client_id": idp.client_id() });
        api(&idp, "POST", "/user_management/authorize/device", &body).await.ok()
    };
    let poll = |device: &serde_json::Value| {
        let body = json!({ "grant_type": DEVICE, "client_id": idp.client_id(), "device_code": device["device_code"] });
        let idp = idp.clone();
        async move { authenticate(&idp, &body).await }
    };
    let device = start().await;
    assert_eq!((device["expires_in"].as_u64(), device["interval"].as_u64()), (Some(300), Some(5)));
    assert!(
        device["verification_uri_complete"].as_str().unwrap().contains(device["user_code"].as_str().unwrap())
    );
    poll(&device).await.is(400, "authorization_pending");
    poll(&device).await.is(400, "slow_down");
    idp.advance(Duration::from_secs(10));
    poll(&device).await.is(400, "authorization_pending");
    let code = device["user_code"].as_str().unwrap().to_lowercase().replace('-', "");
    idp.approve_device(&code, ADA).unwrap();
    assert_eq!(poll(&device).await.ok()["user"]["email"], ADA);
    poll(&device).await.is(400, "invalid_grant");

    let denied = start().await;
    idp.deny_device(denied["user_code"].as_str().unwrap()).unwrap();
    poll(&denied).await.is(400, "access_denied");
    let late = start().await;
    idp.advance(Duration::from_secs(300));
    poll(&late).await.is(400, "expired_token");
}

#[tokio::test]
async fn an_invitation_makes_a_member_once() {
    let idp = frozen();
    let navy = idp.organizations()[1].clone();
    let token = idp.invite("alan@example.com", Membership::new(&navy));
    let members =
        |email: &str, word: &str| json!({ "email": email, "password": word, "invitation_token": token });
    grant(&idp, "password", members(ADA, "ada-dev-password"))
        .await
        .is(400, "invitation_cannot_be_used_for_email");
    let answer = grant(&idp, "password", members("alan@example.com", "alan-dev-password")).await.ok();
    assert_eq!(answer["organization_id"], navy.id());
    grant(&idp, "password", members("alan@example.com", "alan-dev-password"))
        .await
        .is(400, "invitation_invalid");
}

#[tokio::test]
async fn impersonation_shows_in_the_token_and_in_the_answer_and_ends_after_an_hour() {
    let idp = frozen();
    let code = idp.impersonation_code(ADA, "staff@example.com", Some("ticket 7")).unwrap();
    let answer = grant(&idp, "authorization_code", json!({ "code": code })).await.ok();
    assert_eq!(answer["impersonator"], json!({ "email": "staff@example.com", "reason": "ticket 7" }));
    assert_eq!(
        claims(answer["access_token"].as_str().unwrap())["act"],
        json!({ "sub": "staff@example.com" })
    );
    let again = refresh(&idp, answer["refresh_token"].as_str().unwrap()).await.ok();
    assert_eq!(again["impersonator"], answer["impersonator"]);
    idp.advance(Duration::from_secs(3_600));
    refresh(&idp, again["refresh_token"].as_str().unwrap()).await.is(400, "invalid_grant");
}

#[tokio::test]
async fn custom_claims_come_from_template_and_user_and_have_a_limit() {
    let ada = User::new(ADA).with_password("pw").with_claim("team", "engines");
    let idp = build(DevIdp::builder().users([ada]).claim("team", "none").claim("aud", json!(["a", "b"])));
    let first = password(&idp, ADA).await.ok();
    let token = claims(first["access_token"].as_str().unwrap());
    assert_eq!((&token["team"], &token["aud"]), (&json!("engines"), &json!(["a", "b"])));
    let mut big = serde_json::Map::new();
    big.insert("big".to_owned(), json!("x".repeat(4_000)));
    idp.set_claims(big).unwrap();
    refresh(&idp, first["refresh_token"].as_str().unwrap()).await.is(400, "token_too_big");
    idp.set_claims(serde_json::Map::new()).unwrap();
    refresh(&idp, first["refresh_token"].as_str().unwrap()).await.ok();
}

#[tokio::test]
async fn undocumented_members_are_reported_and_never_answered() {
    let idp = frozen();
    let members = json!({
        "email": ADA,
        "password": "ada-dev-password",
        "session": { "seal_session": true, "cookie_password": "p".repeat(32) },
    });
    assert!(grant(&idp, "password", members).await.ok().get("sealed_session").is_none());
    let leaks = idp.leaking_requests();
    assert_eq!(leaks.len(), 1);
    assert_eq!(leaks[0].undocumented_members(), ["session", "seal_session", "cookie_password"]);
    assert_eq!(idp.count(Endpoint::Authenticate), 1);
}
