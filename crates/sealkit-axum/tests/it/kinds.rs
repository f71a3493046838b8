//! Tokens that verify and are not a user's session, over HTTP: 401 and the cookie kept, a failed sign-in without a session, and
//! logs without any of them.

use crate::{
    log::Log,
    world::{ADA, Browser, Kind, Reply, World, request, send},
};
use axum::{Router, routing::get};
use sealkit::{
    EncodingPolicy, Reason, SealedSession,
    format::{Format, FormatSet},
};
use sealkit_axum::Session;
use sealkit_devidp::{AgentKind, Endpoint, Fault, MintSession, TokenOptions, TokenShape};
use serde_json::json;

const ANALYTICAL: &str = "org_01JGFANALYT1CALENG1NES0000";
const OTHER_APPLICATION: &str = "client_01JGF0THERAPP0000000000000";

/// A layer that reads unsealed cookies, and an AuthKit domain whose tokens verify with the keys of sessions.
fn open() -> (World, Router) {
    let world = World::with(
        |idp| idp.authkit_shares_keys(true),
        |config| config.encoding(EncodingPolicy::writing(Format::Iron).with_read(FormatSet::all())),
    );
    let layer = world.layer();
    let app = Router::new()
        .route("/me", get(|session: Session| async move { session.user_id().to_owned() }))
        .merge(sealkit_axum::routes(&layer))
        .layer(layer);
    (world, app)
}

/// A token of every kind that is not a session.
fn tokens(world: &World, options: &TokenOptions) -> Vec<String> {
    let idp = &world.idp;
    let scopes = ["widgets:users-table:manage"];
    vec![
        idp.mint_agent(&AgentKind::delegated(ADA), options).unwrap().token,
        idp.mint_agent(&AgentKind::autonomous(ANALYTICAL), options).unwrap().token,
        idp.mint_widget(ADA, &scopes, TokenShape::SubType, options).unwrap().token,
        idp.mint_client_token(ADA, TokenShape::SubType, options).unwrap().token,
        idp.mint_connect_user(ADA, options).unwrap().token,
        idp.mint_mcp(ADA, "https://mcp.example.com/mcp", options).unwrap().token,
        idp.mint_machine(ANALYTICAL, options).unwrap().token,
    ]
}

/// Those, and sessions of another application, of another `typ` and without `auth_time`, all of them valid.
fn valid_tokens(world: &World) -> Vec<String> {
    let session = |session: MintSession| world.idp.mint_session(session).unwrap().access_token;
    let mut all = tokens(world, &TokenOptions::new());
    all.extend([
        session(MintSession::for_user(ADA).typ("at+jwt")),
        session(MintSession::for_user(ADA).claim("client_id", OTHER_APPLICATION)),
        session(MintSession::for_user(ADA).without_claim("auth_time")),
    ]);
    all
}

/// `Cookie` lines around a token: sealed and unsealed.
fn lines(world: &World, token: &str) -> [String; 2] {
    let payload = json!({ "accessToken": token, "refreshToken": "rt_of_nobody" }).to_string();
    let sealed = world.sealkit.seal_payload(&payload).unwrap();
    [world.line(&sealed), world.line(&SealedSession::from(payload))]
}

#[track_caller]
fn is_kept(reply: &Reply, status: u16) {
    assert_eq!((reply.status.as_u16(), reply.reason), (status, Some(Reason::NotASessionToken)), "{reply:?}");
    assert!(reply.session_lines().is_empty(), "{reply:?}");
}

/// Rejected to scripts and to navigations, in a sealed and in an unsealed cookie, without a grant.
async fn rejected(tokens: impl Fn(&World) -> Vec<String>) {
    let (world, app) = open();
    for token in tokens(&world) {
        for line in lines(&world, &token) {
            let reply = send(&app, request(Kind::Fetch, "/me", Some(&line))).await;
            is_kept(&reply, 401);
            assert_eq!(reply.json()["error"], "unauthenticated");
            is_kept(&send(&app, request(Kind::Navigation, "/me", Some(&line))).await, 302);
        }
    }
    assert_eq!(world.grants(), 0);
}

// C02
#[tokio::test]
async fn other_kinds_get_401_and_keep_their_cookie() {
    rejected(valid_tokens).await;
}

// C11
#[tokio::test]
async fn expired_other_kinds_are_never_refreshed() {
    rejected(|world| tokens(world, &TokenOptions::new().expired())).await;
}

// C12
#[tokio::test]
async fn refresh_to_another_kind_fails_on_both_requests() {
    let count = valid_tokens(&open().0).len();
    for case in 0..count {
        let (world, app) = open();
        let token = valid_tokens(&world).swap_remove(case);
        let mut browser = Browser::new(&world, &app);
        browser.store(&world.expired_cookie());
        let before = browser.jar["wos-session"].clone();
        world.idp.fault(Endpoint::Authenticate, Fault::replace_access_token(token));
        let first = browser.go_with(Kind::Fetch, "/me", &[]).await;
        assert_eq!((first.status.as_u16(), first.reason), (401, Some(Reason::NotASessionToken)), "{first:?}");
        assert_eq!(first.session_lines().len(), 1, "the rotated pair is a cookie to set: {first:?}");
        assert_ne!(browser.jar["wos-session"], before);
        is_kept(&browser.go_with(Kind::Fetch, "/me", &[]).await, 401);
        assert_eq!(world.grants(), 1);
    }
}

// C12
#[tokio::test]
async fn sign_in_with_another_kind_is_a_500_without_session() {
    let count = valid_tokens(&open().0).len();
    for case in 0..count {
        let (world, app) = open();
        let token = valid_tokens(&world).swap_remove(case);
        world.idp.fault(Endpoint::Authenticate, Fault::replace_access_token(token));
        let mut browser = Browser::new(&world, &app);
        let reply = browser.sign_in("/me").await;
        is_kept(&reply, 500);
        assert!(reply.header("location").is_none() && browser.jar.is_empty(), "{reply:?}");
        assert!(!reply.body.contains("not_a_session_token"), "a browser gets the public code only");
        assert!(reply.body.contains("misconfigured"), "{reply:?}");
        assert_eq!(world.grants(), 1);
    }
}

// C37
#[tokio::test]
async fn logs_of_other_kinds_name_the_reason_and_no_token() {
    let (log, _listening) = Log::listen();
    let (world, app) = open();
    let mut secrets = Vec::new();
    for token in valid_tokens(&world) {
        for line in lines(&world, &token) {
            send(&app, request(Kind::Fetch, "/me", Some(&line))).await;
            secrets.push(line);
        }
        world.idp.fault(Endpoint::Authenticate, Fault::replace_access_token(&token));
        let expired = world.expired_cookie();
        let reply = send(&app, request(Kind::Fetch, "/me", Some(&expired))).await;
        secrets
            .extend(reply.session_lines().into_iter().map(|line| line.split(';').next().unwrap().to_owned()));
        world.idp.fault(Endpoint::Authenticate, Fault::replace_access_token(&token));
        Browser::new(&world, &app).sign_in("/me").await;
        secrets.extend([expired, token]);
    }
    let text = log.text();
    assert!(text.contains("reason=not_a_session_token"), "{text}");
    assert!(secrets.len() >= 50);
    for secret in secrets {
        let end = secret.len() - secret.len().min(40);
        assert!(!text.contains(&secret[end..]), "the end of {secret} is in\n{text}");
    }
}
