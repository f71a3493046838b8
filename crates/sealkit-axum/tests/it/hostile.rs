//! Text that an attacker would write, in everything that is logged and on every page.

use crate::{
    log::Log,
    world::{ADA, Browser, Kind, PASSWORD, World, request, send},
};
use axum::{Router, body::Body, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use sealkit::{
    EncodingPolicy, KeyRing, Rewrite, SystemRandom,
    cookie::encode_value,
    format::{Format, FormatSet, iron},
};
use sealkit_axum::Session;
use sealkit_devidp::{Endpoint, Fault, MintSession, webhook_signature};
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "whsec_hostile_0123456789";

/// How a line begins that only a line feed in foreign text can make.
const FORGED: &str = "FORGED";

fn hostile(name: &str) -> String {
    format!(
        "{name}\n{FORGED} WARN\r{FORGED}\u{1b}[2J\u{7}\u{9b}31m\u{7f}\u{85}\u{2028}{FORGED}\u{202e}\u{2066}\u{61c}\u{200f}\u{200b}\u{feff}\u{3164}\u{e0041}"
    )
}

fn raw(text: &str) -> Option<char> {
    text.chars().find(|c| {
        (c.is_control() && *c != '\n')
            || matches!(u32::from(*c),
                0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xe0000..=0xe0fff)
    })
}

#[track_caller]
fn assert_harmless(log: &Log, expected: &str) {
    let text = log.text();
    assert!(text.contains(expected), "{expected} is not in\n{text}");
    assert_eq!(raw(&text), None, "{text:?}");
    let forged = text.lines().find(|line| line.trim_start().starts_with(FORGED));
    assert_eq!(forged, None, "{text}");
}

/// Everything is read; iron is written, at once.
fn reading_everything() -> World {
    let mut encoding = EncodingPolicy::writing(Format::Iron).with_read(FormatSet::all());
    encoding.rewrite = Rewrite::OnRead;
    World::with(
        |idp| idp.webhook_secret(SECRET).claim(hostile("claim"), hostile("value")),
        |config| config.encoding(encoding).webhook_secrets([SECRET]),
    )
}

fn app(world: &World) -> Router {
    let layer = world.layer();
    let me = get(|session: Session| async move { session.user_id().to_owned() });
    Router::new().route("/me", me).merge(sealkit_axum::routes(&layer)).layer(layer)
}

async fn get_with(app: &Router, payload: &Value) {
    let cookie = format!("wos-session={}", encode_value(&payload.to_string()));
    send(app, request(Kind::Fetch, "/me", Some(&cookie))).await;
}

#[tokio::test]
async fn hostile_key_id_of_a_forged_token_is_logged_escaped() {
    let (log, _listening) = Log::listen_raw();
    let world = reading_everything();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "RS256", "typ": hostile("JWT"), "kid": hostile("kid")}));
    let claims = part(
        json!({"sub": hostile("user"), "sid": hostile("session"), "iss": hostile("iss"), "exp": 4_102_444_800_u64}),
    );
    let payload = json!({"accessToken": format!("{header}.{claims}.{}", "A".repeat(342)), "user": {"id": hostile("user")}});
    get_with(&app(&world), &payload).await;
    assert_harmless(&log, r#"kid="kid\nFORGED WARN\rFORGED\u{1b}[2J"#);
}

#[tokio::test]
async fn hostile_path_is_logged_escaped() {
    let (log, _listening) = Log::listen_raw();
    let world = World::new();
    let app = app(&world);
    // What hyper takes for a path: everything from `!` on that is UTF-8.
    for path in ["/\u{202e}gpj.exe", "/a\u{2066}\u{200b}", "/\u{9b}31m", "/\u{e0041}\u{3164}"] {
        send(&app, request(Kind::Fetch, path, None)).await;
    }
    assert_harmless(&log, r#"path="/\u{202e}gpj.exe""#);
}

/// A session with a hostile id, of everything that is logged about one: refused, served stale, refreshed, rewritten, too large.
#[tokio::test(start_paused = true)]
async fn hostile_session_is_logged_escaped() {
    let (log, _listening) = Log::listen_raw();
    let world = World::with(
        |idp| idp,
        |config| {
            let mut refresh = sealkit::config::RefreshSettings::default();
            refresh.stale_while_error = Duration::from_secs(3600);
            config
                .refresh(refresh)
                .encoding(EncodingPolicy::writing(Format::Iron).with_read(FormatSet::all()))
        },
    );
    let app = app(&world);
    let mint = || {
        MintSession::for_user(ADA).claim("sid", hostile("session")).claim(hostile("claim"), hostile("value"))
    };
    let refusal = json!({"code": hostile("code"), "error": hostile("error"), "message": hostile("message")});
    for status in [400, 403, 503] {
        world.idp.fault(Endpoint::Authenticate, Fault::json(status, &refusal).always());
        send(&app, request(Kind::Fetch, "/me", Some(&world.cookie_of(mint().expired())))).await;
        let browser = Browser::new(&world, &app);
        drop(browser.clone().sign_in("/me").await);
        world.idp.clear_faults(Endpoint::Authenticate);
    }
    let large = world.cookie_of(mint().expired());
    let ada = world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    world.idp.put_user(ada.with_member(hostile("notes"), "x".repeat(6000))).unwrap();
    send(&app, request(Kind::Fetch, "/me", Some(&large))).await;
    assert_harmless(&log, r#"session_id="session\nFORGED"#);
    assert_harmless(&log, r#"largest="user.notes\nFORGED"#);
}

#[tokio::test]
async fn hostile_member_that_a_format_drops_is_logged_escaped() {
    let (log, _listening) = Log::listen_raw();
    let encoding = {
        let mut encoding = EncodingPolicy::writing(Format::GoGcm).with_read(FormatSet::all());
        encoding.rewrite = Rewrite::OnRead;
        encoding
    };
    let world = World::with(|idp| idp, |config| config.encoding(encoding));
    let minted = world.idp.mint_session(MintSession::for_user(ADA)).unwrap();
    let payload = json!({
        "accessToken": minted.access_token, "refreshToken": minted.refresh_token,
        "user": {"id": minted.user_json["id"], hostile("of the user"): 1}, hostile("member"): hostile("value"),
    });
    let ring = KeyRing::from_password(PASSWORD).unwrap();
    let sealed = iron::seal(payload.to_string().as_bytes(), &ring, None, &SystemRandom).unwrap();
    let cookie = format!("wos-session={}", encode_value(&sealed));
    let reply = send(&app(&world), request(Kind::Navigation, "/me", Some(&cookie))).await;
    assert_eq!(reply.session_lines().len(), 1, "{reply:?}");
    assert_harmless(&log, r"member\nFORGED");
}

#[tokio::test]
async fn hostile_event_id_is_logged_escaped() {
    let (log, _listening) = Log::listen_raw();
    let world = reading_everything();
    let (minted, _) = world.mint(MintSession::for_user(ADA));
    assert!(world.idp.revoke_session(&minted.session_id));
    let webhook = world.idp.webhooks().pop().unwrap();
    let event: Value = serde_json::from_slice(&webhook.body).unwrap();
    let with = |name: &str, value: Value| {
        let mut event = event.clone();
        event["id"] = hostile("event").into();
        event[name] = value;
        event.to_string()
    };
    for body in [
        with("object", "event".into()),
        with("data", json!({})),
        with("created_at", hostile("now").into()),
        with("event", hostile("x").into()),
    ] {
        let signature = webhook_signature(SECRET, world.idp.clock().now(), body.as_bytes());
        let post = Request::post("/webhooks/workos").header("workos-signature", signature);
        send(&app(&world), post.body(Body::from(body)).unwrap()).await;
    }
    assert_harmless(&log, r#"id="event\nFORGED"#);
}

/// Nothing of a request, of an API answer or of a session reaches a page as it is, in development mode either.
#[tokio::test]
async fn hostile_text_reaches_no_page() {
    let world = World::with(|idp| idp, |config| config.development(true));
    let app = app(&world);
    let ada = world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("error", &hostile("error"))
        .append_pair("error_description", &hostile("description"))
        .append_pair("state", &hostile("state"))
        .finish();
    let small = World::with(|idp| idp, |config| config.max_cookie_value(4 * 1024).development(true));
    small.idp.put_user(ada.with_member(hostile("notes"), "x".repeat(6000))).unwrap();
    let small_app = self::app(&small);
    for kind in [Kind::Navigation, Kind::Fetch] {
        for path in [format!("/callback?{query}"), format!("/\u{202e}?{query}"), "/me".to_owned()] {
            let reply = send(&app, request(kind, &path, Some("wos-session=a"))).await;
            assert_eq!((raw(&reply.body), reply.body.contains(FORGED)), (None, false), "{}", reply.body);
        }
        let too_large = Browser::new(&small, &small_app).sign_in("/me").await;
        assert_eq!(too_large.status, 500, "{too_large:?}");
        assert_eq!(raw(&too_large.body), None, "{}", too_large.body);
        assert!(too_large.body.contains(r"notes\nFORGED"), "{}", too_large.body);
    }
}
