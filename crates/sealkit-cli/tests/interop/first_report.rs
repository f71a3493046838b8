//! The cookie of the first bug report, through the commands as a person types them: sealed by hand with a refresh token and a
//! stand-in for the user, refreshed against `sealkit dev`, and read by sealkit and by the Python SDKs.

use crate::support::{
    self,
    dev::Dev,
    peer::Peer,
    python::{NEWEST, VERSIONS},
};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

/// What `sealkit dev` prints for an application of one's own, as variables.
fn environment(dev: &Dev) -> Vec<(&'static str, String)> {
    vec![
        ("WORKOS_BASE_URL", dev.idp().to_owned()),
        ("WORKOS_CLIENT_ID", dev.told("client_id").to_owned()),
        ("WORKOS_API_KEY", dev.told("api_key").to_owned()),
        ("WORKOS_COOKIE_PASSWORD", dev.told("cookie_password").to_owned()),
    ]
}

/// Runs a command of the binary with this input; gives its exit code and standard output.
async fn run(dev: &Dev, arguments: &'static [&'static str], input: String) -> (Option<i32>, String) {
    let variables = environment(dev);
    let ran = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sealkit"))
            .args(arguments)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = ran.await.unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The API's answer to a sign-in with a password.
async fn signed_in(dev: &Dev, email: &str, password: &str) -> Value {
    let grant = json!({
        "grant_type": "password", "client_id": dev.told("client_id"), "client_secret": dev.told("api_key"),
        "email": email, "password": password,
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/user_management/authenticate", dev.idp());
    let request = client.post(url).header("content-type", "application/json").body(grant.to_string());
    let answer = request.send().await.unwrap().text().await.unwrap();
    parsed(&answer)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `sealkit dev`, and this version of the SDK connected to its provider.
async fn connected(version: &str) -> Option<(Dev, Peer)> {
    let mut python = support::python::start("seal.py", version)?;
    let dev = Dev::start().await;
    let settings = json!({
        "apiKey": dev.told("api_key"), "clientId": dev.told("client_id"), "baseUrl": dev.idp(),
    });
    python.ask("connect", settings).await;
    Some((dev, python))
}

#[tokio::test(flavor = "multi_thread")]
async fn python_reads_what_the_command_refreshed() {
    for version in VERSIONS {
        let Some((dev, mut python)) = connected(version).await else { return };
        let (email, password) = dev.user(0);
        let answer = signed_in(&dev, email, password).await;
        let asked = json!({ "payload": answer, "password": dev.told("cookie_password") });
        let sealed = python.ask("seal", asked).await.as_str().unwrap().to_owned();

        let (code, told) = run(&dev, &["refresh", "--json"], sealed).await;
        assert_eq!(code, Some(0), "{version}: {told}");
        let refreshed = parsed(&told)["sealed_session"].clone();
        let asked = json!({ "sealed": refreshed, "password": dev.told("cookie_password") });
        let told = python.ask("authenticate", asked).await;
        assert_eq!(told["authenticated"], true, "{version}: {told}");
        assert_eq!(told["user"]["email"], email, "{version}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hand_sealed_refresh_token_becomes_a_session() {
    for version in VERSIONS {
        let Some((dev, mut python)) = connected(version).await else { return };
        let (email, password) = dev.user(0);
        let answer = signed_in(&dev, email, password).await;
        let payload = json!({ "refresh_token": answer["refresh_token"], "user": { "id": "x" } }).to_string();
        let (code, cookie) = run(&dev, &["seal", "--format", "python-fernet"], payload).await;
        assert_eq!(code, Some(0), "{version}: seal");

        // Without an access token nobody is signed in, here as there.
        let (code, told) = run(&dev, &["authenticate", "--json"], cookie.clone()).await;
        assert_eq!(code, Some(1), "{version}: {told}");
        assert_eq!(parsed(&told)["detail"], "not_a_session", "{version}");

        let (code, told) = run(&dev, &["refresh", "--json"], cookie).await;
        assert_eq!(code, Some(0), "{version}: {told}");
        let new = parsed(&told)["sealed_session"].as_str().unwrap().to_owned();
        let (code, told) = run(&dev, &["authenticate", "--json"], new.clone()).await;
        assert_eq!(code, Some(0), "{version}: {told}");
        assert_eq!(parsed(&told)["user"]["email"], email, "{version}");

        let asked = json!({ "sealed": new, "password": dev.told("cookie_password") });
        let told = python.ask("authenticate", asked).await;
        assert_eq!(told["authenticated"], true, "{version}: {told}");
        assert_eq!(told["user"]["email"], email, "{version}: {told}");
    }
    assert_eq!(VERSIONS.last(), Some(&NEWEST));
}
