use super::*;
use crate::{SystemRandom, cookie::CookieSettings};
use serde_json::Value;

const PASSWORD: &str = "cookie-password-for-tests-only-0123456789";
const NOW: UnixMillis = UnixMillis::from_millis(1_795_220_586_953);

fn ring() -> KeyRing {
    KeyRing::from_password(PASSWORD).unwrap()
}

fn cookies() -> VerifierCookies {
    VerifierCookies::new(&CookieSettings::default())
}

fn begin(new: NewSignIn<'_>) -> Result<SignInStart, BeginError> {
    cookies().begin(new, &ring(), &SystemRandom, NOW)
}

fn table(name: &str) -> Vec<Value> {
    let tables: Value =
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/tables.json")))
            .unwrap();
    tables[name].as_array().unwrap().clone()
}

fn vectors() -> Vec<Value> {
    let file: Value =
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/pkce.json")))
            .unwrap();
    file["vectors"].as_array().unwrap().clone()
}

#[test]
fn every_vector_opens_to_its_plaintext_or_fails_in_an_allowed_way() {
    let (mut good, mut bad) = (0, 0);
    for vector in vectors() {
        let id = vector["id"].as_str().unwrap();
        let ring = KeyRing::from_password(vector["password"].as_str().unwrap()).unwrap();
        let now = UnixMillis::from_millis(vector["now_ms"].as_u64().unwrap());
        let value = vector["cookie_value"].as_str().unwrap();
        let opened = check_pkce(value, &ring, now);
        if vector["expect"] != "ok" {
            let detail = opened.expect_err(id);
            assert!(
                vector["expect_any"].as_array().unwrap().contains(&detail.as_str().into()),
                "{id}: {detail}"
            );
            bad += 1;
            continue;
        }
        let opened = opened.unwrap_or_else(|detail| panic!("{id}: {detail}"));
        let mut plaintext = Vec::new();
        iron::open(value, &ring, now, &mut plaintext).unwrap();
        assert_eq!(plaintext, vector["plaintext"].as_str().unwrap().as_bytes(), "{id}");
        let payload = &vector["payload"];
        assert_eq!(opened.code_verifier().expose_secret(), payload["codeVerifier"], "{id}");
        for (name, ours) in [
            ("nonce", opened.nonce()),
            ("customState", opened.custom_state()),
            ("redirectUri", opened.redirect_uri()),
            ("returnPathname", opened.return_pathname.as_deref()),
        ] {
            assert_eq!(payload[name].as_str(), ours, "{id}: {name}");
        }
        good += 1;
    }
    assert_eq!((good, bad), (14, 10));
}

#[test]
fn a_callback_with_a_vector_s_cookie_and_state_succeeds_exactly_where_the_libraries_read_that_cookie() {
    for vector in vectors() {
        let id = vector["id"].as_str().unwrap();
        let Some(name) = vector["cookie_name"].as_str() else { continue };
        let header = format!("{name}={}", vector["cookie_value"].as_str().unwrap());
        let state = State::from(vector["state_param"].as_str().unwrap());
        let now = UnixMillis::from_millis(vector["now_ms"].as_u64().unwrap());
        let opened = cookies().open(&state, [header.as_str()], &ring(), now);
        // react-router names its cookie by another hash, and 2.17 kept state and cookie apart.
        if matches!(id, "pkce-react-router" | "pkce-nextjs-2.17-verifier") {
            assert_eq!(opened.unwrap_err().reason(), crate::Reason::MissingPkceCookie, "{id}");
        } else {
            assert_eq!(opened.unwrap().nonce(), vector["payload"]["nonce"].as_str(), "{id}");
        }
    }
}

#[test]
fn the_plaintext_is_written_as_authkit_session_writes_it() {
    let home = ReturnTo::sanitize("/é/ü?q=ü;x", &OwnRoutes::default());
    let started = begin(
        NewSignIn::new().return_to(&home).custom_state("a\"b").redirect_uri("https://other.example/callback"),
    )
    .unwrap();
    let (ring, mut plaintext) = (ring(), Vec::new());
    let opened = iron::open(started.state.expose_secret(), &ring, NOW, &mut plaintext).unwrap();
    assert_eq!(opened.expires_at, Some(NOW.saturating_add(STATE_TTL)));
    let payload: serde_json::Map<String, Value> = serde_json::from_slice(&plaintext).unwrap();
    assert_eq!(
        payload.keys().collect::<Vec<_>>(),
        ["nonce", "codeVerifier", "returnPathname", "customState", "redirectUri", "issuedAt"]
    );
    assert_eq!(payload["returnPathname"], "/%C3%A9/%C3%BC?q=%C3%BC;x");
    assert_eq!(payload["issuedAt"], NOW.as_millis());
    let nonce = payload["nonce"].as_str().unwrap();
    let shape: String = nonce.chars().map(|c| if c == '-' { '-' } else { 'x' }).collect();
    assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    assert!(nonce.chars().nth(14) == Some('4') && "89ab".contains(nonce.chars().nth(19).unwrap()), "{nonce}");
    assert!(!plaintext.contains(&b' '), "compact");

    let bare = begin(NewSignIn::new()).unwrap();
    iron::open(bare.state.expose_secret(), &ring, NOW, &mut plaintext).unwrap();
    let payload: serde_json::Map<String, Value> = serde_json::from_slice(&plaintext).unwrap();
    assert_eq!(payload.keys().collect::<Vec<_>>(), ["nonce", "codeVerifier", "issuedAt"]);
}

#[test]
fn a_sign_in_comes_back_as_it_went() {
    let own = OwnRoutes::default();
    let page = ReturnTo::sanitize("/dashboard?tab=1#x", &own);
    let started = begin(NewSignIn::new().return_to(&page).custom_state("custom")).unwrap();
    let line = started.cookie.to_header_value();
    let pair = line.split("; ").next().unwrap();
    let opened = cookies().open(&started.state, [pair], &ring(), NOW).unwrap();
    assert_eq!(opened.code_verifier(), &started.code_verifier);
    assert_eq!(started.code_challenge, CodeChallenge::of(opened.code_verifier()));
    assert_eq!(opened.return_to(&own), page);
    assert_eq!(opened.return_to(&OwnRoutes::new(["/dashboard"])).as_str(), "/");
    assert_eq!(opened.custom_state(), Some("custom"));
    assert_eq!(opened.begun_at(), NOW);
    assert!(!format!("{opened:?}{started:?}").contains("custom"));
}

#[test]
fn max_age_comes_back_in_whole_seconds() {
    let started = begin(NewSignIn::new().max_age(Duration::from_millis(300_900))).unwrap();
    let mut plaintext = Vec::new();
    iron::open(started.state.expose_secret(), &ring(), NOW, &mut plaintext).unwrap();
    let payload: serde_json::Map<String, Value> = serde_json::from_slice(&plaintext).unwrap();
    assert_eq!(payload.keys().collect::<Vec<_>>(), ["nonce", "codeVerifier", "issuedAt", "maxAge"]);
    assert_eq!(payload["maxAge"], 300);
    let opened = check_pkce(started.state.expose_secret(), &ring(), NOW).unwrap();
    assert_eq!(opened.max_age(), Some(Duration::from_secs(300)));
}

#[test]
fn recent_sign_in_satisfies_max_age_and_an_old_one_does_not() {
    let parse = |max_age: &str| {
        let verifier = "v".repeat(43);
        let text = format!(r#"{{"codeVerifier":"{verifier}","issuedAt":{}{max_age}}}"#, NOW.as_millis());
        PkceState::parse(text.as_bytes(), None, NOW)
    };
    let before = |ms| Some(NOW.saturating_sub(Duration::from_millis(ms)));
    let after = |ms| Some(NOW.saturating_add(Duration::from_millis(ms)));
    let callback_at = NOW.saturating_add(Duration::from_secs(300));
    for (max_age, at, recent) in [
        // Sealed by another library, or by a process that is older than this check.
        ("", None, true),
        ("", Some(UnixMillis::default()), true),
        (r#","maxAge":null"#, None, true),
        (r#","maxAge":0"#, None, false),
        (r#","maxAge":0"#, before(60_000), true),
        (r#","maxAge":0"#, before(60_001), false),
        (r#","maxAge":0"#, after(360_000), true),
        (r#","maxAge":0"#, after(360_001), false),
        (r#","maxAge":300"#, Some(UnixMillis::from_millis(u64::MAX)), false),
        (r#","maxAge":300"#, before(360_000), true),
        (r#","maxAge":300"#, before(360_001), false),
        (r#","maxAge":300"#, Some(UnixMillis::default()), false),
        (r#","maxAge":18446744073709551615"#, Some(UnixMillis::default()), true),
        (r#","maxAge":18446744073709551615"#, None, false),
    ] {
        assert_eq!(parse(max_age).unwrap().is_recent(at, callback_at), recent, "{max_age} {at:?}");
    }
    // What cannot be read cannot be checked.
    for max_age in ["-1", "1.5", "\"300\"", "true", "[]", "18446744073709551616"] {
        assert_eq!(parse(&format!(r#","maxAge":{max_age}"#)), Err(Detail::NotASession), "{max_age}");
    }
}

#[test]
fn a_return_path_of_another_library_is_sanitized_when_read() {
    let plaintext =
        format!(r#"{{"nonce":"n","codeVerifier":"{}","returnPathname":"//evil.test/x"}}"#, "v".repeat(43));
    let state = PkceState::parse(plaintext.as_bytes(), Some(NOW), NOW).unwrap();
    assert_eq!(state.return_to(&OwnRoutes::default()).as_str(), "/");
}

#[test]
fn the_limits_are_those_of_authkit_session_to_the_byte() {
    for row in table("pkce_limits") {
        let state = "s".repeat(usize::try_from(row["state_bytes"].as_u64().unwrap()).unwrap());
        let path_bytes = usize::try_from(row["returnPathname_bytes"].as_u64().unwrap()).unwrap();
        let path = ReturnTo::sanitize(
            &format!("/{}", "p".repeat(path_bytes.saturating_sub(1))),
            &OwnRoutes::default(),
        );
        let mut new = NewSignIn::new().custom_state(&state);
        if path_bytes > 0 {
            assert_eq!(path.as_str().len(), path_bytes);
            new = new.return_to(&path);
        }
        let theirs = row["result"].as_str().unwrap();
        match begin(new) {
            Ok(_) => assert_eq!(theirs, "ok"),
            Err(BeginError::CustomStateTooLarge { bytes, limit }) => {
                assert!(
                    theirs.contains(&format!("{bytes} bytes, exceeds supported limit of {limit}")),
                    "{theirs}"
                );
            }
            Err(BeginError::CookieTooLarge { bytes, limit }) => {
                assert!(
                    theirs.contains(&format!("is {bytes} bytes, exceeds supported limit of {limit}")),
                    "{bytes}"
                );
            }
            Err(other) => panic!("{other}"),
        }
    }
    let multibyte = "é".repeat(1025);
    let error = begin(NewSignIn::new().custom_state(&multibyte)).unwrap_err();
    assert_eq!(error, BeginError::CustomStateTooLarge { bytes: 2050, limit: 2048 });
}

#[test]
fn the_age_is_at_most_600_s_and_at_most_60_s_in_the_future() {
    let started = begin(NewSignIn::new()).unwrap();
    let at = |now| check_pkce(started.state.expose_secret(), &ring(), now).map(|_| ());
    let ms = Duration::from_millis;
    assert_eq!(at(NOW.saturating_add(ms(600_000))), Ok(()));
    assert_eq!(at(NOW.saturating_add(ms(600_001))), Err(Detail::Expired));
    assert_eq!(at(NOW.saturating_sub(ms(60_000))), Ok(()));
    assert_eq!(at(NOW.saturating_sub(ms(60_001))), Err(Detail::Expired));
}

#[test]
fn only_an_object_of_the_right_members_is_a_state() {
    let verifier = "v".repeat(43);
    let parse = |text: &str| PkceState::parse(text.as_bytes(), Some(NOW), NOW).map(|_| ());
    assert_eq!(parse(&format!(r#"{{"codeVerifier":"{verifier}","later":[1]}}"#)), Ok(()));
    for text in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        format!(r#"["n","{verifier}",null,null,null,1]"#),
        r#"{"codeVerifier":"short"}"#.to_owned(),
        r#"{"codeVerifier":1}"#.to_owned(),
        format!(r#"{{"codeVerifier":"{verifier}","issuedAt":"1"}}"#),
        format!(r#"{{"codeVerifier":"{verifier}","issuedAt":-1}}"#),
        format!(r#"{{"codeVerifier":"{verifier}","customState":{{}}}}"#),
        format!(r#"{{"codeVerifier":"{verifier}","codeVerifier":"{verifier}"}}"#),
        format!(r#"{{"codeVerifier":"{verifier}"}}x"#),
    ] {
        assert_eq!(parse(&text), Err(Detail::NotASession), "{text}");
    }
    let eternal = format!(r#"{{"codeVerifier":"{verifier}"}}"#);
    assert_eq!(PkceState::parse(eternal.as_bytes(), None, NOW), Err(Detail::NotASession));
}

#[test]
fn a_value_beyond_the_limit_costs_no_crypto() {
    let value = "x".repeat(MAX_SEAL_BYTES + 1);
    assert_eq!(check_pkce(&value, &ring(), NOW), Err(Detail::TooLarge));
}
