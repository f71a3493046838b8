//! Sessions of every format as the layer writes them: the wire form, and what the log says when the format changes.

use crate::{
    log::Log,
    world::{ADA, Browser, Kind, World, request, send},
};
use axum::{Router, routing};
use http::StatusCode;
use sealkit::{
    Clock as _, EncodingPolicy, KeyRing, Rewrite, SealedSession, SystemRandom,
    cookie::encode_value,
    format::{Format, FormatSet, Wire},
    session::{UnsealedSession, payload_in},
};
use sealkit_axum::{Session, SessionHandle};
use sealkit_devidp::MintSession;

/// A password of every shape.
fn ring() -> KeyRing {
    let builder = KeyRing::builder().password("base64", format!("{}=", "A".repeat(43)));
    builder.password("hex", "ab".repeat(32)).password("bytes", "x".repeat(32)).build().unwrap()
}

fn world(policy: EncodingPolicy) -> World {
    World::with(|idp| idp, |config| config.key_ring(ring()).encoding(policy))
}

/// Ada's session as `format` has it, whatever `world` writes.
fn sealed(world: &World, format: Format, session: MintSession) -> SealedSession {
    let minted = world.idp.mint_session(session).unwrap();
    let json = minted.response_json.to_string();
    let unsealed = UnsealedSession::parse_as(json.into_bytes(), Format::PythonFernet).unwrap();
    let payload = payload_in(&unsealed, format).payload;
    let now = world.sealkit.clock().now();
    let text = format.wrap(&payload, now, std::time::Duration::ZERO);
    SealedSession::from(format.seal(text.as_bytes(), &ring(), now, &SystemRandom).unwrap())
}

fn app(world: &World) -> Router {
    let layer = world.layer();
    let page = |session: Session| async move { session.user_id().to_owned() };
    Router::new().route("/", routing::get(page)).merge(sealkit_axum::routes(&layer)).layer(layer)
}

/// The value in the jar, and that value decoded.
fn held(browser: &Browser) -> (String, String) {
    let raw = browser.jar["wos-session"].clone();
    let decoded = sealkit::cookie::decode_value(&raw).unwrap().into_owned();
    (raw, decoded)
}

#[tokio::test]
async fn each_format_is_set_in_the_form_that_its_readers_expect() {
    for format in Format::ALL {
        let world = world(EncodingPolicy::writing(*format));
        let mut browser = Browser::new(&world, &app(&world));
        assert_eq!(browser.sign_in("/").await.status, StatusCode::SEE_OTHER, "{format}");
        for step in ["sign-in", "refresh"] {
            let (raw, value) = held(&browser);
            match format.wire() {
                Wire::Encoded => assert_eq!(raw, encode_value(&value), "{format}, {step}"),
                _ => assert_eq!(raw, value, "{format}, {step}"),
            }
            world.idp.advance(std::time::Duration::from_secs(3600));
            assert_eq!(browser.go("/").await.status, StatusCode::OK, "{format}, {step}");
            assert_ne!(held(&browser).1, value, "{format}: the refresh set a cookie");
        }
    }
}

#[tokio::test]
async fn handed_over_value_is_set_in_its_own_form() {
    for (written, handed) in [
        (Format::Iron, Format::PythonFernet),
        (Format::Iron, Format::RubyV7),
        (Format::Iron, Format::GoGcm),
        (Format::PhpSecretbox, Format::GoGcm),
        (Format::GoGcm, Format::PhpSecretbox),
        (Format::GoGcm, Format::RubyV6),
    ] {
        let world = world(EncodingPolicy::writing(written));
        let other = sealed(&world, handed, MintSession::for_user(ADA));
        let value = other.expose_secret().to_owned();
        let replace = move |handle: SessionHandle| {
            let other = other.clone();
            async move { handle.replace(other).await.unwrap().user_id().to_owned() }
        };
        let app = Router::new().route("/", routing::get(replace)).layer(world.layer().optional());
        let mut browser = Browser::new(&world, &app);
        assert_eq!(browser.go("/").await.status, StatusCode::OK, "{handed}");
        let expected = if handed.wire() == Wire::Encoded { encode_value(&value) } else { value };
        assert_eq!(held(&browser).0, expected, "{handed} where {written} is written");
    }
}

/// The lines that warn of a change of format.
fn changes(log: &Log) -> Vec<String> {
    let lines = log.text();
    lines.lines().filter(|line| line.contains("is written as")).map(str::to_owned).collect()
}

#[tokio::test]
async fn refresh_into_another_format_warns_once_for_each_format() {
    let (log, _listening) = Log::listen();
    let world = world(EncodingPolicy::default());
    let app = app(&world);
    for (came, effect) in [
        (Format::KotlinIron, "throw, and their applications answer 500 to every request"),
        (Format::RrCookie, "find no session in it and take the user for a stranger"),
        (Format::PythonFernet, "reject it (`invalid_session_cookie`), and the user looks signed out"),
    ] {
        for attempt in 0..2 {
            let cookie = sealed(&world, came, MintSession::for_user(ADA).expired());
            let reply = send(&app, request(Kind::Navigation, "/", Some(&world.line(&cookie)))).await;
            assert_eq!((reply.status, reply.session_lines().len()), (StatusCode::OK, 1), "{came} {attempt}");
        }
        let told = changes(&log);
        let of_it: Vec<_> = told
            .iter()
            .filter(|line| line.contains(&format!("came as {came}, is written as iron")))
            .collect();
        assert_eq!(of_it.len(), 1, "{told:#?}");
        assert!(of_it[0].contains("WARN") && of_it[0].contains(effect), "{}", of_it[0]);
        assert!(of_it[0].contains(came.writer()), "{}", of_it[0]);
    }
    let own = world.expired_cookie();
    send(&app, request(Kind::Navigation, "/", Some(&own))).await;
    assert_eq!(changes(&log).len(), 3);
}

#[tokio::test]
async fn rewrite_on_read_warns_once_and_same_container_never() {
    let (log, _listening) = Log::listen();
    let policy = EncodingPolicy::writing(Format::GoGcm).with_rewrite(Rewrite::OnRead);
    let world = world(policy.with_read(FormatSet::sealed()));
    let app = app(&world);
    for came in [Format::Iron, Format::Iron, Format::RustGcm, Format::GoGcm] {
        let cookie = sealed(&world, came, MintSession::for_user(ADA));
        let reply = send(&app, request(Kind::Navigation, "/", Some(&world.line(&cookie)))).await;
        assert_eq!(reply.status, StatusCode::OK, "{came}");
    }
    let told = changes(&log);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("came as iron, is written as go-gcm"), "{}", told[0]);
    assert!(told[0].contains("SEALKIT_FORMAT_WRITE"), "{}", told[0]);
}

/// Between 3,670 and 4,084 characters the escapes of base64 would not fit into one cookie, and Go reads no pieces.
#[tokio::test]
async fn session_that_fits_raw_is_one_cookie() {
    let world = world(EncodingPolicy::writing(Format::GoGcm));
    let ada = world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    let mut sizes = Vec::new();
    for notes in (1000..1800).step_by(50) {
        world.idp.put_user(ada.clone().with_metadata("notes", "x".repeat(notes))).unwrap();
        let mut browser = Browser::new(&world, &app(&world));
        browser.sign_in("/").await;
        if let Some(value) = browser.jar.get("wos-session") {
            assert!(!value.contains('%'));
            sizes.push(value.len());
        }
    }
    assert!(sizes.iter().any(|size| (3900..=4084).contains(size)), "{sizes:?}");
}
