//! What the API refuses: whose fault it is, what becomes of the cookie, and that it is not asked again.

use super::*;
use sealkit::api::{EmailCompletionGrant, RequestContext};

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
    // A younger process could have granted it in its life before.
    world.pass(Duration::from_secs(600)).await;
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
async fn refusal_of_a_young_process_deletes_no_cookie() {
    let world = World::new();
    let late = world.expired();
    session(&world.resolve(&late).await);
    world.pass(Duration::from_secs(60)).await;
    // The process starts again; the browser never got the new cookie, and the provider's window is over.
    let restarted = world.another(|config| config);
    let navigate = async || restarted.resolve([late.as_str().into()], Resolve::new(true, true)).await;
    refused(&navigate().await, Reason::InvalidGrant);
    world.pass(Duration::from_secs(599)).await;
    refused(&navigate().await, Reason::InvalidGrant);
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(*navigate().await.cookie(), CookieAction::Clear, "by then the result would be over anyway");
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
async fn email_completion_on_a_refresh_carries_its_token() {
    let world = World::new();
    world.idp.require_step_up(ADA, StepUpRule::new(StepUp::EmailCompletion).on_refresh()).unwrap();
    let sealed = world.ada();
    let outcome = refresh(&world, &sealed).await;
    refused(&outcome, Reason::EmailCompletionRequired);
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
    let token = outcome.failure().unwrap().step_up().unwrap().email_completion_token.clone().unwrap();
    session(&world.resolve(&sealed).await);
    // The token answers the step: the user signs in with it.
    let grant = EmailCompletionGrant::new(token, "lovelace@example.com").into();
    let signed_in = world.sealkit.sign_in_with(&grant, &RequestContext::default()).await.unwrap();
    assert_eq!(signed_in.session.user().unwrap().email(), Some("lovelace@example.com"));
    session(&world.resolve(&sealed).await);
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
        "email_completion_required",
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
