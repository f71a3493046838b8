//! `refresh` and `authenticate` against the development provider, over the wire.
use crate::common::{PASSWORD, Ran, Sealkit, sealkit};
use sealkit_devidp::{DevIdp, Endpoint, Fault, MintSession, Server};
use serde_json::{Value, json};
use std::{net::Ipv4Addr, time::Duration};

/// A provider that serves, and what a call needs to find it.
struct Provider {
    idp: DevIdp,
    server: Server,
}

impl Provider {
    async fn start() -> Self {
        let idp = DevIdp::builder().replay_window(Duration::ZERO).build().unwrap();
        let server = idp.serve((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        Self { idp, server }
    }

    /// A call with the provider's settings and one password.
    fn call(&self, command: &str) -> Sealkit {
        sealkit([command, "--json"])
            .password(PASSWORD)
            .env("WORKOS_API_HOSTNAME", "127.0.0.1")
            .env("WORKOS_API_PORT", self.server.local_addr().port().to_string())
            .env("WORKOS_API_HTTPS", "false")
            .env("WORKOS_CLIENT_ID", self.idp.client_id())
            .env("WORKOS_API_KEY", self.idp.api_key().expose_secret())
    }

    /// The cookie of a new session, sealed by the binary.
    async fn cookie(&self, wanted: MintSession) -> String {
        let minted = self.idp.mint_session(wanted).unwrap();
        let payload = json!({
            "accessToken": minted.access_token,
            "refreshToken": minted.refresh_token,
            "user": {"id": minted.user_json["id"], "email": minted.user_json["email"]},
            "kept": {"by": "an application"},
        });
        let sealed =
            run(sealkit(["seal", "--format", "iron"]).password(PASSWORD).input(payload.to_string())).await;
        sealed.stdout
    }
}

/// The provider lives on the test's runtime, so the call must not hold it up.
async fn run(call: Sealkit) -> Ran {
    tokio::task::spawn_blocking(move || call.run()).await.unwrap()
}

fn ada() -> MintSession {
    MintSession::for_user("ada@example.com")
}

fn member<'v>(answer: &'v Value, name: &str) -> &'v str {
    answer[name].as_str().unwrap_or_else(|| panic!("{name}: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_refreshed_and_its_successor_authenticates() {
    let provider = Provider::start().await;
    let old = provider.cookie(ada().expired()).await;
    let before = run(provider.call("authenticate").input(old.as_str())).await;
    let ended = before.json();
    assert_eq!((before.code, member(&ended, "reason")), (1, "expired_jwt"), "{before}");
    assert_eq!(ended["session_id"], ended["claims"]["sid"], "{before}");
    assert_eq!(ended["organization_id"], ended["claims"]["org_id"], "{before}");

    let refreshed = run(provider.call("refresh").input(old.as_str())).await;
    let answer = refreshed.json();
    assert_eq!((refreshed.code, &answer["authenticated"]), (0, &json!(true)), "{refreshed}");
    let new = member(&answer, "sealed_session");

    let after = run(provider.call("authenticate").input(new)).await;
    assert_eq!((after.code, &after.json()["session_id"]), (0, &answer["session_id"]), "{after}");
    assert_eq!(after.json()["user"]["email"], "ada@example.com");
    let inside = run(provider.call("unseal").input(new)).await.json();
    assert_eq!(
        inside["payload"]["kept"],
        json!({"by": "an application"}),
        "nothing of the application's is lost"
    );

    let spent = run(provider.call("refresh").input(old.as_str())).await;
    let answer = spent.json();
    assert_eq!((spent.code, member(&answer, "reason")), (1, "invalid_grant"), "{spent}");
    assert_eq!(
        (&answer["status"], member(&answer, "upstream_code")),
        (&json!(400), "invalid_grant"),
        "{spent}"
    );
    assert!(answer["request_id"].is_string() && answer["hint"].is_string(), "{spent}");
    assert!(answer.get("upstream").is_none() && answer.get("step_up").is_none(), "{spent}");
    assert!(answer.get("sealed_session").is_none(), "{spent}");
    assert!(provider.idp.leaking_requests().is_empty(), "the cookie password stays here");
    provider.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_pair_is_printed_even_when_the_keys_cannot_be_had() {
    let provider = Provider::start().await;
    let old = provider.cookie(ada()).await;
    provider.idp.fault(Endpoint::Jwks, Fault::status(503).always());
    let ran = run(provider.call("refresh").input(old.as_str())).await;
    let answer = ran.json();
    assert_eq!((ran.code, member(&answer, "reason")), (1, "jwks_unavailable"), "{ran}");
    assert_eq!((&answer["authenticated"], &answer["retryable"]), (&json!(false), &json!(true)), "{ran}");
    provider.idp.clear_faults(Endpoint::Jwks);
    let after = run(provider.call("authenticate").input(member(&answer, "sealed_session"))).await;
    assert_eq!(after.code, 0, "{after}");
    provider.server.shutdown().await;
}

/// Longer than a request of a web application would wait. The exchange itself has happened by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_waited_for_since_the_old_pair_is_spent() {
    let provider = Provider::start().await;
    let old = provider.cookie(ada()).await;
    let slow = Fault::delay(Duration::from_millis(5_300)).after_effect();
    provider.idp.fault(Endpoint::Authenticate, slow);
    let call = provider.call("refresh").env("WORKOS_REQUEST_TIMEOUT", "15");
    let ran = run(call.input(old.as_str())).await;
    assert_eq!((ran.code, &ran.json()["authenticated"]), (0, &json!(true)), "{ran}");
    let after = run(provider.call("authenticate").input(member(&ran.json(), "sealed_session"))).await;
    assert_eq!(after.code, 0, "{after}");
    provider.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_flat_count_whole_seconds_and_name_the_setting() {
    let provider = Provider::start().await;
    let old = provider.cookie(ada()).await;
    let body = json!({"error": "too_many_requests"});
    provider.idp.fault(Endpoint::Authenticate, Fault::json(429, &body).header("retry-after", "30"));
    let limited = run(provider.call("refresh").input(old.as_str())).await;
    let answer = limited.json();
    assert_eq!((limited.code, &answer["retry_after"]), (1, &json!(30)), "{limited}");
    assert_eq!((&answer["status"], &answer["upstream_code"]), (&json!(429), &json!("too_many_requests")));

    let call = provider.call("refresh").env("WORKOS_ISSUER", "https://issuer.test");
    let refused = run(call.input(old.as_str())).await;
    let answer = refused.json();
    assert_eq!((refused.code, member(&answer, "reason")), (1, "invalid_issuer"), "{refused}");
    let hint = member(&answer, "hint");
    assert!(hint.contains("iss") && hint.contains("WORKOS_ISSUER"), "{refused}");
    assert!(answer["sealed_session"].is_string(), "{refused}");
    provider.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_organization_changes_it_and_a_refused_one_changes_nothing() {
    let provider = Provider::start().await;
    let user = provider.idp.users().into_iter().find(|user| user.email() == "ada@example.com").unwrap();
    let [first, second] = [0, 1].map(|i| user.memberships()[i].organization().id().to_owned());
    let old = provider.cookie(ada().organization(first.as_str())).await;
    let refused =
        run(provider.call("refresh").arg("--organization", "org_unknown").input(old.as_str())).await;
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.json().get("sealed_session").is_none(), "{refused}");
    let switched =
        run(provider.call("refresh").arg("--organization", second.as_str()).input(old.as_str())).await;
    assert_eq!(
        (switched.code, member(&switched.json(), "organization_id")),
        (0, second.as_str()),
        "{switched}"
    );
    provider.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_the_cookie_on_stdout_and_the_story_on_stderr() {
    let provider = Provider::start().await;
    let old = provider.cookie(ada()).await;
    let mut call = sealkit(["refresh"]).password(PASSWORD).env("WORKOS_BASE_URL", provider.server.url());
    call = call.env("WORKOS_CLIENT_ID", provider.idp.client_id());
    call = call.env("WORKOS_API_KEY", provider.idp.api_key().expose_secret()).input(old);
    let ran = run(call).await;
    assert!(
        ran.code == 0 && ran.stdout.starts_with("Fe26.2*1*") && ran.stderr.starts_with("refreshed user_"),
        "{ran}"
    );
    assert_eq!(ran.stdout.lines().count(), 1);
    let inspected = run(provider.call("inspect").arg("--name", "x").flag("--online").input(ran.stdout)).await;
    assert_eq!((inspected.code, &inspected.json()["verdict"]["works"]), (0, &json!(true)), "{inspected}");
    provider.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_away_is_a_retryable_reason_and_not_an_error() {
    let provider = Provider::start().await;
    let cookie = provider.cookie(ada()).await;
    let call = provider.call("authenticate").input(cookie);
    provider.server.shutdown().await;
    let ran = run(call).await;
    let answer = ran.json();
    assert_eq!((ran.code, member(&answer, "reason")), (1, "jwks_unavailable"), "{ran}");
    assert_eq!(answer["retryable"], true, "{ran}");
}

/// A password of the shape that all of these formats take.
const BASE64: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

impl Provider {
    /// An expired session of Ada's in this format.
    async fn cookie_in(&self, format: &str) -> String {
        let minted = self.idp.mint_session(ada().expired()).unwrap();
        let payload = json!({
            "access_token": minted.access_token,
            "refresh_token": minted.refresh_token,
            "user": minted.user_json,
        });
        let seal = sealkit(["seal", "--format", "go-gcm"]).password(BASE64).input(payload.to_string());
        let convert = sealkit(["convert", "--to", format]).password(BASE64).input(run(seal).await.stdout);
        let ran = run(convert).await;
        assert_eq!(ran.code, 0, "{ran}");
        ran.stdout
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshed_cookie_keeps_the_format_that_came() {
    let provider = Provider::start().await;
    for format in [
        "iron",
        "kotlin-iron",
        "rr-cookie",
        "python-fernet",
        "ruby-v7",
        "go-gcm",
        "php-halite",
        "php-signed",
        "php-secretbox",
        "dotnet-gcm",
        "signed-json",
    ] {
        let old = provider.cookie_in(format).await;
        let ran = run(provider.call("refresh").password(BASE64).input(old)).await;
        let answer = ran.json();
        assert_eq!((ran.code, member(&answer, "format")), (0, format), "{ran}");
        assert!(!ran.stderr.contains("is written as"), "{ran}");
        let unseal = sealkit(["unseal", "--json", "--format", format]).password(BASE64);
        let inside = run(unseal.input(member(&answer, "sealed_session"))).await;
        assert_eq!((inside.code, &inside.json()["format"]), (0, &json!(format)), "{inside}");
    }
    provider.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_format_is_written_and_the_change_is_said() {
    let provider = Provider::start().await;
    let call = || provider.call("refresh").password(BASE64);
    let kotlin = run(call().arg("--format", "iron").input(provider.cookie_in("kotlin-iron").await)).await;
    assert_eq!((kotlin.code, member(&kotlin.json(), "format")), (0, "iron"), "{kotlin}");
    for part in ["came as kotlin-iron and is written as iron", "workos-kotlin", "answer 500"] {
        assert!(kotlin.stderr.contains(part), "{kotlin}");
    }
    let variables = [("SEALKIT_FORMAT_WRITE", "go-gcm"), ("WORKOS_SESSION_ENCODING_WRITE", "sealed")];
    for ((name, value), format) in variables.into_iter().zip(["go-gcm", "iron"]) {
        let ran = run(call().env(name, value).input(provider.cookie_in("python-fernet").await)).await;
        assert_eq!((ran.code, member(&ran.json(), "format")), (0, format), "{ran}");
        assert!(ran.stderr.contains(&format!("came as python-fernet and is written as {format}")), "{ran}");
        assert!(ran.stderr.contains("`invalid_session_cookie`"), "{ran}");
    }
    // The flag overrides the environment.
    let call = call().env("SEALKIT_FORMAT_WRITE", "go-gcm").arg("--format", "python-fernet");
    let ran = run(call.input(provider.cookie_in("python-fernet").await)).await;
    assert_eq!((ran.code, member(&ran.json(), "format")), (0, "python-fernet"), "{ran}");
    assert!(!ran.stderr.contains("is written as"), "{ran}");
    provider.server.shutdown().await;
}
