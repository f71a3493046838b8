//! What sealkit seals, the real libraries open, and the other way round: sessions, seals with an end, states of a sign-in.

use crate::{
    sessions::{camel_sessions, now, password, passwords, ring},
    support::peer::Peer,
};
use sealkit::{
    Detail, KeyRing, State, SystemRandom, UnixMillis, UnsealedSession,
    cookie::{self, CookieSettings},
    format::{Format, iron},
    session::DEFAULT_LIMIT,
    sign_in::{NewSignIn, OwnRoutes, ReturnTo, VerifierCookies, verifier_cookie_name},
};
use serde_json::{Value, json};
use std::time::Duration;

const AUTHKIT_SESSION: &str = "@workos/authkit-session";
const IRON_SESSION: &str = "iron-session";
const IRON_SESSION_9: &str = "iron-session-9";

/// Every library that reads and writes the seal: the Node SDK on iron-session 6 and on iron-webcrypto 2, to the newest.
const LIBRARIES: [&str; 7] = [
    "workos-node-7",
    "workos-node-8",
    "@workos-inc/node",
    "workos-node-11",
    AUTHKIT_SESSION,
    IRON_SESSION,
    IRON_SESSION_9,
];

fn seal(payload: &str, ring: &KeyRing, expires: Option<UnixMillis>) -> String {
    iron::seal(payload.as_bytes(), ring, expires, &SystemRandom).unwrap()
}

fn open_at(sealed: &str, ring: &KeyRing, now: UnixMillis) -> Result<(String, Option<UnixMillis>), Detail> {
    let mut plaintext = Vec::new();
    let expires_at = iron::open(sealed, ring, now, &mut plaintext)?.expires_at;
    Ok((String::from_utf8(plaintext).unwrap(), expires_at))
}

fn open(sealed: &str, ring: &KeyRing) -> Result<String, Detail> {
    open_at(sealed, ring, now()).map(|(plaintext, _)| plaintext)
}

#[tokio::test]
async fn what_sealkit_seals_every_library_opens_to_the_same_text() {
    for library in LIBRARIES {
        let Some(mut peer) = Peer::node("seal.mjs", library) else { return };
        for password in passwords() {
            for payload in camel_sessions() {
                let text = payload.to_string();
                let sealed = seal(&text, &ring(&password), None);
                let opened = peer.ask("open", json!({ "sealed": sealed, "password": password })).await;
                assert_eq!(opened, text, "{library} with {password:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_iron_session_9_splits_over_several_cookies_is_read_whole() {
    let Some(mut peer) = Peer::node("seal.mjs", IRON_SESSION_9) else { return };
    let (password, mut payload) = (password(), camel_sessions().remove(0));
    payload["user"]["metadata"] = json!({ "notes": "x".repeat(6000) });
    let saved = peer.ask("save", json!({ "payload": payload, "password": password })).await;
    let lines: Vec<_> = saved.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut pairs: Vec<&str> = lines
        .into_iter()
        .filter(|line| !line.contains("Max-Age=0"))
        .filter_map(|line| line.split(';').next())
        .collect();
    assert!(pairs.len() > 1, "{} cookies", pairs.len());
    pairs.reverse();
    let header = pairs.join("; ");
    let values: Vec<_> = cookie::values([header.as_str()], "wos-session", DEFAULT_LIMIT).collect();
    assert_eq!(values.len(), 1);
    let opened: Value = serde_json::from_str(&open(&values[0], &ring(&password)).unwrap()).unwrap();
    assert_eq!(opened, payload);
}

#[tokio::test]
async fn what_every_library_seals_sealkit_opens_to_the_same_members() {
    for library in LIBRARIES {
        let Some(mut peer) = Peer::node("seal.mjs", library) else { return };
        for password in passwords() {
            for payload in camel_sessions() {
                let sealed = peer.ask("seal", json!({ "payload": payload, "password": password })).await;
                let text = open(sealed.as_str().unwrap(), &ring(&password)).unwrap();
                assert_eq!(text, payload.to_string(), "{library} with {password:?}");

                let session = UnsealedSession::parse_as(text.into_bytes(), Format::Iron).unwrap();
                assert_eq!(session.access_token(), payload["accessToken"], "{library}");
                assert_eq!(session.organization_id(), payload["organizationId"].as_str(), "{library}");
                let user = session.user().unwrap();
                assert_eq!(user.id(), payload["user"]["id"].as_str(), "{library}");
                assert_eq!(user.first_name(), payload["user"]["firstName"].as_str(), "{library}");
                assert_eq!(
                    session.impersonator_email(),
                    payload["impersonator"]["email"].as_str(),
                    "{library}"
                );
                let metadata = user.metadata();
                for (key, value) in payload["user"]["metadata"].as_object().into_iter().flatten() {
                    assert_eq!(
                        metadata.get(key.as_str()).map(AsRef::as_ref),
                        value.as_str(),
                        "{library}: {key}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn every_length_around_the_block_size_goes_both_ways() {
    for library in [AUTHKIT_SESSION, IRON_SESSION, IRON_SESSION_9] {
        let Some(mut peer) = Peer::node("seal.mjs", library) else { return };
        let (password, ring) = (password(), ring(&password()));
        for length in 0..=33 {
            let payload = json!({ "accessToken": "a".repeat(length) });
            let sealed = seal(&payload.to_string(), &ring, None);
            let opened = peer.ask("open", json!({ "sealed": sealed, "password": password })).await;
            assert_eq!(opened, payload.to_string(), "{library}");
            let sealed = peer.ask("seal", json!({ "payload": payload, "password": password })).await;
            assert_eq!(open(sealed.as_str().unwrap(), &ring).unwrap(), payload.to_string(), "{library}");
        }
    }
}

#[tokio::test]
async fn a_password_can_be_changed_while_both_sides_write() {
    let [new, old, other] = [&passwords()[0], &passwords()[1], &passwords()[2]];
    let both =
        KeyRing::builder().password("new", new.as_str()).password("old", old.as_str()).build().unwrap();
    for library in LIBRARIES {
        let Some(mut peer) = Peer::node("seal.mjs", library) else { return };
        let payload = &camel_sessions()[0];
        for password in [new, old] {
            let sealed = peer.ask("seal", json!({ "payload": payload, "password": password })).await;
            assert_eq!(open(sealed.as_str().unwrap(), &both).unwrap(), payload.to_string(), "{library}");
            assert_eq!(open(sealed.as_str().unwrap(), &ring(other)), Err(Detail::Tampered), "{library}");
        }
        // The first password seals, so the libraries need the new one, and the old one opens nothing.
        let sealed = seal(&payload.to_string(), &both, None);
        let opened = peer.ask("open", json!({ "sealed": sealed, "password": new })).await;
        assert_eq!(opened, payload.to_string(), "{library}");
        let with_old = json!({ "sealed": sealed, "password": old });
        if library == AUTHKIT_SESSION {
            assert_eq!(peer.refusal("open", with_old).await["name"], "SessionEncryptionError");
        } else {
            assert_eq!(peer.ask("open", with_old).await, "{}", "{library}");
        }
    }
}

#[tokio::test]
async fn password_ids_mean_the_same_as_in_iron_session() {
    let Some(mut peer) = Peer::node("seal.mjs", IRON_SESSION) else { return };
    let (one, two) = (&passwords()[0], &passwords()[1]);
    let map = json!({ "1": one, "2": two });
    let named = |id: &str, password: &str| {
        KeyRing::builder().password_with_id("named", id, password).build().unwrap()
    };
    let payload = &camel_sessions()[0];

    // iron-session seals with the highest id.
    let sealed = peer.ask("seal", json!({ "payload": payload, "password": map })).await;
    let sealed = sealed.as_str().unwrap();
    assert!(sealed.starts_with("Fe26.2*2*"));
    assert_eq!(open(sealed, &named("2", two)).unwrap(), payload.to_string());
    assert_eq!(open(sealed, &named("3", two)), Err(Detail::WrongPassword));
    assert_eq!(open(sealed, &ring(two)), Err(Detail::WrongPassword), "a password without an id stands for 1");

    let sealed = seal(&payload.to_string(), &named("2", two), None);
    assert_eq!(peer.ask("open", json!({ "sealed": sealed, "password": map })).await, payload.to_string());
    assert_eq!(peer.ask("open", json!({ "sealed": sealed, "password": two })).await, "{}");
}

#[tokio::test]
async fn a_seal_with_an_end_ends_for_both_sides_at_the_same_moment() {
    const GRACE: Duration = Duration::from_secs(60);
    for library in [AUTHKIT_SESSION, IRON_SESSION, IRON_SESSION_9] {
        let Some(mut peer) = Peer::node("seal.mjs", library) else { return };
        let (password, ring) = (password(), ring(&password()));
        let payload = &camel_sessions()[0];
        let before = now();
        let sealed = peer.ask("seal", json!({ "payload": payload, "password": password, "ttl": 600 })).await;
        let after = now();
        let sealed = sealed.as_str().unwrap();
        let (text, end) = open_at(sealed, &ring, after).unwrap();
        let end = end.expect("a time to live was asked for");
        assert_eq!(text, payload.to_string(), "{library}");
        let ttl = Duration::from_secs(600);
        assert!(before.saturating_add(ttl) <= end && end <= after.saturating_add(ttl), "{library}");
        let dead = end.saturating_add(GRACE);
        assert!(open_at(sealed, &ring, dead.saturating_sub(Duration::from_millis(1))).is_ok(), "{library}");
        assert_eq!(open_at(sealed, &ring, dead), Err(Detail::Expired), "{library}");
    }
    for library in LIBRARIES {
        let Some(mut peer) = Peer::node("seal.mjs", library) else { return };
        let (password, ring) = (password(), ring(&password()));
        let text = camel_sessions()[0].to_string();
        let ending = |end| json!({ "sealed": seal(&text, &ring, Some(end)), "password": password });
        // A minute of grace is room enough for a slow machine.
        let alive = ending(now().saturating_sub(Duration::from_secs(5)));
        assert_eq!(peer.ask("open", alive).await, text, "{library}");
        let dead = ending(now().saturating_sub(GRACE));
        if library == AUTHKIT_SESSION {
            assert_eq!(peer.refusal("open", dead).await["name"], "SessionEncryptionError");
        } else {
            assert_eq!(peer.ask("open", dead).await, "{}", "{library}");
        }
    }
}

#[tokio::test]
async fn a_changed_byte_is_refused_by_both_sides() {
    for library in LIBRARIES {
        let Some(mut peer) = Peer::node("seal.mjs", library) else { return };
        let (password, ring) = (password(), ring(&password()));
        let sealed = peer.ask("seal", json!({ "payload": camel_sessions()[0], "password": password })).await;
        let sealed = sealed.as_str().unwrap();
        let stars: Vec<usize> = sealed.match_indices('*').map(|(at, _)| at).collect();
        // Salt, initialisation vector, ciphertext and MAC salt, each right after its star.
        for part in [1, 2, 3, 5] {
            let at = stars[part] + 1;
            let other = if &sealed[at..=at] == "a" { "b" } else { "a" };
            let forged = format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]);
            assert_eq!(open(&forged, &ring), Err(Detail::Tampered), "{library}: part {part}");
            let forged = json!({ "sealed": forged, "password": password });
            if library == AUTHKIT_SESSION {
                assert_eq!(peer.refusal("open", forged).await["name"], "SessionEncryptionError");
            } else {
                assert_eq!(peer.ask("open", forged).await, "{}", "{library}: part {part}");
            }
        }
    }
}

fn verifier_cookies() -> VerifierCookies {
    VerifierCookies::new(&CookieSettings::default())
}

#[tokio::test]
async fn a_sign_in_that_sealkit_begins_authkit_session_can_finish() {
    let Some(mut peer) = Peer::node("seal.mjs", AUTHKIT_SESSION) else { return };
    let (password, ring) = (password(), ring(&password()));
    let return_to = ReturnTo::sanitize("/inbox?q=ä;b#top", &OwnRoutes::default());
    let new = NewSignIn::new()
        .return_to(&return_to)
        .custom_state("{\"cart\":\"7;8\"} 🛒")
        .redirect_uri("http://localhost/other");
    let begun = verifier_cookies().begin(new, &ring, &SystemRandom, now()).unwrap();
    let state = begun.state.expose_secret();

    assert_eq!(peer.ask("verifierCookieName", json!({ "state": state })).await, verifier_cookie_name(state));
    let checked = json!({ "password": password, "state": state, "cookie": state });
    let opened = peer.ask("verifyState", checked).await;
    assert_eq!(opened["codeVerifier"], begun.code_verifier.expose_secret());
    assert_eq!(opened["returnPathname"], return_to.as_str());
    assert_eq!(opened["customState"], "{\"cart\":\"7;8\"} 🛒");
    assert_eq!(opened["redirectUri"], "http://localhost/other");
    assert!(opened["nonce"].is_string() && opened["issuedAt"].is_u64());

    let other = verifier_cookies().begin(NewSignIn::new(), &ring, &SystemRandom, now()).unwrap();
    let crossed = json!({ "password": password, "state": state, "cookie": other.state.expose_secret() });
    assert_eq!(peer.refusal("verifyState", crossed).await["name"], "OAuthStateMismatchError");
    let late = now().saturating_sub(Duration::from_secs(601));
    let late = verifier_cookies().begin(NewSignIn::new(), &ring, &SystemRandom, late).unwrap();
    let late = late.state.expose_secret();
    let late = json!({ "password": password, "state": late, "cookie": late });
    assert_eq!(peer.refusal("verifyState", late).await["name"], "SessionEncryptionError");
}

#[tokio::test]
async fn a_sign_in_that_authkit_session_begins_sealkit_can_finish() {
    let Some(mut peer) = Peer::node("seal.mjs", AUTHKIT_SESSION) else { return };
    let (password, ring) = (password(), ring(&password()));
    let asked = json!({
        "password": password, "returnPathname": "/inbox?q=1", "state": "cart 7", "redirectUri": "http://localhost/other",
    });
    let begun = peer.ask("beginSignIn", asked).await;
    let state = begun["sealedState"].as_str().unwrap();
    let name = begun["cookieName"].as_str().unwrap();
    assert_eq!(verifier_cookie_name(state), name);

    let line = format!("other=1; {name}={state}");
    let opened = verifier_cookies().open(&State::from(state), [line.as_str()], &ring, now()).unwrap();
    assert_eq!(opened.return_to(&OwnRoutes::default()).as_str(), "/inbox?q=1");
    assert_eq!(opened.custom_state(), Some("cart 7"));
    assert_eq!(opened.redirect_uri(), Some("http://localhost/other"));
    assert!(opened.nonce().is_some());
    let challenge = sealkit::sign_in::CodeChallenge::of(opened.code_verifier());
    assert!(begun["url"].as_str().unwrap().contains(&format!("code_challenge={}", challenge.as_str())));
}

/// authkit-nextjs and react-router seal their state with iron-session.
#[tokio::test]
async fn a_state_sealed_by_iron_session_opens_here_and_ours_opens_there() {
    let Some(mut peer) = Peer::node("seal.mjs", IRON_SESSION) else { return };
    let (password, ring) = (password(), ring(&password()));
    let verifier = "v".repeat(43);
    let payload = json!({ "nonce": "n", "codeVerifier": verifier, "returnPathname": "/a" });
    let sealed = peer.ask("seal", json!({ "payload": payload, "password": password, "ttl": 600 })).await;
    let state = sealed.as_str().unwrap();
    let line = format!("{}={state}", verifier_cookie_name(state));
    let opened = verifier_cookies().open(&State::from(state), [line.as_str()], &ring, now()).unwrap();
    assert_eq!(opened.code_verifier().expose_secret(), verifier);
    assert_eq!(opened.return_to(&OwnRoutes::default()).as_str(), "/a");

    let begun = verifier_cookies().begin(NewSignIn::new(), &ring, &SystemRandom, now()).unwrap();
    let asked = json!({ "sealed": begun.state.expose_secret(), "password": password, "ttl": 600 });
    let text = peer.ask("open", asked).await;
    let opened: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    assert_eq!(opened["codeVerifier"], begun.code_verifier.expose_secret());
}
