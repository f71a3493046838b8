//! Everything besides the grants: keys, sessions, sign-out, webhooks, events, faults, forgeries.

use crate::common::{Answer, api, build, claims, frozen, get, password, refresh};
use bytes::Bytes;
use http::Request;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sealkit_devidp::{
    DevIdp, EndedLogout, EndedRevoke, Endpoint, Fault, IdpError, Membership, MintSession, Organization, User,
    webhook_signature,
};
use serde_json::{Value, json};
use std::time::Duration;

const ADA: &str = "ada@example.com";

/// Verifies a token with another implementation and the published key set.
fn verify(idp: &DevIdp, token: &str) -> Result<Value, jsonwebtoken::errors::Error> {
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(idp.jwks_json()).unwrap();
    let kid = jsonwebtoken::decode_header(token)?.kid.unwrap();
    let Some(jwk) = set.find(&kid) else {
        return Err(jsonwebtoken::errors::ErrorKind::InvalidToken.into());
    };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    Ok(jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(jwk)?, &validation)?.claims)
}

#[tokio::test]
async fn the_key_set_verifies_tokens_until_their_key_is_dropped() {
    let idp = frozen();
    let token = idp.mint_session(MintSession::for_user(ADA)).unwrap().access_token;
    assert!(verify(&idp, &token).is_ok());
    let old = idp.kid();
    let new = idp.rotate_keys(true).unwrap();
    assert_ne!(old, new);
    assert!(verify(&idp, &token).is_ok());
    idp.rotate_keys(false).unwrap();
    assert!(verify(&idp, &token).is_err());
    let fresh = idp.mint_session(MintSession::for_user(ADA)).unwrap().access_token;
    assert!(verify(&idp, &fresh).is_ok());
}

#[tokio::test]
async fn the_key_set_is_public_and_only_under_its_client_id() {
    let idp = frozen();
    let answer = Answer::of(&get(&idp, &format!("/sso/jwks/{}", idp.client_id())).await).ok();
    assert_eq!(answer, idp.jwks_json());
    for member in ["alg", "kty", "use", "kid", "n", "e", "x5c", "x5t#S256"] {
        assert!(!answer["keys"][0][member].is_null(), "{member}");
    }
    assert_eq!(get(&idp, "/sso/jwks/client_other").await.status(), 404);
}

#[tokio::test]
async fn forgeries_carry_what_they_are_told_to() {
    let idp = frozen();
    let plain = idp.sign(&json!({ "sub": "user_x" })).unwrap();
    assert_eq!(verify(&idp, &plain).unwrap()["sub"], "user_x");
    let header = json!({ "alg": "none", "kid": "k" });
    let odd = idp.sign_with(&header, &json!([1, 2])).unwrap();
    assert_eq!(claims(&odd), json!([1, 2]));
    let stranger = idp.sign_as_stranger(&json!({ "sub": "user_x" })).unwrap();
    assert!(verify(&idp, &stranger).is_err());
}

#[tokio::test]
async fn minting_follows_every_wish_and_refuses_nonsense() {
    let idp = frozen();
    let now = idp.clock().now().as_secs();
    let wish =
        MintSession::for_user(ADA).no_organization().expired().claim("iss", "elsewhere").without_claim("sid");
    let minted = idp.mint_session(wish).unwrap();
    let token = claims(&minted.access_token);
    assert!(token["exp"].as_u64().unwrap() < now);
    assert_eq!(token["exp"].as_u64().unwrap() - token["iat"].as_u64().unwrap(), 300);
    assert_eq!((&token["iss"], token.get("sid"), token.get("org_id")), (&json!("elsewhere"), None, None));
    assert_eq!(minted.organization_id, None);
    assert_eq!(minted.user_json["email"], ADA);
    assert_eq!(minted.response_json["refresh_token"], minted.refresh_token.as_str());
    assert!(!format!("{minted:?}").contains(&minted.refresh_token));
    refresh(&idp, &minted.refresh_token).await.ok();

    let error = |wish: MintSession| idp.mint_session(wish).unwrap_err();
    assert_eq!(error(MintSession::for_user("x@y")), IdpError::UnknownUser("x@y".to_owned()));
    let nowhere = MintSession::for_user(ADA).organization("org_0");
    assert_eq!(error(nowhere), IdpError::UnknownOrganization("org_0".to_owned()));
    let other = idp.organizations()[0].id().to_owned();
    let outsider = error(MintSession::for_user("grace@example.com").organization(other));
    assert!(matches!(outsider, IdpError::NotAMember { .. }));
}

#[tokio::test]
async fn sign_out_ends_the_session_and_goes_only_where_it_may() {
    let idp = build(DevIdp::builder().allow_redirect_uri("https://app.example.com/bye"));
    let logout = |query: String| {
        let idp = idp.clone();
        async move { get(&idp, &format!("/user_management/sessions/logout?{query}")).await }
    };
    assert_eq!(logout(String::new()).await.status(), 422);
    for (to, encoded) in [
        ("http://localhost:3000/", "http%3A%2F%2Flocalhost%3A3000%2F"),
        ("https://app.example.com/bye", "https%3A%2F%2Fapp.example.com%2Fbye"),
    ] {
        let minted = idp.mint_session(MintSession::for_user(ADA)).unwrap();
        let response = logout(format!("session_id={}&return_to={encoded}", minted.session_id)).await;
        assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (302, to));
        refresh(&idp, &minted.refresh_token).await.is(400, "invalid_grant");
    }
    let minted = idp.mint_session(MintSession::for_user(ADA)).unwrap();
    let evil = logout(format!("session_id={}&return_to=https%3A%2F%2Fevil.example", minted.session_id)).await;
    assert_eq!(evil.status(), 422);
    assert_eq!(logout(format!("session_id={}", minted.session_id)).await.status(), 200);
    assert_eq!(idp.session(&minted.session_id).unwrap()["status"], "revoked");
}

#[tokio::test]
async fn sessions_are_listed_newest_first_while_they_live_and_revoked_once() {
    let idp = frozen();
    let minted: Vec<_> = (0..3).map(|_| idp.mint_session(MintSession::for_user(ADA)).unwrap()).collect();
    let user = minted[0].user_json["id"].as_str().unwrap().to_owned();
    let list = || async {
        api(&idp, "GET", &format!("/user_management/users/{user}/sessions?limit=2"), &json!({})).await.ok()
    };
    let page = list().await;
    assert_eq!(page["data"][0]["id"], minted[2].session_id.as_str());
    assert_eq!(page["list_metadata"]["after"], minted[1].session_id.as_str());
    let body = json!({ "session_id": minted[2].session_id });
    let revoked = api(&idp, "POST", "/user_management/sessions/revoke", &body).await.ok();
    assert_eq!((&revoked["status"], revoked["ended_at"].is_string()), (&json!("revoked"), true));
    let again = api(&idp, "POST", "/user_management/sessions/revoke", &body).await;
    assert_eq!((again.status, again.json["message"].is_string()), (400, true));
    assert_eq!(list().await["data"][0]["id"], minted[1].session_id.as_str());
    let unknown = json!({ "session_id": "session_0" });
    assert_eq!(api(&idp, "POST", "/user_management/sessions/revoke", &unknown).await.status, 404);
    assert_eq!(
        api(&idp, "GET", &format!("/user_management/users/{user}"), &json!({})).await.ok()["email"],
        ADA
    );
    assert_eq!(api(&idp, "GET", "/user_management/users/user_0", &json!({})).await.status, 404);
}

#[tokio::test]
async fn webhooks_are_signed_and_events_can_be_pulled() {
    let idp = build(DevIdp::builder().webhook_secret("whsec"));
    let minted = idp.mint_session(MintSession::for_user(ADA)).unwrap();
    idp.revoke_session(&minted.session_id);
    assert!(!idp.revoke_session(&minted.session_id));
    let webhooks = idp.webhooks();
    let names: Vec<Value> = webhooks.iter().map(|webhook| webhook.json()["event"].clone()).collect();
    assert_eq!(names, ["session.created", "session.revoked"]);
    let revoked = &webhooks[1];
    let signature = webhook_signature("whsec", idp.clock().now(), &revoked.body);
    assert_eq!(revoked.headers["workos-signature"], signature.as_str());
    let event = revoked.json();
    assert_eq!((&event["object"], &event["data"]["object"]), (&json!("event"), &json!("session")));
    assert_eq!(
        (&event["data"]["status"], &event["data"]["id"]),
        (&json!("revoked"), &json!(minted.session_id))
    );
    assert!(event["data"]["ended_at"].is_string() && event["created_at"].is_string());
    assert!(idp.webhooks().is_empty());

    let pulled = api(&idp, "GET", "/events?events[]=session.revoked", &json!({})).await.ok();
    assert_eq!(pulled["data"], json!([event]));
    let first = api(&idp, "GET", "/events?limit=1", &json!({})).await.ok();
    assert_eq!(first["data"][0]["event"], "session.created");
    let after = first["list_metadata"]["after"].as_str().unwrap();
    let second = api(&idp, "GET", &format!("/events?after={after}"), &json!({})).await.ok();
    assert_eq!(second["data"], json!([event]));
}

#[tokio::test]
async fn what_changes_in_the_directory_is_told_by_events() {
    let idp = frozen();
    let names = || idp.webhooks().iter().map(|webhook| webhook.json()["event"].clone()).collect::<Vec<_>>();
    let [one, two] = ["org_1", "org_2"].map(|id| Organization::new(id, id));
    let user = || User::new("eve@example.com");
    idp.put_user(user().with_membership(Membership::new(&one))).unwrap();
    assert_eq!(names(), ["user.created", "organization_membership.created"]);
    let promoted = Membership::new(&one).with_roles(["admin"]);
    idp.put_user(user().with_membership(promoted.clone()).with_membership(Membership::new(&two))).unwrap();
    let changed = ["user.updated", "organization_membership.updated", "organization_membership.created"];
    assert_eq!(names(), changed);
    idp.put_user(user().with_membership(promoted)).unwrap();
    let webhooks = idp.webhooks();
    let gone = webhooks[1].json();
    assert_eq!(gone["event"], "organization_membership.deleted");
    let id = user().id().to_owned();
    assert_eq!((&gone["data"]["user_id"], &gone["data"]["organization_id"]), (&json!(id), &json!("org_2")));
    idp.mint_session(MintSession::for_user("eve@example.com")).unwrap();
    assert!(idp.delete_organization("org_1") && !idp.delete_organization("org_1"));
    let changed = ["session.created", "organization_membership.deleted", "organization.deleted"];
    assert_eq!(names(), changed);
    idp.put_user(user().with_membership(Membership::new(&two))).unwrap();
    assert!(idp.delete_user(&id) && !idp.delete_user(&id));
    let deleted = ["session.revoked", "organization_membership.deleted", "user.deleted"];
    assert_eq!(names()[2..], deleted);
}

#[tokio::test]
async fn events_are_pulled_from_a_time_or_after_an_event_and_not_both() {
    let idp = frozen();
    let pull = async |query: &str| api(&idp, "GET", &format!("/events?{query}"), &json!({})).await;
    let first = idp.mint_session(MintSession::for_user(ADA)).unwrap();
    idp.advance(Duration::from_secs(60));
    idp.revoke_session(&first.session_id);
    let all = pull("events=session.created,session.revoked").await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    let revoked = &all["data"][1];
    let from = revoked["created_at"].as_str().unwrap();
    assert_eq!(pull(&format!("range_start={from}")).await.ok()["data"], json!([revoked]));
    idp.advance(Duration::from_secs(1));
    assert_eq!(pull("range_start=2999-01-01T00:00:00Z").await.ok()["data"], json!([]));
    assert_eq!(pull("range_end=1999-01-01T00:00:00Z").await.ok()["data"], json!([]));
    let id = revoked["id"].as_str().unwrap();
    assert_eq!(pull(&format!("after={id}&range_start={from}")).await.status, 422);
    assert_eq!(pull("range_start=yesterday").await.status, 422);
}

#[tokio::test]
async fn faults_come_in_order_and_then_everything_works_again() {
    let idp = frozen();
    idp.fault(Endpoint::Authenticate, Fault::status(503).header("retry-after", "2").body("busy"));
    idp.fault(Endpoint::Authenticate, Fault::garbage());
    idp.fault(Endpoint::Authenticate, Fault::json(429, &json!({ "error": "too_many_requests" })));
    assert_eq!(password(&idp, ADA).await.status, 503);
    let garbage = password(&idp, ADA).await;
    assert_eq!((garbage.status, garbage.json), (200, Value::Null));
    password(&idp, ADA).await.is(429, "too_many_requests");
    password(&idp, ADA).await.ok();
    assert_eq!(idp.count(Endpoint::Authenticate), 4);

    idp.fault(Endpoint::Jwks, Fault::status(500).always());
    let path = format!("/sso/jwks/{}", idp.client_id());
    for _ in 0..3 {
        assert_eq!(get(&idp, &path).await.status(), 500);
    }
    idp.clear_faults(Endpoint::Jwks);
    assert_eq!(get(&idp, &path).await.status(), 200);
}

#[tokio::test]
async fn a_cut_loses_the_answer_before_or_after_the_rotation() {
    let idp = build(DevIdp::builder().replay_window(Duration::ZERO));
    let token = password(&idp, ADA).await.text("refresh_token");
    let request = || {
        let body = json!({
            "grant_type": "refresh_token", "client_id": idp.client_id(),
            "client_secret": idp.api_key().expose_secret(), "refresh_token": token,
        });
        Request::post("/user_management/authenticate").body(Bytes::from(body.to_string())).unwrap()
    };
    idp.fault(Endpoint::Authenticate, Fault::cut_connection());
    assert!(idp.handle(request()).await.unwrap_err().partial().is_none());
    idp.fault(Endpoint::Authenticate, Fault::cut_mid_body());
    let cut = idp.handle(request()).await.unwrap_err();
    let partial = cut.partial().unwrap();
    assert!(serde_json::from_slice::<Value>(partial.body()).is_err() && !partial.body().is_empty());
    // The second one had rotated.
    refresh(&idp, &token).await.is(400, "invalid_grant");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_during_a_delay_leaves_things_as_they_were_or_as_they_became() {
    let idp = build(DevIdp::builder().replay_window(Duration::ZERO));
    let token = password(&idp, ADA).await.text("refresh_token");
    let patience = Duration::from_secs(5);
    idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(60)));
    assert!(tokio::time::timeout(patience, refresh(&idp, &token)).await.is_err());
    idp.fault(Endpoint::Authenticate, Fault::hang());
    assert!(tokio::time::timeout(patience, refresh(&idp, &token)).await.is_err());
    idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(60)).after_effect());
    assert!(tokio::time::timeout(patience, refresh(&idp, &token)).await.is_err());
    refresh(&idp, &token).await.is(400, "invalid_grant");
}

#[tokio::test]
async fn an_edited_answer_keeps_the_real_effect() {
    let idp = frozen();
    idp.fault(
        Endpoint::Authenticate,
        Fault::edit(|answer| {
            answer["user"]["id"] = json!("user_swapped");
            answer.as_object_mut().unwrap().remove("refresh_token");
        }),
    );
    let answer = password(&idp, ADA).await.ok();
    assert_eq!((&answer["user"]["id"], answer.get("refresh_token")), (&json!("user_swapped"), None));
}

#[tokio::test]
async fn a_seed_makes_two_providers_alike() {
    let make =
        || {
            build(DevIdp::builder().seed([9; 32]).clock(sealkit_devidp::IdpClock::frozen_at(
                sealkit_core::UnixMillis::from_secs(1_800_000_000),
            )))
        };
    let (a, b) = (make(), make());
    assert_eq!(a.api_key(), b.api_key());
    let mint = |idp: &DevIdp| idp.mint_session(MintSession::for_user(ADA)).unwrap();
    assert_eq!(mint(&a).response_json, mint(&b).response_json);
}

#[tokio::test]
async fn ended_session_is_answered_as_the_settings_say() {
    for (revoke, logout, statuses) in [
        (EndedRevoke::BadRequest, EndedLogout::Redirects, (400, 302)),
        (EndedRevoke::NotFound, EndedLogout::Rejects, (404, 400)),
    ] {
        let idp = build(DevIdp::builder().ended_revoke(revoke).ended_logout(logout));
        let minted = idp.mint_session(MintSession::for_user(ADA)).unwrap();
        let body = json!({ "session_id": minted.session_id });
        let page = format!(
            "/user_management/sessions/logout?session_id={}&return_to=http%3A%2F%2Flocalhost%3A3000%2F",
            minted.session_id
        );
        assert_eq!(get(&idp, &page).await.status(), 302, "alive, it is ended and left");
        let again = api(&idp, "POST", "/user_management/sessions/revoke", &body).await;
        assert_eq!((again.status, again.json["message"].is_string()), (statuses.0, true));
        assert_eq!(get(&idp, &page).await.status(), statuses.1);
        assert_eq!((idp.count(Endpoint::RevokeSession), idp.count(Endpoint::Logout)), (1, 2));
    }
}
