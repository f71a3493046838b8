//! Payloads and tokens at the edge of what JSON can hold, in cookies that anybody can write.

use crate::world::{ADA, Kind, Reply, World, request, send};
use axum::{Router, routing::get};
use sealkit::{
    EncodingPolicy, Reason,
    config::RefreshSettings,
    cookie::encode_value,
    format::{Format, FormatSet},
};
use sealkit_axum::{Session, SessionHandle};
use sealkit_devidp::MintSession;
use std::time::Duration;

fn unsealed() -> World {
    let mut refresh = RefreshSettings::default();
    refresh.behind = true;
    World::with(
        |idp| idp,
        |config| {
            let encoding = EncodingPolicy::writing(Format::PlainJson).with_read(FormatSet::all());
            config.encoding(encoding).refresh(refresh)
        },
    )
}

async fn with_payload(world: &World, app: &Router, payload: String) -> Reply {
    let line = format!("{}={}", world.sealkit.config().cookie().name(), encode_value(&payload));
    send(app, request(Kind::Fetch, "/", Some(&line))).await
}

/// Who the page takes the visitor for: the proven user, and what is only claimed.
async fn greeting(session: Session) -> String {
    let claimed = session.user_hint().map(|hint| hint.claimed().email().unwrap_or_default().to_owned());
    let by = session.impersonator_hint().map(|hint| hint.claimed().email.to_owned());
    format!("{} {} {claimed:?} {by:?}", session.user_id(), session.user().is_some())
}

/// Odd members of an unsealed payload never change who the token proves.
#[tokio::test]
async fn odd_payloads_prove_nobody_else() {
    let world = unsealed();
    let app = Router::new().route("/", get(greeting)).layer(world.layer());
    let (minted, _) = world.mint(MintSession::for_user(ADA));
    let (token, id) = (&minted.access_token, minted.user_json["id"].as_str().unwrap());
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for (payload, reason, body) in [
        (
            format!(
                r#"{{"accessToken":"{token}","user":{{"id":"user_2","email":"b"}},"user":{{"id":"{id}","email":"a"}}}}"#
            ),
            None,
            format!(r#"{id} false Some("a") None"#),
        ),
        (
            format!(
                r#"{{"accessToken":"{token}","user":{{"id":"{id}","email":"a"}},"user":{{"id":"user_2","email":"b"}}}}"#
            ),
            Some(Reason::SubjectMismatch),
            String::new(),
        ),
        (
            format!(r#"{{"accessToken":"{token}","user":{{"id":7,"email":"b"}}}}"#),
            None,
            format!("{id} false None None"),
        ),
        (
            format!(r#"{{"accessToken":"{token}","user":null,"impersonator":{{"email":"e"}}}}"#),
            None,
            format!(r#"{id} false None Some("e")"#),
        ),
        (
            format!(r#"{{"accessToken":"x","accessToken":"{token}","x":{}}}"#, deep(4_000)),
            None,
            format!("{id} false None None"),
        ),
        (
            format!(r#"{{"accessToken":"{token}","user":{{"id":"{id}","metadata":{}}}}}"#, deep(2_000)),
            None,
            format!(r#"{id} false Some("") None"#),
        ),
    ] {
        let shown: String = payload.chars().rev().take(60).collect();
        let reply = with_payload(&world, &app, payload).await;
        assert_eq!(reply.reason, reason, "{shown}: {reply:?}");
        if reason.is_none() {
            assert_eq!(reply.body, body, "{shown}");
        }
    }
}

/// The largest and oddest times that a signed token can hold, and other claims of odd types: an answer, and never a panic.
#[tokio::test(start_paused = true)]
async fn odd_claims_are_answered_without_a_panic() {
    let world = unsealed();
    let handler = |handle: SessionHandle| async move {
        let Ok(session) = handle.session().await else { return "denied".to_owned() };
        if let Ok(guard) = handle.guard().await {
            drop(tokio::time::timeout(Duration::from_millis(20), guard).await);
        }
        sealkit_axum::session_json(&session)["session_id"].to_string()
    };
    let app = Router::new().route("/", get(handler)).layer(world.layer());
    let now = world.sealkit.clock().now().as_secs();
    let (soon, far, client) = (now + 300, u64::MAX, world.idp.client_id());
    for (claims, reason) in [
        (format!(r#""exp":{far},"iat":0"#), None),
        (format!(r#""exp":{far},"iat":{far}"#), None),
        (r#""exp":1e300,"iat":1e300"#.to_owned(), None),
        (format!(r#""exp":{soon},"iat":0"#), None),
        (format!(r#""exp":{soon}.5,"iat":-5"#), None),
        (format!(r#""exp":{soon},"iat":"{soon}""#), None),
        (format!(r#""exp":{soon},"roles":{{"a":1}},"permissions":"x","org_id":["a"],"role":7"#), None),
        (format!(r#""exp":{soon},"x":{}1{}"#, "[".repeat(100), "]".repeat(100)), None),
        (format!(r#""exp":{far},"nbf":{far}"#), Some(Reason::InvalidJwt)),
        (format!(r#""exp":"{soon}""#), Some(Reason::InvalidJwt)),
        (r#""exp":-1"#.to_owned(), Some(Reason::InvalidJwt)),
        (r#""exp":null"#.to_owned(), Some(Reason::InvalidJwt)),
        (format!(r#""exp":{soon},"act":{{"sub":7}}"#), Some(Reason::InvalidJwt)),
        (format!(r#""exp":{soon},"act":[]"#), Some(Reason::InvalidJwt)),
        (format!(r#""exp":{soon},"sub":"user_y""#), None),
    ] {
        let all = format!(
            r#"{{"sub":"user_x","sid":"session_x","iss":"{}","auth_time":{now},"client_id":"{client}",{claims}}}"#,
            world.idp.issuer()
        );
        let value: serde_json::Value = serde_json::from_str(&all).unwrap();
        let token = world.idp.sign(&value).unwrap();
        let payload = format!(r#"{{"accessToken":"{token}","refreshToken":"r"}}"#);
        let reply = with_payload(&world, &app, payload).await;
        assert_eq!(reply.reason, reason, "{claims}: {reply:?}");
        let served = reply.body == r#""session_x""#;
        assert_eq!(served, reason.is_none(), "{claims}: {reply:?}");
    }
}
