//! `refresh`: every row of the table: what is answered, what becomes of the cookie, how often the API is asked, and with what.

use crate::support::{ADA, ANALYTICAL, GRACE, NAVY, PASSWORD, World, new_cookie, refused, session, settle};
use sealkit::{
    CookieAction, KeyRing, ManualClock, Outcome, Reason, RefreshOptions, Resolve, UnixMillis,
    config::RefreshSettings,
    session::{Freshness, RefreshAhead, Warning},
};
use sealkit_devidp::{Endpoint, Fault, MintSession, StepUp, StepUpRule};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// A caller who waits as long as the grant takes.
fn patient() -> World {
    World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.caller_wait = Duration::from_secs(30);
        config.refresh(refresh)
    })
}

async fn refresh(world: &World, sealed: &str) -> Outcome {
    world.sealkit.refresh(sealed, RefreshOptions::default()).await
}

async fn switch(world: &World, sealed: &str, organization: &str) -> Outcome {
    world.sealkit.refresh(sealed, RefreshOptions::default().with_organization(organization)).await
}

/// Refreshes an expired session against this answer, until told otherwise.
async fn answered(fault: Fault) -> (World, Outcome) {
    let world = patient();
    let sealed = world.expired();
    session(&world.authenticate(&world.ada()).await);
    world.idp.fault(Endpoint::Authenticate, fault.always());
    let outcome = refresh(&world, &sealed).await;
    (world, outcome)
}

/// Refused with this reason after so many attempts; the cookie stays.
async fn answers(fault: Fault, reason: Reason, attempts: u64) -> (World, Outcome) {
    let shown = format!("{fault:?}");
    let (world, outcome) = answered(fault).await;
    refused(&outcome, reason);
    assert_eq!(world.grant_count(), attempts, "{reason} {shown}");
    (world, outcome)
}

fn oauth(code: &str) -> Value {
    json!({ "error": code, "error_description": "in words" })
}

fn plain(code: &str) -> Value {
    json!({ "code": code, "message": "in words" })
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_gets_new_tokens_and_a_new_cookie() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let sealed = world.seal(&minted);
    for outcome in [refresh(&world, &sealed).await, world.resolve(&sealed).await] {
        let ada = session(&outcome);
        assert_eq!((ada.user_id(), ada.id()), (world.user_id(ADA).as_str(), minted.session_id.as_str()));
        assert_eq!(ada.freshness(), Freshness::Refreshed);
        let payload = world.payload(&new_cookie(&outcome));
        assert_eq!(payload["accessToken"], ada.tokens().access_token());
        assert_ne!(payload["refreshToken"], minted.refresh_token.as_str());
        session(&world.authenticate(&new_cookie(&outcome)).await);
    }
    assert_eq!(world.grant_count(), 1, "the second one got the first one's result");
}

#[tokio::test(start_paused = true)]
async fn without_anything_to_refresh_nobody_is_asked() {
    let world = World::new();
    let outcome = refresh(&world, "").await;
    assert_eq!(outcome.reason(), Some(Reason::NoSessionCookieProvided));
    let other = KeyRing::from_password("another-password-0123456789-0123456789").unwrap();
    let other = world.another(|config| config.key_ring(other));
    let foreign = other.seal_payload(r#"{"accessToken":"a","refreshToken":"r"}"#).unwrap();
    refused(&refresh(&world, foreign.expose_secret()).await, Reason::InvalidSessionCookie);
    refused(&refresh(&world, "garbage").await, Reason::InvalidSessionCookie);
    for token in [Value::Null, json!(""), json!(7)] {
        let sealed = world.reseal(&world.ada(), |payload| payload["refreshToken"] = token);
        refused(&refresh(&world, &sealed).await, Reason::NoRefreshToken);
        // It is served as long as it is valid.
        session(&world.authenticate(&sealed).await);
    }
    let sealed = world.reseal(&world.expired(), |payload| {
        payload.as_object_mut().unwrap().remove("refreshToken");
    });
    let outcome = world.resolve(&sealed).await;
    refused(&outcome, Reason::NoRefreshToken);
    assert_eq!(outcome.failure().unwrap().expired().unwrap().user_id(), world.user_id(ADA));
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_user_in_the_seal_the_answer_brings_one() {
    let world = World::new();
    let sealed = world.reseal(&world.expired(), |payload| {
        payload.as_object_mut().unwrap().remove("user");
    });
    let outcome = refresh(&world, &sealed).await;
    assert_eq!(session(&outcome).user().unwrap().email(), Some(ADA));
    assert_eq!(world.payload(&new_cookie(&outcome))["user"]["email"], ADA);
}

#[tokio::test(start_paused = true)]
async fn an_old_token_that_cannot_be_read_does_not_matter() {
    let world = World::new();
    for token in ["not-a-token", "a.b.c", "e30.e30.e30"] {
        let sealed = world.reseal(&world.expired(), |payload| payload["accessToken"] = token.into());
        let outcome = refresh(&world, &sealed).await;
        session(&outcome);
        let body = world.grants().last().unwrap().json();
        assert_eq!(body["organization_id"], ANALYTICAL, "from the seal, else from nowhere");
    }
    let sealed = world.reseal(&world.expired(), |payload| {
        payload["accessToken"] = "not-a-token".into();
        payload.as_object_mut().unwrap().remove("organizationId");
    });
    session(&refresh(&world, &sealed).await);
    assert!(world.grants().last().unwrap().json().get("organization_id").is_none());
}

#[tokio::test(start_paused = true)]
async fn the_request_holds_the_documented_fields_and_nothing_else() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let sealed = world.seal(&minted);
    session(&refresh(&world, &sealed).await);
    let request = world.grants().pop().unwrap();
    assert_eq!(
        request.json(),
        json!({
            "grant_type": "refresh_token",
            "client_id": world.idp.client_id(),
            "client_secret": world.idp.api_key().expose_secret(),
            "refresh_token": minted.refresh_token,
            "organization_id": ANALYTICAL,
        })
    );
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(request.query().is_none() && request.headers().get("cookie").is_none());
    assert!(request.headers()["idempotency-key"].to_str().unwrap().starts_with("sealkit-"));
}

#[tokio::test(start_paused = true)]
async fn no_outbound_request_ever_holds_the_cookie_password() {
    let world = World::new();
    let ada = world.mint(MintSession::for_user(ADA).expired());
    session(&refresh(&world, &world.seal(&ada)).await);
    session(&switch(&world, &world.ada(), NAVY).await);
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).times(2));
    session(&refresh(&world, &world.expired()).await);
    world.sealkit.sign_out(&ada.session_id, None).await.unwrap();
    assert!(world.idp.requests().len() >= 6);
    assert!(world.idp.leaking_requests().is_empty());
    for request in world.idp.requests() {
        let headers: Vec<_> = request.headers().values().map(|value| value.as_bytes().to_vec()).collect();
        let query = request.query().unwrap_or_default().as_bytes().to_vec();
        let parts = [request.path().as_bytes().to_vec(), query, request.body().to_vec()];
        for part in parts.iter().chain(&headers) {
            let text = String::from_utf8_lossy(part);
            assert!(!text.contains(PASSWORD) && !text.contains("Fe26.2"), "{request:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_grant_is_the_end_of_it_and_is_not_asked_again() {
    for body in [oauth("invalid_grant"), plain("invalid_grant")] {
        let (world, outcome) = answers(Fault::json(400, &body), Reason::InvalidGrant, 1).await;
        let failure = outcome.failure().unwrap();
        assert_eq!(failure.upstream().unwrap().status, Some(400));
        assert_eq!(failure.upstream().unwrap().code.as_deref(), Some("invalid_grant"));
        assert!(failure.expired().is_some() && failure.step_up().is_none());
        assert!(world.idp.leaking_requests().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_grant_clears_on_a_navigation_and_only_if_the_token_has_ended() {
    let world = World::new();
    let (dead, alive) =
        (world.mint(MintSession::for_user(ADA).expired()), world.mint(MintSession::for_user(ADA)));
    world.idp.revoke_session(&dead.session_id);
    world.idp.revoke_session(&alive.session_id);
    let (dead, alive) = (world.seal(&dead), world.seal(&alive));
    refused(&world.resolve(&dead).await, Reason::InvalidGrant);
    let navigation = world.sealkit.resolve([dead.as_str().into()], Resolve::new(true, true)).await;
    assert_eq!(navigation.reason(), Some(Reason::InvalidGrant));
    assert_eq!(*navigation.cookie(), CookieAction::Clear);
    let prefetch = world.sealkit.resolve([dead.as_str().into()], Resolve::new(false, true)).await;
    refused(&prefetch, Reason::ExpiredJwt);

    // Still valid: refused by the API, kept and served here, explicit refresh or not.
    refused(&refresh(&world, &alive).await, Reason::InvalidGrant);
    world.pass(Duration::from_secs(290)).await;
    let served = world.sealkit.resolve([alive.as_str().into()], Resolve::new(true, true)).await;
    session(&served);
    assert_eq!(*served.cookie(), CookieAction::Keep);
}

#[tokio::test(start_paused = true)]
async fn sso_required_carries_where_to_sign_in() {
    let world = World::new();
    let step = StepUp::SsoRequired { connection_ids: vec!["conn_1".into(), "conn_2".into()] };
    world.idp.require_step_up(ADA, StepUpRule::new(step).on_refresh()).unwrap();
    let outcome = refresh(&world, &world.ada()).await;
    refused(&outcome, Reason::SsoRequired);
    let step_up = outcome.failure().unwrap().step_up().unwrap();
    assert_eq!(step_up.connection_ids, ["conn_1", "conn_2"]);
    assert_eq!(step_up.email.as_deref(), Some(ADA));
    assert!(step_up.pending_authentication_token.is_some());
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bare_message_about_sso_is_understood() {
    let body = json!({ "message": "Must use SSO for selected organization" });
    let (_, outcome) = answers(Fault::json(400, &body), Reason::SsoRequired, 1).await;
    assert!(outcome.failure().unwrap().step_up().is_some());
}

#[tokio::test(start_paused = true)]
async fn mfa_enrollment_is_known_in_both_shapes_and_statuses() {
    for (status, mut body) in [
        (400, oauth("mfa_enrollment")),
        (403, plain("mfa_enrollment")),
        (403, oauth("mfa_enrollment")),
        (400, plain("mfa_enrollment")),
    ] {
        body["pending_authentication_token"] = "pending_1".into();
        let (_, outcome) = answers(Fault::json(status, &body), Reason::MfaEnrollment, 1).await;
        let failure = outcome.failure().unwrap();
        let pending = failure.step_up().unwrap().pending_authentication_token.as_ref().unwrap();
        assert_eq!(pending.expose_secret(), "pending_1");
        assert_eq!(failure.upstream().unwrap().status, Some(status));
    }
}

#[tokio::test(start_paused = true)]
async fn every_step_up_code_is_its_own_reason_and_leaves_the_session_alone() {
    for code in [
        "mfa_challenge",
        "mfa_verification",
        "email_verification_required",
        "organization_selection_required",
        "organization_authentication_methods_required",
        "authentication_method_not_allowed",
        "email_password_auth_disabled",
        "passkey_progressive_enrollment",
        "radar_challenge",
        "radar_sign_up_challenge",
        "radar_sms_sign_in_challenge",
        "radar_email_challenge",
        "radar_sms_challenge",
        "application_consent_required",
    ] {
        let reason: Reason = code.parse().unwrap();
        let world = World::new();
        let sealed = world.ada();
        world.idp.fault(Endpoint::Authenticate, Fault::json(403, &plain(code)).always());
        let outcome = refresh(&world, &sealed).await;
        refused(&outcome, reason);
        assert!(outcome.failure().unwrap().step_up().is_some(), "{code}");
        assert_eq!(world.grant_count(), 1, "{code}");
        session(&world.resolve(&sealed).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_switch_leaves_the_session_working() {
    let world = World::new();
    let sealed = world.ada();
    refused(&switch(&world, &sealed, "org_unknown").await, Reason::OrganizationNotFound);
    session(&world.resolve(&sealed).await);
    for (code, reason) in [
        ("organization_not_found", Reason::OrganizationNotFound),
        ("organization_membership_not_found", Reason::OrganizationMembershipNotFound),
        ("invalid_organization_id", Reason::InvalidOrganizationId),
    ] {
        let sealed = world.ada();
        world.idp.fault(Endpoint::Authenticate, Fault::json(400, &oauth(code)));
        refused(&switch(&world, &sealed, NAVY).await, reason);
        session(&world.resolve(&sealed).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_switch_is_no_answer_to_another_question() {
    let world = World::new();
    let sealed = world.expired();
    let refusal = Fault::json(400, &oauth("organization_membership_not_found"));
    world.idp.fault(Endpoint::Authenticate, refusal);
    refused(&switch(&world, &sealed, "org_elsewhere").await, Reason::OrganizationMembershipNotFound);
    refused(&switch(&world, &sealed, "org_elsewhere").await, Reason::OrganizationMembershipNotFound);
    assert_eq!(world.grant_count(), 1, "the same question is not asked again");
    let outcome = switch(&world, &sealed, NAVY).await;
    assert_eq!(session(&outcome).organization_id(), Some(NAVY));
    let sealed = world.expired();
    let refusal = Fault::json(400, &oauth("organization_membership_not_found"));
    world.idp.fault(Endpoint::Authenticate, refusal);
    refused(&switch(&world, &sealed, "org_elsewhere").await, Reason::OrganizationMembershipNotFound);
    assert_eq!(session(&world.resolve(&sealed).await).organization_id(), Some(ANALYTICAL));
}

#[tokio::test(start_paused = true)]
async fn a_refused_switch_is_no_answer_to_those_who_waited_beside_it() {
    let world = World::new();
    let sealed = world.expired();
    session(&world.authenticate(&world.ada()).await);
    let refusal = Fault::json(400, &oauth("organization_membership_not_found"));
    world.idp.fault(Endpoint::Authenticate, refusal.delayed(Duration::from_millis(100)));
    let (switched, same, plain, again) = tokio::join!(
        switch(&world, &sealed, "org_elsewhere"),
        switch(&world, &sealed, "org_elsewhere"),
        world.resolve(&sealed),
        world.resolve(&sealed),
    );
    refused(&switched, Reason::OrganizationMembershipNotFound);
    refused(&same, Reason::OrganizationMembershipNotFound);
    assert_eq!(session(&plain).organization_id(), Some(ANALYTICAL));
    assert_eq!(session(&again).organization_id(), Some(ANALYTICAL));
    assert_eq!(world.grant_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn refusals_of_several_organizations_are_remembered_side_by_side() {
    let world = World::new();
    let sealed = world.ada();
    let refusal = Fault::json(400, &oauth("organization_membership_not_found"));
    world.idp.fault(Endpoint::Authenticate, refusal.always());
    for organization in ["org_a", "org_b", "org_a", "org_b"] {
        refused(&switch(&world, &sealed, organization).await, Reason::OrganizationMembershipNotFound);
    }
    assert_eq!(world.grant_count(), 2);
    world.idp.clear_faults(Endpoint::Authenticate);
    assert_eq!(session(&switch(&world, &sealed, NAVY).await).organization_id(), Some(NAVY));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_for_good_is_refused_for_every_organization() {
    let world = World::new();
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::json(400, &oauth("invalid_grant")).always());
    refused(&switch(&world, &sealed, NAVY).await, Reason::InvalidGrant);
    refused(&switch(&world, &sealed, "org_other").await, Reason::InvalidGrant);
    refused(&world.resolve(&sealed).await, Reason::InvalidGrant);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_our_key_is_our_fault_and_not_the_sessions() {
    for (status, body) in [
        (401, json!({ "message": "Unauthorized" })),
        (401, Value::Null),
        (400, oauth("invalid_client")),
        (400, oauth("unauthorized_client")),
    ] {
        let (world, outcome) = answers(Fault::json(status, &body), Reason::ApiUnauthorized, 1).await;
        assert!(outcome.failure().unwrap().hint().unwrap().contains("WORKOS_API_KEY"));
        let navigation = world.sealkit.resolve([world.expired().into()], Resolve::new(true, true)).await;
        refused(&navigation, Reason::ApiUnauthorized);
    }
}

#[tokio::test(start_paused = true)]
async fn other_refusals_are_never_replayed_and_keep_the_cookie() {
    for (status, reason) in [
        (403, Reason::RefreshDenied),
        (404, Reason::RefreshRejected),
        (422, Reason::RefreshRejected),
        (400, Reason::RefreshRejected),
        (409, Reason::RefreshRejected),
    ] {
        for body in [json!({ "message": "no" }), plain("brand_new_code"), Value::Null] {
            let (_, outcome) = answers(Fault::json(status, &body), reason, 1).await;
            assert!(!outcome.failure().unwrap().is_retryable());
        }
    }
    let (_, outcome) = answers(
        Fault::json(422, &plain("invalid_request_parameters")).header("x-request-id", "req_7"),
        Reason::RefreshRejected,
        1,
    )
    .await;
    let upstream = outcome.failure().unwrap().upstream().unwrap();
    assert_eq!(upstream.code.as_deref(), Some("invalid_request_parameters"));
    assert_eq!(upstream.request_id.as_deref(), Some("req_7"));
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_four_times_within_twenty_seconds() {
    for (fault, reason) in [
        (Fault::status(408), Reason::Timeout),
        (Fault::json(429, &oauth("too_many_requests")), Reason::RateLimitExceeded),
        (Fault::json(400, &plain("rate_limit_exceeded")), Reason::RateLimitExceeded),
        (Fault::status(500), Reason::ServerError),
        (Fault::status(502).body("<html>"), Reason::ServerError),
        (Fault::status(503), Reason::ServerError),
        (Fault::status(504), Reason::ServerError),
        (Fault::json(503, &oauth("invalid_grant")), Reason::ServerError),
        (Fault::cut_connection(), Reason::NetworkError),
        (Fault::cut_mid_body(), Reason::InvalidResponse),
        (Fault::status(503).delayed(Duration::from_millis(4900)), Reason::ServerError),
    ] {
        let begun = Instant::now();
        let (world, outcome) = answers(fault, reason, 4).await;
        assert!(matches!(outcome, Outcome::Unavailable { .. }));
        let grants = world.grants();
        let sent = |i: usize| grants[i].at().saturating_since(grants[0].at());
        assert!(sent(3) <= Duration::from_secs(20), "{reason}: {:?}", sent(3));
        assert!(sent(1) >= Duration::from_millis(375) && begun.elapsed() <= Duration::from_secs(25));
        // One logical request: the same body, the same idempotency key.
        assert!(grants.iter().all(|grant| grant.body() == grants[0].body()));
        assert!(
            grants
                .iter()
                .all(|grant| grant.headers()["idempotency-key"] == grants[0].headers()["idempotency-key"])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_ends_in_time_is_not_noticed() {
    for fault in [Fault::status(503), Fault::status(408), Fault::cut_connection(), Fault::garbage()] {
        let world = World::new();
        world.idp.fault(Endpoint::Authenticate, fault);
        session(&world.resolve(&world.expired()).await);
        assert_eq!(world.grant_count(), 2);
    }
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    let (sealed, before) = (world.expired(), world.wire.attempts());
    world.wire.refuse(3);
    session(&world.resolve(&sealed).await);
    assert_eq!((world.wire.attempts() - before, world.grant_count()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_a_network_error() {
    let world = patient();
    session(&world.authenticate(&world.ada()).await);
    let sealed = world.expired();
    world.wire.refuse(u32::MAX);
    refused(&world.resolve(&sealed).await, Reason::NetworkError);
    assert_eq!(world.grant_count(), 0);
    world.wire.refuse(0);
    session(&world.resolve(&sealed).await);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_slept_inside_the_window_as_seconds_or_as_a_date() {
    for (value, wait) in [("3", 3), ("Fri, 15 Jan 2027 08:00:04 GMT", 4)] {
        let world = patient();
        let sealed = world.expired();
        session(&world.authenticate(&world.ada()).await);
        assert_eq!(world.now(), UnixMillis::from_secs(1_800_000_000), "Fri, 15 Jan 2027 08:00:00 GMT");
        let fault = Fault::json(429, &oauth("too_many_requests")).header("retry-after", value);
        world.idp.fault(Endpoint::Authenticate, fault);
        session(&refresh(&world, &sealed).await);
        let grants = world.grants();
        assert_eq!(grants[1].at().saturating_since(grants[0].at()), Duration::from_secs(wait), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_window_is_handed_on_and_not_slept() {
    for (value, wait) in
        [("21", 21), ("3600", 3600), ("Fri, 15 Jan 2027 08:01:00 GMT", 60), ("999999999999", 86_400)]
    {
        let begun = Instant::now();
        let fault = Fault::json(429, &oauth("too_many_requests")).header("retry-after", value);
        let (_, outcome) = answers(fault, Reason::RateLimitExceeded, 1).await;
        assert_eq!(outcome.failure().unwrap().retry_after(), Some(Duration::from_secs(wait)));
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    for garbage in ["soon", "-1", "NaN"] {
        let fault = Fault::status(503).header("retry-after", garbage);
        let (_, outcome) = answers(fault, Reason::ServerError, 4).await;
        assert_eq!(outcome.failure().unwrap().retry_after(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_after_the_rotation_is_had_again() {
    for fault in [
        Fault::hang().after_effect(),
        Fault::cut_connection().after_effect(),
        Fault::cut_mid_body(),
        Fault::garbage().after_effect(),
        Fault::status(502).after_effect(),
        Fault::json(200, &json!({})).after_effect(),
    ] {
        let world = patient();
        let minted = world.mint(MintSession::for_user(ADA).expired());
        world.idp.fault(Endpoint::Authenticate, fault.clone());
        let outcome = refresh(&world, &world.seal(&minted)).await;
        session(&outcome);
        let grants = world.grants();
        assert_eq!(grants.len(), 2, "{fault:?}");
        assert_eq!(grants[1].json()["refresh_token"], minted.refresh_token.as_str());
        // The pair is the one that the first request made: its refresh token works.
        let next = world.reseal(&new_cookie(&outcome), |_| {});
        world.pass(Duration::from_secs(301)).await;
        session(&refresh(&world, &next).await);
    }
}

#[tokio::test(start_paused = true)]
async fn time_outs_only_end_as_a_time_out() {
    let (world, outcome) = answered(Fault::hang()).await;
    refused(&outcome, Reason::Timeout);
    let grants = world.grants();
    assert!((3..=4).contains(&grants.len()), "{}", grants.len());
    let last = grants[grants.len() - 1].at().saturating_since(grants[0].at());
    assert!(last <= Duration::from_secs(20), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_complete_answer_without_use_is_replayed_once_and_nothing_is_sealed() {
    let user = json!({ "object": "user", "id": "user_1" });
    for body in [
        json!({}),
        json!({ "user": user }),
        json!({ "user": user, "access_token": null, "refresh_token": null }),
        json!({ "access_token": "", "refresh_token": "" }),
        json!({ "access_token": "a", "user": user }),
        json!({ "refresh_token": "r", "user": user }),
        json!([]),
        Value::Null,
    ] {
        let (_, outcome) = answers(Fault::json(200, &body), Reason::InvalidResponse, 2).await;
        assert_eq!(outcome.failure().unwrap().upstream().unwrap().status, Some(200), "{body}");
    }
    let (_, outcome) = answers(Fault::garbage(), Reason::InvalidResponse, 2).await;
    assert!(outcome.failure().unwrap().is_retryable());
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_user_keeps_the_old_one() {
    let world = World::new();
    let sealed = world.expired();
    let without = |answer: &mut Value| drop(answer.as_object_mut().unwrap().remove("user"));
    world.idp.fault(Endpoint::Authenticate, Fault::edit(without));
    let outcome = refresh(&world, &sealed).await;
    assert_eq!(session(&outcome).user().unwrap().email(), Some(ADA));
    assert_eq!(world.payload(&new_cookie(&outcome))["user"], world.payload(&sealed)["user"]);
    // Whoever did the refresh hears that the user is from before; a later request cannot know.
    assert_eq!(session(&outcome).warnings(), [Warning::StaleUser]);
    let later = world.authenticate(&new_cookie(&outcome)).await;
    assert!(session(&later).warnings().is_empty());
    assert!(session(&refresh(&world, &new_cookie(&outcome)).await).warnings().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_user_before_and_after_none_is_made_up() {
    let world = World::new();
    let sealed =
        world.reseal(&world.expired(), |payload| drop(payload.as_object_mut().unwrap().remove("user")));
    let without = |answer: &mut Value| drop(answer.as_object_mut().unwrap().remove("user"));
    world.idp.fault(Endpoint::Authenticate, Fault::edit(without));
    let outcome = refresh(&world, &sealed).await;
    assert!(session(&outcome).user().is_none() && session(&outcome).warnings().is_empty());
    assert!(world.payload(&new_cookie(&outcome)).get("user").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_user_that_is_no_object_costs_neither_the_pair_nor_the_session() {
    for odd in [json!("user_1"), json!(7), json!([]), json!(true)] {
        let world = World::new();
        let sealed = world.expired();
        let change = odd.clone();
        world.idp.fault(
            Endpoint::Authenticate,
            Fault::edit(move |answer| {
                answer["user"] = change.clone();
                answer["impersonator"] = change.clone();
            }),
        );
        let outcome = refresh(&world, &sealed).await;
        assert_eq!(session(&outcome).user().unwrap().email(), Some(ADA), "{odd}");
        session(&world.authenticate(&new_cookie(&outcome)).await);
        assert_eq!(world.grant_count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_costs_one_grant_and_is_named() {
    let world = World::new();
    let ahead = ManualClock::new(world.now().saturating_add(Duration::from_secs(3600)));
    let sealkit = world.builder().clock(std::sync::Arc::new(ahead)).build().unwrap();
    let sealed = world.ada();
    for outcome in [
        sealkit.resolve([sealed.as_str().into()], Resolve::new(true, true)).await,
        sealkit.refresh(&world.ada(), RefreshOptions::default()).await,
    ] {
        assert_eq!(outcome.reason(), Some(Reason::ExpiredJwt), "{outcome:?}");
        assert!(outcome.failure().unwrap().hint().unwrap().contains("clock is ahead"));
        session(&world.authenticate(&new_cookie(&outcome)).await);
    }
    assert_eq!(world.grant_count(), 2, "one each");
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_so_long_in_all_and_a_pair_that_rotated_meanwhile_is_set() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    world.pass(Duration::from_secs(31)).await;
    let sealed = world.expired();
    world.idp.rotate_keys(true).unwrap();
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(3)).after_effect());
    world.idp.fault(Endpoint::Jwks, Fault::delay(Duration::from_secs(4)));
    let begun = Instant::now();
    let outcome = world.resolve(&sealed).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(5), "{outcome:?}");
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
    assert_eq!(outcome.reason(), Some(Reason::Timeout));
    assert_eq!(outcome.failure().unwrap().retry_after(), Some(Duration::from_secs(1)));
    session(&world.resolve(&new_cookie(&outcome)).await);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_was_suspended_between_two_attempts_does_not_send_the_second() {
    let world = patient();
    session(&world.authenticate(&world.ada()).await);
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::status(503));
    let (outcome, ()) = tokio::join!(world.resolve(&sealed), async {
        settle().await;
        assert_eq!(world.grant_count(), 1);
        // The wall clock goes on while the machine sleeps, the one that waits are measured with does not.
        world.idp.clock().advance(Duration::from_secs(21));
    });
    refused(&outcome, Reason::ServerError);
    assert_eq!(world.grant_count(), 1, "a replay beyond the window would be refused for good");
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_and_values_are_no_reason_to_fail() {
    let world = World::new();
    let sealed = world.expired();
    world.idp.fault(
        Endpoint::Authenticate,
        Fault::edit(|answer| {
            answer["authentication_method"] = "TelepathyOAuth".into();
            answer["brand_new"] = json!({ "nested": [1, null, "x"] });
            answer["user"]["shoe_size"] = 43.into();
            answer["user"]["metadata"] = json!({ "first_name": "kept", "camelCase": "kept" });
            answer["sealed_session"] = "ignored".into();
        }),
    );
    let outcome = refresh(&world, &sealed).await;
    assert_eq!(session(&outcome).authentication_method(), Some("TelepathyOAuth"));
    let payload = world.payload(&new_cookie(&outcome));
    assert_eq!(payload["user"]["shoe_size"], 43);
    assert_eq!(payload["user"]["metadata"], json!({ "first_name": "kept", "camelCase": "kept" }));
    assert!(payload.get("sealed_session").is_none() && payload.get("brand_new").is_none());
}

#[tokio::test(start_paused = true)]
async fn user_and_impersonator_of_the_answer_are_sealed_and_not_the_old_ones() {
    let world = World::new();
    let minted = world
        .mint(MintSession::for_user(ADA).impersonator("support@example.com", Some("ticket 7")).expired());
    let sealed = world.reseal(&world.seal(&minted), |payload| {
        payload["user"]["firstName"] = "Old".into();
        payload["impersonator"]["reason"] = "an old reason".into();
        payload["mine"] = json!({ "kept": true });
    });
    let payload = world.payload(&new_cookie(&refresh(&world, &sealed).await));
    assert_eq!(payload["user"]["firstName"], "Ada");
    assert_eq!(payload["impersonator"], json!({ "email": "support@example.com", "reason": "ticket 7" }));
    assert_eq!(payload["mine"], json!({ "kept": true }));
}

#[tokio::test(start_paused = true)]
async fn a_rotated_pair_is_never_dropped_although_its_keys_are_down() {
    for keep_old in [true, false] {
        let world = World::new();
        session(&world.authenticate(&world.ada()).await);
        let sealed = world.expired();
        world.idp.rotate_keys(keep_old).unwrap();
        world.idp.fault(Endpoint::Jwks, Fault::status(503).always());
        let outcome = world.resolve(&sealed).await;
        assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
        assert_eq!(outcome.reason(), Some(Reason::JwksUnavailable));
        let rotated = new_cookie(&outcome);
        assert!(outcome.session().is_none() && outcome.failure().unwrap().is_retryable());

        refused(&world.resolve(&rotated).await, Reason::JwksUnavailable);
        world.idp.clear_faults(Endpoint::Jwks);
        world.pass(Duration::from_secs(31)).await;
        session(&world.resolve(&rotated).await);
        assert_eq!(world.grant_count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_pair_is_never_dropped_although_its_token_is_not_acceptable() {
    let world = World::new();
    let sealed = world.expired();
    let mut claims = world.claims();
    claims["iss"] = "https://elsewhere.example".into();
    let token = world.idp.sign(&claims).unwrap();
    let other = move |answer: &mut Value| answer["access_token"] = token.as_str().into();
    world.idp.fault(Endpoint::Authenticate, Fault::edit(other));
    let outcome = world.resolve(&sealed).await;
    assert!(matches!(outcome, Outcome::Rejected { .. }));
    assert_eq!(outcome.reason(), Some(Reason::InvalidIssuer));
    let payload = world.payload(&new_cookie(&outcome));
    assert_ne!(payload["refreshToken"], world.payload(&sealed)["refreshToken"]);
    session(&refresh(&world, &new_cookie(&outcome)).await);
}

#[tokio::test(start_paused = true)]
async fn another_subject_is_refused_on_this_request_and_on_the_next() {
    for stored_user in [true, false] {
        for keys_known in [true, false] {
            let world = World::new();
            if keys_known {
                session(&world.authenticate(&world.ada()).await);
            }
            let grace = world.mint(MintSession::for_user(GRACE)).response_json;
            let sealed = world.reseal(&world.expired(), |payload| {
                if !stored_user {
                    payload.as_object_mut().unwrap().remove("user");
                }
            });
            world.idp.fault(Endpoint::Authenticate, Fault::json(200, &grace));
            let outcome = refresh(&world, &sealed).await;
            assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch), "{stored_user} {keys_known}");
            let swapped = new_cookie(&outcome);
            assert_eq!(world.payload(&swapped)["user"]["id"], world.user_id(ADA));
            assert_eq!(world.payload(&swapped)["accessToken"], grace["access_token"]);
            refused(&world.authenticate(&swapped).await, Reason::SubjectMismatch);
            refused(&world.resolve(&swapped).await, Reason::SubjectMismatch);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_subject_is_refused_also_when_refreshed_ahead() {
    let world = World::new();
    let sealed = world.ada();
    let grace = world.mint(MintSession::for_user(GRACE)).response_json;
    world.idp.fault(Endpoint::Authenticate, Fault::json(200, &grace));
    world.pass(Duration::from_secs(290)).await;
    let outcome = world.resolve(&sealed).await;
    assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch));
    refused(&world.resolve(&new_cookie(&outcome)).await, Reason::SubjectMismatch);
}

#[tokio::test(start_paused = true)]
async fn any_password_opens_and_the_first_seals() {
    let old = "the-old-password-0123456789-0123456789";
    let world = World::new();
    let before = world.another(|config| config.cookie_password(old));
    let sealed = before.seal_payload(&world.payload(&world.expired()).to_string()).unwrap();
    let ring = KeyRing::builder().password("new", PASSWORD).password("old", old).build().unwrap();
    let both = world.another(|config| config.key_ring(ring));
    let outcome = both.refresh(sealed.expose_secret(), RefreshOptions::default()).await;
    assert_eq!(&*session(&outcome).seal().key, "new");
    // What is new opens with the new password alone, and not with the old one.
    session(&world.authenticate(&new_cookie(&outcome)).await);
    refused(&before.authenticate(&new_cookie(&outcome)).await, Reason::InvalidSessionCookie);
}

#[tokio::test(start_paused = true)]
async fn a_switch_ends_in_the_organization_that_was_asked_for() {
    let world = World::new();
    let sealed = world.ada();
    let outcome = switch(&world, &sealed, NAVY).await;
    assert_eq!(session(&outcome).organization_id(), Some(NAVY));
    assert!(session(&outcome).claims().has_permission("compilers:read"));
    assert_eq!(world.payload(&new_cookie(&outcome))["organizationId"], NAVY);
    assert_eq!(world.grants()[0].json()["organization_id"], NAVY);
    // Without an argument it stays.
    world.pass(Duration::from_secs(301)).await;
    let later = refresh(&world, &new_cookie(&outcome)).await;
    assert_eq!(session(&later).organization_id(), Some(NAVY));
}

#[tokio::test(start_paused = true)]
async fn a_replay_with_another_organization_is_not_believed_to_have_switched() {
    let world = patient();
    let minted = world.mint(MintSession::for_user(ADA));
    let sealed = world.seal(&minted);
    // Another process has refreshed the same session just now, in its old organization.
    let other = world.another(|config| config);
    session(&other.refresh(&sealed, RefreshOptions::default()).await);
    let outcome = switch(&world, &sealed, NAVY).await;
    assert_eq!(session(&outcome).organization_id(), Some(NAVY));
    assert_eq!(world.grant_count(), 3, "one of the other's, one replay, and one with the successor's token");
}

#[tokio::test(start_paused = true)]
async fn an_api_that_does_not_switch_is_asked_twice_and_the_pair_is_kept() {
    let world = World::new();
    let sealed = world.ada();
    let elsewhere = world.mint(MintSession::for_user(ADA));
    world.idp.fault(
        Endpoint::Authenticate,
        Fault::edit(move |answer| answer["access_token"] = elsewhere.access_token.clone().into()).always(),
    );
    let outcome = switch(&world, &sealed, NAVY).await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
    assert_eq!(outcome.reason(), Some(Reason::InvalidResponse));
    assert_eq!(world.grant_count(), 2);
    // The pair is kept, and asked again, it switches.
    world.idp.clear_faults(Endpoint::Authenticate);
    let outcome = switch(&world, &new_cookie(&outcome), NAVY).await;
    assert_eq!(session(&outcome).organization_id(), Some(NAVY));
}

#[tokio::test(start_paused = true)]
async fn a_session_near_its_end_is_refreshed_ahead() {
    let world = World::new();
    let sealed = world.ada();
    world.pass(Duration::from_secs(200)).await;
    assert_eq!(*world.resolve(&sealed).await.cookie(), CookieAction::Keep);
    assert_eq!(world.grant_count(), 0, "100 s left, due below 60 s at the earliest");
    world.pass(Duration::from_secs(60)).await;
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Refreshed);
    new_cookie(&outcome);
    let prefetch = world.sealkit.resolve([sealed.as_str().into()], Resolve::new(false, false)).await;
    assert_eq!(
        (session(&prefetch).freshness(), prefetch.cookie()),
        (Freshness::Current, &CookieAction::Keep)
    );
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_valid_session_waits_a_second_and_gets_the_result_of_the_grant_later() {
    let world = World::new();
    let sealed = world.ada();
    session(&world.authenticate(&sealed).await);
    world.pass(Duration::from_secs(260)).await;
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(3)).after_effect());
    for (waited, then) in [(1, 1), (0, 2)] {
        let begun = Instant::now();
        let outcome = world.resolve(&sealed).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(waited));
        assert_eq!(session(&outcome).freshness(), Freshness::Current);
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
        world.pass(Duration::from_secs(then)).await;
        settle().await;
    }
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Refreshed);
    new_cookie(&outcome);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_refresh_ahead_that_may_work_later_the_token_is_left_alone_until_it_has_expired() {
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.retry.last_attempt = Duration::ZERO;
        config.refresh(refresh)
    });
    let sealed = world.ada();
    session(&world.authenticate(&sealed).await);
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    world.pass(Duration::from_secs(260)).await;
    // Seconds to go on, and how many grants there have been by then.
    for (seconds, grants) in [(0, 1), (0, 1), (9, 1), (2, 2), (5, 2), (6, 3), (9, 3)] {
        world.pass(Duration::from_secs(seconds)).await;
        let begun = Instant::now();
        let outcome = world.resolve(&sealed).await;
        assert_eq!(session(&outcome).freshness(), Freshness::Current);
        assert_eq!((begun.elapsed(), world.grant_count()), (Duration::ZERO, grants));
    }
    let left = session(&world.authenticate(&sealed).await).expires_at().saturating_since(world.now());
    world.pass(left - Duration::from_secs(1)).await;
    let grants = world.grant_count();
    session(&world.resolve(&sealed).await);
    assert_eq!(world.grant_count(), grants + u64::from(left > Duration::from_secs(2)));
    world.pass(Duration::from_secs(2)).await;
    let before = world.grant_count();
    for round in 1..=3 {
        refused(&world.resolve(&sealed).await, Reason::ServerError);
        assert_eq!(world.grant_count(), before + round, "an expired session is tried at once");
    }
}

#[tokio::test(start_paused = true)]
async fn refreshing_ahead_can_be_off() {
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.ahead = RefreshAhead::OFF;
        config.refresh(refresh)
    });
    let sealed = world.ada();
    world.pass(Duration::from_millis(299_999)).await;
    assert_eq!(*world.resolve(&sealed).await.cookie(), CookieAction::Keep);
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ahead_of_the_end_never_changes_the_cookie() {
    for fault in [
        Fault::status(503),
        Fault::json(400, &oauth("invalid_grant")),
        Fault::json(401, &Value::Null),
        Fault::json(403, &plain("mfa_enrollment")),
        Fault::json(200, &json!({})),
    ] {
        let world = World::new();
        let sealed = world.ada();
        world.idp.fault(Endpoint::Authenticate, fault.clone().always());
        world.pass(Duration::from_secs(290)).await;
        let outcome = world.sealkit.resolve([sealed.as_str().into()], Resolve::new(true, true)).await;
        assert_eq!(session(&outcome).freshness(), Freshness::Current, "{fault:?}");
        assert_eq!(*outcome.cookie(), CookieAction::Keep, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_rotated_ahead_and_cannot_be_verified_yet_is_set_beside_the_valid_session() {
    let world = World::new();
    let sealed = world.ada();
    session(&world.authenticate(&sealed).await);
    world.idp.rotate_keys(true).unwrap();
    world.idp.fault(Endpoint::Jwks, Fault::status(503).always());
    world.pass(Duration::from_secs(290)).await;
    let outcome = world.resolve(&sealed).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Current);
    let rotated = new_cookie(&outcome);
    world.idp.clear_faults(Endpoint::Jwks);
    world.pass(Duration::from_secs(60)).await;
    session(&world.resolve(&rotated).await);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_public_client_refreshes_without_a_secret() {
    let world = World::new();
    let config = sealkit::Config::builder()
        .client_id(world.idp.client_id())
        .api_base(world.idp.base_url())
        .cookie_password(PASSWORD)
        .build()
        .unwrap();
    let public = sealkit::Sealkit::builder(config)
        .transport(std::sync::Arc::new(world.wire.clone()))
        .clock(std::sync::Arc::new(world.clock.clone()))
        .build()
        .unwrap();
    session(&public.refresh(&world.expired(), RefreshOptions::default()).await);
    assert!(world.grants()[0].json().get("client_secret").is_none());
}
