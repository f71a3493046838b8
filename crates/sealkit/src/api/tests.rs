//! Every grant, every code, every status: what is sent, and what becomes of the answer.

use super::{
    testing::{Scripted, ScriptedTransport, reply, reply_with},
    *,
};
use crate::clock::ManualClock;
use http::StatusCode;
use sealkit_core::{ApiKey, Reason, SystemRandom, UnixMillis};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const NOW: UnixMillis = UnixMillis::from_secs(1_767_225_600); // Thu, 01 Jan 2026 00:00:00 GMT
const OK_BODY: &str =
    r#"{"user":{"object":"user","id":"user_1"},"access_token":"a.b.c","refresh_token":"rt_2","brand_new":1}"#;

/// Codes of the reference, with the reason for a refresh and for a sign-in; `None` is the catch-all of the purpose.
const CODES: &[(&str, Option<Reason>, Option<Reason>)] = {
    use Reason as R;
    &[
        ("invalid_organization_id", Some(R::InvalidOrganizationId), Some(R::InvalidOrganizationId)),
        ("code_challenge_not_found", None, None),
        ("invalid_credentials", None, Some(R::InvalidCredentials)),
        ("invalid_one_time_code", None, Some(R::InvalidOneTimeCode)),
        ("one_time_code_previously_used", None, Some(R::OneTimeCodePreviouslyUsed)),
        ("one_time_code_expired", None, Some(R::OneTimeCodeExpired)),
        ("one_time_code_too_many_attempts", None, Some(R::OneTimeCodeTooManyAttempts)),
        ("invalid_pending_authentication_token", None, Some(R::InvalidPendingAuthenticationToken)),
        ("user_mismatch", None, None),
        ("phone_number_required", None, None),
        ("verification_id_required", None, None),
        ("invalid_client", Some(R::ApiUnauthorized), Some(R::ApiUnauthorized)),
        ("unauthorized_client", Some(R::ApiUnauthorized), Some(R::ApiUnauthorized)),
        ("invalid_profile", None, None),
        ("invitation_invalid", None, Some(R::InvitationInvalid)),
        ("invitation_cannot_be_used_for_email", None, None),
        (
            "authentication_method_not_allowed",
            Some(R::AuthenticationMethodNotAllowed),
            Some(R::AuthenticationMethodNotAllowed),
        ),
        ("invalid_connection", None, None),
        ("sign_up_not_allowed", None, Some(R::SignUpNotAllowed)),
        (
            "organization_authentication_methods_required",
            Some(R::OrganizationAuthenticationMethodsRequired),
            Some(R::OrganizationAuthenticationMethodsRequired),
        ),
        ("invalid_link_authorization_code", None, None),
        ("extra_attributes_required", None, None),
        ("pkce_not_supported", None, None),
        ("expired_token", None, Some(R::ExpiredToken)),
        ("authorization_pending", None, Some(R::AuthorizationPending)),
        ("access_denied", None, Some(R::AccessDenied)),
        ("slow_down", None, Some(R::SlowDown)),
        ("invalid_grant", Some(R::InvalidGrant), Some(R::InvalidGrant)),
        ("invalid_request", None, None),
        ("organization_not_found", Some(R::OrganizationNotFound), Some(R::OrganizationNotFound)),
        (
            "organization_membership_not_found",
            Some(R::OrganizationMembershipNotFound),
            Some(R::OrganizationMembershipNotFound),
        ),
        ("mfa_enrollment", Some(R::MfaEnrollment), Some(R::MfaEnrollment)),
        ("token_too_big", None, Some(R::TokenTooBig)),
        ("sso_required", Some(R::SsoRequired), Some(R::SsoRequired)),
        ("mfa_challenge", Some(R::MfaChallenge), Some(R::MfaChallenge)),
        (
            "email_verification_required",
            Some(R::EmailVerificationRequired),
            Some(R::EmailVerificationRequired),
        ),
        (
            "email_password_auth_disabled",
            Some(R::EmailPasswordAuthDisabled),
            Some(R::EmailPasswordAuthDisabled),
        ),
        (
            "organization_selection_required",
            Some(R::OrganizationSelectionRequired),
            Some(R::OrganizationSelectionRequired),
        ),
        (
            "passkey_progressive_enrollment",
            Some(R::PasskeyProgressiveEnrollment),
            Some(R::PasskeyProgressiveEnrollment),
        ),
        ("radar_challenge", Some(R::RadarChallenge), Some(R::RadarChallenge)),
        ("radar_sign_up_challenge", Some(R::RadarSignUpChallenge), Some(R::RadarSignUpChallenge)),
        ("radar_sms_sign_in_challenge", Some(R::RadarSmsSignInChallenge), Some(R::RadarSmsSignInChallenge)),
        (
            "application_consent_required",
            Some(R::ApplicationConsentRequired),
            Some(R::ApplicationConsentRequired),
        ),
        ("email_completion_required", Some(R::EmailCompletionRequired), Some(R::EmailCompletionRequired)),
        // Codes since August 2026 that a sign-in or a refresh can meet.
        ("ip_address_required", None, None),
        ("policy_denied", None, None),
        ("action_denied", None, None),
        ("sms_challenge_quota_reached", None, None),
        ("sms_challenge_rate_limited", None, None),
        ("too_many_failed_verification_attempts", None, None),
        ("production_feature_requires_billing", None, None),
        // Codes of the agents' endpoints.
        ("invalid_agent_access_token", None, None),
        ("invalid_user_access_token", None, None),
        ("invalid_refresh_token", None, None),
        ("session_expired", None, None),
        ("user_session_ended", None, None),
        ("max_age_exceeded", None, None),
        ("chain_depth_exceeded", None, None),
        ("unsupported_invocation_type", None, None),
        ("role_not_invocable", None, None),
        ("organization_not_invocable", None, None),
        ("user_not_member_of_organization", None, None),
        ("mfa_verification", Some(R::MfaVerification), Some(R::MfaVerification)),
        ("radar_email_challenge", Some(R::RadarEmailChallenge), Some(R::RadarEmailChallenge)),
        ("radar_sms_challenge", Some(R::RadarSmsChallenge), Some(R::RadarSmsChallenge)),
        ("invalid_request_parameters", None, None),
        ("daily_quota_exceeded", Some(R::RateLimitExceeded), Some(R::RateLimitExceeded)),
        ("too_many_requests", Some(R::RateLimitExceeded), Some(R::RateLimitExceeded)),
        ("rate_limit_exceeded", Some(R::RateLimitExceeded), Some(R::RateLimitExceeded)),
        // The Python library's names.
        ("mfa_enrollment_required", Some(R::MfaEnrollment), Some(R::MfaEnrollment)),
        ("mfa_challenge_required", Some(R::MfaChallenge), Some(R::MfaChallenge)),
        ("radar_challenge_required", Some(R::RadarChallenge), Some(R::RadarChallenge)),
        (
            "organization_auth_methods_required",
            Some(R::OrganizationAuthenticationMethodsRequired),
            Some(R::OrganizationAuthenticationMethodsRequired),
        ),
        // Our own codes, and others that the API has no business to send.
        ("session_revoked", None, None),
        ("expired_jwt", None, None),
        ("not_a_session_token", None, None),
        ("no_session_cookie_provided", None, None),
        ("server_error", None, None),
        ("sign_in_rejected", None, None),
        ("no_such_code", None, None),
    ]
};

fn shapes(code: &str) -> [String; 2] {
    [
        json!({"code": code, "message": "for people", "errors": []}).to_string(),
        json!({"error": code, "error_description": "for people"}).to_string(),
    ]
}

fn client(script: impl IntoIterator<Item = Scripted>) -> (ApiClient, ScriptedTransport) {
    let transport = ScriptedTransport::new(script);
    let client = ApiClient::new(
        "http://127.0.0.1:7000".parse().unwrap(),
        ClientId::new("client_1").unwrap(),
        Some(ApiKey::from("sk_test_secret")),
        Arc::new(transport.clone()),
        Arc::new(ManualClock::new(NOW)),
    );
    (client, transport)
}

fn refresh() -> Grant {
    RefreshTokenGrant::new("rt_1").into()
}

fn every_grant() -> Vec<Grant> {
    vec![
        AuthorizationCodeGrant::new("s_code").with_code_verifier("s_verifier").into(),
        refresh(),
        PasswordGrant::new("a@b.c", "s_pw").into(),
        MagicAuthGrant::new("s_123", "a@b.c").into(),
        EmailVerificationGrant::new("s_123", "s_pat").into(),
        MfaTotpGrant::new("s_123", "s_pat", "auth_challenge_1").into(),
        OrganizationSelectionGrant::new("s_pat", "org_1").into(),
        RadarEmailChallengeGrant::new("s_123", "radar_1", "s_pat").into(),
        RadarSmsChallengeGrant::new("s_123", "s_pat").into(),
        EmailCompletionGrant::new("s_ect", "a@b.c").into(),
        DeviceCodeGrant::new("s_dev").into(),
    ]
}

async fn error_of(answer: Scripted) -> ApiError {
    client([answer]).0.authenticate(&refresh(), &RequestContext::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_grant_is_one_post_with_the_documented_headers() {
    let (client, transport) = client([reply_with(
        200,
        &[("x-request-id", "req_1"), ("date", "Thu, 01 Jan 2026 00:00:07 GMT")],
        OK_BODY,
    )]);
    let key = IdempotencyKey::random(&SystemRandom).unwrap();
    let context = RequestContext::with_idempotency_key(key.clone());
    let answer = client.authenticate(&refresh(), &context).await.unwrap();
    assert_eq!(answer.body().access_token().expose_secret(), "a.b.c");
    assert_eq!(answer.meta().request_id.as_deref(), Some("req_1"));
    assert_eq!(answer.meta().date, Some(NOW.saturating_add(Duration::from_secs(7))));

    let sent = &transport.requests()[0];
    assert_eq!(sent.method(), http::Method::POST);
    assert_eq!(sent.uri(), "http://127.0.0.1:7000/user_management/authenticate");
    let header = |name: &str| sent.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("accept"), Some("application/json"));
    assert_eq!(header("user-agent"), Some(concat!("sealkit/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(header("idempotency-key"), key.header_value().to_str().ok());
    assert_eq!(header("authorization"), None);
    assert_eq!(sent.headers().len(), 4);
}

#[tokio::test]
async fn no_grant_ever_sends_what_seals() {
    for grant in every_grant() {
        let (client, transport) = client([reply(200, OK_BODY)]);
        client.authenticate(&grant, &RequestContext::default()).await.unwrap();
        let body: Value = serde_json::from_slice(transport.requests()[0].body()).unwrap();
        assert_eq!(body["grant_type"], grant.grant_type());
        assert_eq!(body["client_id"], "client_1");
        assert_eq!(body.get("client_secret").is_some(), !matches!(grant, Grant::DeviceCode(_)), "{grant:?}");
        for never in ["session", "seal_session", "cookie_password", "sealed_session"] {
            assert!(body.get(never).is_none(), "{never} in {grant:?}");
        }
    }
}

#[tokio::test]
async fn every_grant_reads_a_refusal_in_both_shapes() {
    for grant in every_grant() {
        for body in shapes("organization_selection_required") {
            let body = body.replace(
                '}',
                r#","pending_authentication_token":"s_pat2","organizations":[{"id":"org_1","name":"One"}]}"#,
            );
            let (client, _) = client([reply_with(403, &[("x-request-id", "req_9")], body.clone())]);
            let error = client.authenticate(&grant, &RequestContext::default()).await.unwrap_err();
            let failure = error.to_failure(Purpose::SignIn);
            assert_eq!(failure.reason(), Reason::OrganizationSelectionRequired, "{grant:?} {body}");
            let step_up = failure.step_up().unwrap();
            assert_eq!(step_up.organizations, [sealkit_core::OrganizationChoice::new("org_1", "One")]);
            assert_eq!(step_up.pending_authentication_token.as_ref().unwrap().expose_secret(), "s_pat2");
            let upstream = failure.upstream().unwrap();
            assert_eq!(upstream.code.as_deref(), Some("organization_selection_required"));
            assert_eq!((upstream.status, upstream.request_id.as_deref()), (Some(403), Some("req_9")));
            for shown in
                [format!("{error:?}"), format!("{failure:?}"), error.to_string(), failure.to_string()]
            {
                assert!(!shown.contains("s_pat2") && !shown.contains("sk_test"), "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn every_code_has_its_reason_in_either_shape_whatever_the_refusing_status() {
    for &(code, refresh, sign_in) in CODES {
        for status in [400, 401, 403, 404, 422] {
            for body in shapes(code) {
                let error = error_of(reply(status, body.clone())).await;
                let refresh = refresh.unwrap_or(match status {
                    401 => Reason::ApiUnauthorized,
                    403 => Reason::RefreshDenied,
                    _ => Reason::RefreshRejected,
                });
                let sign_in = sign_in.unwrap_or(if status == 401 {
                    Reason::ApiUnauthorized
                } else {
                    Reason::SignInRejected
                });
                assert_eq!(error.reason(Purpose::Refresh), refresh, "{status} {body}");
                assert_eq!(error.reason(Purpose::SignIn), sign_in, "{status} {body}");
                assert_eq!(
                    error.to_failure(Purpose::Refresh).upstream().unwrap().code.as_deref(),
                    Some(code)
                );
                assert_eq!(is_replayable(&error), refresh == Reason::RateLimitExceeded, "{status} {body}");
            }
        }
    }
}

#[tokio::test]
async fn a_status_that_means_try_again_stands_above_every_code() {
    for &(code, ..) in CODES {
        for (status, reason) in [
            (408, Reason::Timeout),
            (429, Reason::RateLimitExceeded),
            (500, Reason::ServerError),
            (502, Reason::ServerError),
            (503, Reason::ServerError),
            (504, Reason::ServerError),
            (599, Reason::ServerError),
        ] {
            for body in shapes(code) {
                let error = error_of(reply(status, body)).await;
                for purpose in [Purpose::Refresh, Purpose::SignIn] {
                    let failure = error.to_failure(purpose);
                    assert_eq!(failure.reason(), reason, "{status} {code}");
                    assert!(failure.is_retryable());
                }
                assert!(error.is_replayable());
                assert_eq!(error.code(), Some(code));
            }
        }
    }
}

#[tokio::test]
async fn refusals_without_a_code_are_judged_by_their_status() {
    for (status, refresh, sign_in) in [
        (400, Reason::RefreshRejected, Reason::SignInRejected),
        (401, Reason::ApiUnauthorized, Reason::ApiUnauthorized),
        (403, Reason::RefreshDenied, Reason::SignInRejected),
        (404, Reason::RefreshRejected, Reason::SignInRejected),
        (409, Reason::RefreshRejected, Reason::SignInRejected),
        (422, Reason::RefreshRejected, Reason::SignInRejected),
        (302, Reason::InvalidResponse, Reason::InvalidResponse),
    ] {
        for body in
            [r#"{"message":"Not found"}"#, "<html>Bad gateway</html>", "", "[]", r#"{"error":"two words"}"#]
        {
            let error = error_of(reply(status, body)).await;
            assert_eq!(error.reason(Purpose::Refresh), refresh, "{status} {body}");
            assert_eq!(error.reason(Purpose::SignIn), sign_in, "{status} {body}");
            assert_eq!(error.reason(Purpose::KeySet), Reason::JwksUnavailable);
            assert_eq!(error.code(), None);
            assert_eq!(error.is_replayable(), status == 302);
        }
    }
}

#[tokio::test]
async fn the_bare_message_about_single_sign_on_is_a_code() {
    let body = r#"{"message":"Must use SSO for selected organization","connection_ids":["conn_1"]}"#;
    let failure = error_of(reply(400, body)).await.to_failure(Purpose::Refresh);
    assert_eq!(failure.reason(), Reason::SsoRequired);
    assert_eq!(failure.step_up().unwrap().connection_ids, ["conn_1"]);
    let other = r#"{"message":"You must use SSO for selected organization"}"#;
    assert_eq!(error_of(reply(400, other)).await.reason(Purpose::Refresh), Reason::RefreshRejected);
}

#[tokio::test]
async fn single_sign_on_carries_its_connections_in_the_oauth_shape() {
    let body = json!({
        "error": "sso_required", "error_description": "User must authenticate using one of the matching connections.",
        "email": "a@b.c", "connection_ids": ["conn_1", "conn_2"], "pending_authentication_token": null,
    });
    let failure = error_of(reply(400, body.to_string())).await.to_failure(Purpose::Refresh);
    let step_up = failure.step_up().unwrap();
    assert_eq!(step_up.connection_ids, ["conn_1", "conn_2"]);
    assert_eq!(step_up.email.as_deref(), Some("a@b.c"));
    assert!(step_up.pending_authentication_token.is_none());
}

#[tokio::test]
async fn a_redirect_to_authkit_is_kept_with_any_refusal() {
    let body = r#"{"error":"invalid_request","authkit_redirect_url":"https://auth.example/go"}"#;
    let failure = error_of(reply(400, body)).await.to_failure(Purpose::Refresh);
    assert_eq!(failure.reason(), Reason::RefreshRejected);
    assert_eq!(failure.step_up().unwrap().authkit_redirect_url.as_deref(), Some("https://auth.example/go"));
    assert!(
        error_of(reply(400, r#"{"error":"invalid_grant"}"#))
            .await
            .to_failure(Purpose::Refresh)
            .step_up()
            .is_none()
    );
}

#[tokio::test]
async fn retry_after_is_read_against_the_clock() {
    for (value, wait) in
        [("7", Some(7)), ("Thu, 01 Jan 2026 00:00:20 GMT", Some(20)), ("NaN", None), ("-5", None)]
    {
        let failure =
            error_of(reply_with(429, &[("retry-after", value)], "{}")).await.to_failure(Purpose::Refresh);
        assert_eq!(failure.retry_after(), wait.map(Duration::from_secs), "{value}");
    }
    let refused = error_of(reply_with(400, &[("retry-after", "7")], r#"{"error":"invalid_grant"}"#)).await;
    assert_eq!(refused.to_failure(Purpose::Refresh).retry_after(), None, "waiting would not help");
}

#[tokio::test]
async fn wait_in_the_body_counts_like_the_header() {
    let waits = |body: &str| format!(r#"{{"code":"rate_limit_exceeded","retry_after":{body}}}"#);
    for (header, body, wait) in [
        (None, "30", Some(30)),
        (Some("7"), "30", Some(30)),
        (Some("60"), "30", Some(60)),
        (Some("soon"), "0.5", Some(1)),
        (Some("7"), "-30", Some(7)),
        (None, "1e300", Some(86_400)),
        (None, "null", None),
    ] {
        let headers: Vec<_> = header.iter().map(|value| ("retry-after", *value)).collect();
        // Whatever the status: the code says that waiting helps.
        for status in [400, 403, 429] {
            let error = error_of(reply_with(status, &headers, waits(body))).await;
            for purpose in [Purpose::Refresh, Purpose::SignIn] {
                let failure = error.to_failure(purpose);
                assert_eq!(failure.reason(), Reason::RateLimitExceeded);
                assert_eq!(
                    failure.retry_after(),
                    wait.map(Duration::from_secs),
                    "{status} {header:?} {body}"
                );
            }
        }
    }
}

#[tokio::test]
async fn refused_sign_in_keeps_its_wait() {
    let body = r#"{"code":"too_many_failed_verification_attempts","message":"m","retry_after":90}"#;
    for status in [400, 403] {
        let failure = error_of(reply(status, body)).await.to_failure(Purpose::SignIn);
        assert_eq!(failure.reason(), Reason::SignInRejected);
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(90)), "{status}");
        let upstream = failure.upstream().unwrap();
        assert_eq!(upstream.code.as_deref(), Some("too_many_failed_verification_attempts"));
    }
    let terminal = r#"{"error":"invalid_grant","retry_after":90}"#;
    let failure = error_of(reply(400, terminal)).await.to_failure(Purpose::SignIn);
    assert_eq!(failure.retry_after(), None, "waiting would not help");
}

#[tokio::test]
async fn email_completion_carries_its_token() {
    let body = r#"{"code":"email_completion_required","message":"m","email_completion_token":"s_ect1"}"#;
    let error = error_of(reply(403, body)).await;
    for purpose in [Purpose::Refresh, Purpose::SignIn] {
        let failure = error.to_failure(purpose);
        assert_eq!(failure.reason(), Reason::EmailCompletionRequired);
        let step_up = failure.step_up().unwrap();
        assert_eq!(step_up.email_completion_token.as_ref().unwrap().expose_secret(), "s_ect1");
        assert!(step_up.pending_authentication_token.is_none() && failure.upstream_body().is_none());
        for shown in [format!("{error:?} {error}"), format!("{failure:?} {failure}")] {
            assert!(!shown.contains("s_ect1"), "{shown}");
        }
    }
}

#[tokio::test]
async fn unknown_403_code_of_a_sign_in_keeps_its_body() {
    let body = |code: &str| format!(r#"{{"code":"{code}","message":"m","next_token":"s_next"}}"#);
    for &(code, _, sign_in) in CODES {
        let error = error_of(reply(403, body(code))).await;
        let failure = error.to_failure(Purpose::SignIn);
        let kept = failure.upstream_body().map(|body| body.expose_secret().to_owned());
        assert_eq!(kept, sign_in.is_none().then(|| body(code)), "{code}");
        assert!(error.to_failure(Purpose::Refresh).upstream_body().is_none(), "{code}");
        for shown in [format!("{error:?} {error}"), format!("{failure:?} {failure:#?} {failure}")] {
            assert!(!shown.contains("s_next"), "{shown}");
        }
        for status in [400, 401, 422, 429, 500] {
            let failure = error_of(reply(status, body(code))).await.to_failure(Purpose::SignIn);
            assert!(failure.upstream_body().is_none(), "{status} {code}");
        }
    }
}

#[tokio::test]
async fn missing_address_is_named_in_the_hint() {
    let failure =
        error_of(reply(400, shapes("ip_address_required")[0].clone())).await.to_failure(Purpose::SignIn);
    assert_eq!(failure.reason(), Reason::SignInRejected);
    insta::assert_snapshot!(failure.hint().unwrap(), @"the API demands the user's address, as Radar does in Decision mode: send `RequestContext::ip_address`");
}

#[tokio::test]
async fn the_date_is_there_on_errors_too() {
    let error = error_of(reply_with(500, &[("date", "Thu, 01 Jan 2026 00:00:00 GMT")], "")).await;
    assert_eq!(error.meta().date, Some(NOW));
}

#[tokio::test]
async fn a_success_without_a_session_is_none() {
    for (body, refresh, sign_in) in [
        ("{}", Reason::InvalidResponse, Reason::MissingTokens),
        (r#"{"user":{"id":"user_1"}}"#, Reason::InvalidResponse, Reason::MissingTokens),
        (r#"{"access_token":"a.b.c"}"#, Reason::InvalidResponse, Reason::MissingTokens),
        (r#"{"access_token":"a.b.c","refresh_token":null}"#, Reason::InvalidResponse, Reason::MissingTokens),
        (r#"{"access_token":"a.b.c","refresh_token":""}"#, Reason::InvalidResponse, Reason::MissingTokens),
        ("", Reason::InvalidResponse, Reason::InvalidResponse),
        ("<html>login</html>", Reason::InvalidResponse, Reason::InvalidResponse),
        (r#"{"access_token":"a.b"#, Reason::InvalidResponse, Reason::InvalidResponse),
        ("[]", Reason::InvalidResponse, Reason::InvalidResponse),
    ] {
        let error = error_of(reply_with(200, &[("x-request-id", "req_1")], body)).await;
        assert_eq!(error.kind(), ApiErrorKind::Unusable, "{body}");
        assert_eq!(error.reason(Purpose::Refresh), refresh, "{body}");
        assert_eq!(error.reason(Purpose::SignIn), sign_in, "{body}");
        assert!(error.is_replayable() && error.may_have_been_sent());
        assert_eq!(error.to_failure(Purpose::Refresh).upstream().unwrap().status, Some(200));
    }
}

#[tokio::test]
async fn errors_on_the_way_have_their_reasons() {
    use TransportErrorKind as K;
    for (kind, reason, sent) in [
        (K::Connect, Reason::NetworkError, false),
        (K::Timeout, Reason::Timeout, true),
        (K::Interrupted, Reason::InvalidResponse, true),
        (K::TooLarge, Reason::InvalidResponse, true),
        (K::Other, Reason::NetworkError, true),
    ] {
        let error = error_of(Err(TransportError::new(kind))).await;
        assert_eq!(error.reason(Purpose::Refresh), reason, "{kind:?}");
        assert_eq!(error.reason(Purpose::SignIn), reason, "{kind:?}");
        assert_eq!(error.may_have_been_sent(), sent, "{kind:?}");
        assert!(error.is_replayable());
        assert!(error.to_failure(Purpose::Refresh).upstream().is_none());
    }
}

#[tokio::test]
async fn a_refusal_whose_body_was_cut_is_still_a_refusal() {
    for (status, reason, again) in [
        (400, Reason::RefreshRejected, false),
        (401, Reason::ApiUnauthorized, false),
        (403, Reason::RefreshDenied, false),
        (429, Reason::RateLimitExceeded, true),
        (500, Reason::ServerError, true),
        (200, Reason::InvalidResponse, true),
    ] {
        let cut = TransportError::new(TransportErrorKind::Interrupted)
            .with_head(StatusCode::from_u16(status).unwrap(), http::HeaderMap::new());
        let error = error_of(Err(cut)).await;
        assert_eq!(error.reason(Purpose::Refresh), reason, "{status}");
        assert_eq!(error.is_replayable(), again, "{status}");
        assert_eq!(error.meta().status, Some(status));
    }
}

#[tokio::test]
async fn grants_that_cannot_succeed_are_not_sent() {
    let (client, transport) = client([]);
    for (grant, reason) in [
        (Grant::from(RefreshTokenGrant::new("")), Reason::NoRefreshToken),
        (RefreshTokenGrant::new("rt").with_organization_id("").into(), Reason::InvalidOrganizationId),
        (AuthorizationCodeGrant::new("c").with_code_verifier("").into(), Reason::SignInRejected),
    ] {
        let error = client.authenticate(&grant, &RequestContext::default()).await.unwrap_err();
        assert_eq!(error.reason(Purpose::SignIn), reason);
        assert!(!error.may_have_been_sent() && !error.is_replayable());
    }
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn a_public_client_sends_no_secret_and_says_what_it_lacks() {
    let transport = ScriptedTransport::new([reply(200, OK_BODY)]);
    let client = ApiClient::new(
        ApiBase::default(),
        ClientId::new("client_1").unwrap(),
        None,
        Arc::new(transport.clone()),
        Arc::new(ManualClock::new(NOW)),
    );
    client.authenticate(&refresh(), &RequestContext::default()).await.unwrap();
    let body: Value = serde_json::from_slice(transport.requests()[0].body()).unwrap();
    assert_eq!(
        body,
        json!({"grant_type": "refresh_token", "client_id": "client_1", "refresh_token": "rt_1"})
    );
    let grant = PasswordGrant::new("a@b.c", "pw").into();
    let failure = client
        .authenticate(&grant, &RequestContext::default())
        .await
        .unwrap_err()
        .to_failure(Purpose::SignIn);
    assert_eq!(failure.reason(), Reason::ApiUnauthorized);
    insta::assert_snapshot!(failure.hint().unwrap(), @"this grant needs an API key: set WORKOS_API_KEY");
    assert_eq!(transport.requests().len(), 1);
}

#[tokio::test]
async fn a_device_begins_with_the_client_id_alone() {
    let answer = r#"{"device_code":"s_dev","user_code":"AB-CD","verification_uri":"https://a.example/d","verification_uri_complete":"https://a.example/d?c","expires_in":300,"interval":3}"#;
    let (client, transport) =
        client([reply(200, answer), reply(200, "{}"), reply(400, shapes("invalid_client")[1].clone())]);
    let device = client.authorize_device(&RequestContext::default()).await.unwrap().into_body();
    assert_eq!((device.user_code.as_str(), device.interval), ("AB-CD", Duration::from_secs(3)));
    assert!(!format!("{device:?}").contains("s_dev"));
    let sent = &transport.requests()[0];
    assert_eq!(sent.uri().path(), "/user_management/authorize/device");
    assert_eq!(sent.body(), r#"{"client_id":"client_1"}"#);
    let unusable = client.authorize_device(&RequestContext::default()).await.unwrap_err();
    assert_eq!(unusable.reason(Purpose::SignIn), Reason::InvalidResponse);
    let refused = client.authorize_device(&RequestContext::default()).await.unwrap_err();
    assert_eq!(refused.reason(Purpose::SignIn), Reason::ApiUnauthorized);
}

#[test]
fn pages_follow_the_base_and_encode_their_parts() {
    let (client, _) = client([]);
    assert_eq!(client.authorize_endpoint().as_str(), "http://127.0.0.1:7000/user_management/authorize");
    let back = "https://app.example/a?b=c&d=é".parse().unwrap();
    assert_eq!(
        client.logout_url("session_1", Some(&back)).unwrap().as_str(),
        "http://127.0.0.1:7000/user_management/sessions/logout?session_id=session_1&return_to=https%3A%2F%2Fapp.example%2Fa%3Fb%3Dc%26d%3D%25C3%25A9"
    );
    assert_eq!(client.logout_url("a&b", None).unwrap().query(), Some("session_id=a%26b"));
    for id in ["", "..", "a/b", "../x"] {
        assert_eq!(client.logout_url(id, None), Err(InvalidId), "{id:?}");
    }
}
