//! `@workos-inc/authkit-react-router`: an iron seal in the framework's signed cookie.

use crate::{
    sessions::{camel_sessions, open, parsed, passwords, seal},
    support::peer::Peer,
};
use sealkit::{
    Detail,
    cookie::{CookieSettings, decode_value},
    format::Format,
};
use serde_json::{Value, json};

const LIBRARY: &str = "@workos-inc/authkit-react-router";

/// What fits into a cookie: the framework throws for more.
fn sessions() -> Vec<Value> {
    let mut sessions = camel_sessions();
    sessions.pop();
    sessions
}

async fn sealed_there(peer: &mut Peer, payload: &Value, password: &str) -> String {
    let line = peer.ask("seal", json!({ "payload": payload, "password": password })).await;
    let line = line.as_str().unwrap();
    assert!(line.ends_with("; Max-Age=34560000; Path=/; HttpOnly; Secure; SameSite=Lax"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

/// What a browser sends back of the `Set-Cookie` in which sealkit has put this seal.
fn pair(sealed: &str) -> String {
    let line = CookieSettings::default().set(sealed, Format::RrCookie.wire()).unwrap().into_header_value();
    line.split(';').next().unwrap().to_owned()
}

fn value_of(pair: &str) -> String {
    let value = pair.strip_prefix("wos-session=").unwrap();
    decode_value(value).unwrap().into_owned()
}

#[tokio::test]
async fn react_router_s_sessions_go_both_ways() {
    let Some(mut peer) = Peer::node("router.mjs", LIBRARY) else { return };
    for password in passwords() {
        for payload in sessions() {
            let by_router = sealed_there(&mut peer, &payload, &password).await;
            let session = open(Format::RrCookie, &value_of(&by_router), &password).unwrap();
            assert_eq!(session.expose_text(), payload.to_string(), "{password}");

            let by_sealkit = pair(&seal(Format::RrCookie, &payload.to_string(), &password));
            for cookie in [by_sealkit.as_str(), &format!("a=1; {by_sealkit}; b=2")] {
                let opened = peer.ask("open", json!({ "cookie": cookie, "password": password })).await;
                assert_eq!(opened, payload.to_string(), "{password}");
            }
            let lengths = [&by_sealkit, &by_router].map(|pair| value_of(pair).len());
            assert_eq!(lengths[0], lengths[1], "the same container to the byte");
        }
    }
}

#[tokio::test]
async fn neither_takes_the_other_s_cookie_with_another_password_or_signature() {
    let Some(mut peer) = Peer::node("router.mjs", LIBRARY) else { return };
    let [password, other] = [&passwords()[0], &passwords()[1]];
    let payload = &sessions()[1];
    let by_router = sealed_there(&mut peer, payload, password).await;
    let by_sealkit = pair(&seal(Format::RrCookie, &payload.to_string(), password));
    for good in [by_router, by_sealkit] {
        let signature_of_another = format!(
            "{}.{}",
            good.rsplit_once('.').unwrap().0,
            pair(&seal(Format::RrCookie, &payload.to_string(), password)).rsplit_once('.').unwrap().1
        );
        for (cookie, password) in [(&good, other), (&signature_of_another, password)] {
            let refused = open(Format::RrCookie, &value_of(cookie), password).unwrap_err();
            assert_eq!(refused, Detail::Tampered);
            let opened = peer.ask("open", json!({ "cookie": cookie, "password": password })).await;
            assert_eq!(opened, Value::Null);
        }
    }
}

/// authkit-react-router's callback writes `headers`, which is nothing that an application stored.
#[tokio::test]
async fn a_member_of_the_package_s_own_stays_where_it_is() {
    let Some(mut peer) = Peer::node("router.mjs", LIBRARY) else { return };
    let password = &passwords()[0];
    let mut payload = sessions().swap_remove(0);
    payload["headers"] = json!({});
    let by_router = sealed_there(&mut peer, &payload, password).await;
    let session = open(Format::RrCookie, &value_of(&by_router), password).unwrap();
    assert_eq!(parsed(session.expose_text())["headers"], json!({}));
}
