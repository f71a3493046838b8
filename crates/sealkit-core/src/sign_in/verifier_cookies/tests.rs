use super::*;
use crate::{SystemRandom, cookie::SameSite, format::iron};
use serde_json::Value;
use std::time::Duration;

const NOW: UnixMillis = UnixMillis::from_millis(1_795_220_586_953);

fn ring() -> KeyRing {
    KeyRing::from_password("cookie-password-for-tests-only-0123456789").unwrap()
}

fn cookies() -> VerifierCookies {
    VerifierCookies::new(&CookieSettings::default())
}

fn begin_at(now: UnixMillis, new: NewSignIn<'_>) -> SignInStart {
    cookies().begin(new, &ring(), &SystemRandom, now).unwrap()
}

fn seconds_ago(seconds: u64) -> UnixMillis {
    NOW.saturating_sub(Duration::from_secs(seconds))
}

fn pair(cookie: &SetCookie) -> &str {
    cookie.to_header_value().split("; ").next().unwrap()
}

fn names(deletions: &[SetCookie]) -> Vec<&str> {
    assert!(deletions.iter().all(SetCookie::is_deletion));
    deletions.iter().map(SetCookie::name).collect()
}

#[test]
fn the_name_is_the_one_that_authkit_session_and_nextjs_give() {
    let tables: Value =
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/tables.json")))
            .unwrap();
    for row in tables["pkce_cookie_name"].as_array().unwrap() {
        let state = row["state"].as_str().unwrap();
        assert_eq!(verifier_cookie_name(state), row["authkit_session_and_nextjs"], "{state}");
    }
    assert!(is_verifier_cookie("wos-auth-verifier") && is_verifier_cookie("wos-auth-verifier-5cd3da3c"));
    assert!(!is_verifier_cookie("wos-auth-verifierx") && !is_verifier_cookie("wos-pkce-verifier"));
}

#[test]
fn the_attributes_follow_from_those_of_the_session_cookie() {
    let line = |settings: CookieSettings, uri: Option<&'static str>| {
        let new = uri.map_or(NewSignIn::new(), |uri| NewSignIn::new().redirect_uri(uri));
        let started = VerifierCookies::new(&settings).begin(new, &ring(), &SystemRandom, NOW).unwrap();
        started.cookie.to_header_value().split_once("; ").unwrap().1.to_owned()
    };
    let with = |same_site| CookieSettings::builder().same_site(same_site);
    let default = line(CookieSettings::default(), None);
    assert_eq!(default, "Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax");
    assert_eq!(line(with(SameSite::Strict).path("/app").build().unwrap(), None), default);
    assert_eq!(
        line(with(SameSite::None).secure(false).domain("example.com").build().unwrap(), None),
        "Path=/; Domain=example.com; Max-Age=600; HttpOnly; Secure; SameSite=None"
    );
    let http = Some("http://localhost:3000/callback");
    assert_eq!(line(CookieSettings::default(), http), "Path=/; Max-Age=600; HttpOnly; SameSite=Lax");
    assert_eq!(
        line(with(SameSite::None).build().unwrap(), http),
        "Path=/; Max-Age=600; HttpOnly; Secure; SameSite=None"
    );
    assert_eq!(line(with(SameSite::Lax).secure(false).build().unwrap(), Some("https://a.test/cb")), default);
}

#[test]
fn names_take_the_prefix_of_the_sessions_name_and_nothing_else_is_read() {
    for (session, prefix) in [
        ("__Host-wos-session", "__Host-"),
        ("__Host-Http-wos-session", "__Host-Http-"),
        ("__http-wos-session", "__Http-"),
        ("__Secure-wos-session", "__Secure-"),
    ] {
        let settings = CookieSettings::builder().name(session).build().unwrap();
        let cookies = VerifierCookies::new(&settings);
        // The redirect URI decides on `Secure` where nothing forces it.
        let new = NewSignIn::new().redirect_uri("http://localhost:3000/callback");
        let begun = cookies.begin(new, &ring(), &SystemRandom, NOW).unwrap();
        let state = begun.state.expose_secret();
        let line = begun.cookie.to_header_value();
        assert_eq!(begun.cookie.name(), format!("{prefix}{}", verifier_cookie_name(state)));
        assert!(line.contains("; Path=/; ") && line.contains("; Secure"), "{line}");
        assert!(is_verifier_cookie(begun.cookie.name()));
        assert!(cookies.open(&begun.state, [pair(&begun.cookie)], &ring(), NOW).is_ok());
        assert_eq!(names(&cookies.delete(&begun.state, [pair(&begun.cookie)])), [begun.cookie.name()]);
        for tossed in [pair(&begun.cookie).replacen(prefix, "", 1), format!("{VERIFIER_COOKIE}={state}")] {
            let failure = cookies.open(&begun.state, [tossed.as_str()], &ring(), NOW).unwrap_err();
            assert_eq!(failure.reason(), Reason::MissingPkceCookie, "{tossed}");
            assert!(cookies.delete(&begun.state, [tossed.as_str()]).is_empty());
            assert!(cookies.evict([tossed.repeat(9).as_str()], &begun.cookie, &ring(), NOW).is_empty());
        }
    }
}

#[test]
fn a_callback_of_another_browser_is_refused_before_anything_is_opened() {
    let mine = begin_at(NOW, NewSignIn::new());
    let theirs = begin_at(NOW, NewSignIn::new());
    let open = |state: &State, header: &str| {
        cookies().open(state, [header], &ring(), NOW).map_err(|failure| (failure.reason(), failure.detail()))
    };
    assert_eq!(open(&mine.state, "").unwrap_err(), (Reason::MissingPkceCookie, None));
    assert_eq!(open(&mine.state, pair(&theirs.cookie)).unwrap_err(), (Reason::MissingPkceCookie, None));
    // Their seal under the name of mine: it would open, and is not looked at.
    let planted = format!("{}={}", mine.cookie.name(), theirs.state.expose_secret());
    assert_eq!(open(&mine.state, &planted).unwrap_err(), (Reason::OauthStateMismatch, None));
    // A forged pair is equal, and does not open.
    let forged = State::from("Fe26.2*1*forged");
    let header = format!("{}=Fe26.2*1*forged", verifier_cookie_name("Fe26.2*1*forged"));
    assert_eq!(open(&forged, &header).unwrap_err(), (Reason::OauthStateMismatch, Some(Detail::Truncated)));
    // Of two cookies of the name, the equal one counts.
    let both = format!("{planted}; {}", pair(&mine.cookie));
    assert!(open(&mine.state, &both).is_ok());
}

#[test]
fn an_old_sign_in_says_that_it_is_old() {
    let old = begin_at(seconds_ago(601), NewSignIn::new());
    let failure = cookies().open(&old.state, [pair(&old.cookie)], &ring(), NOW).unwrap_err();
    assert_eq!(failure.reason(), Reason::PkceStateExpired);
}

#[test]
fn another_seal_of_ours_is_no_sign_in() {
    let verifier = "v".repeat(43);
    for payload in [
        r#"{"accessToken":"a.b.c","refreshToken":"r"}"#.to_owned(),
        format!(r#"{{"codeVerifier":"{verifier}"}}"#),
    ] {
        let seal = iron::seal(payload.as_bytes(), &ring(), Some(NOW), &SystemRandom).unwrap();
        let header = format!("{}={seal}", verifier_cookie_name(&seal));
        let failure = cookies().open(&State::from(seal), [header.as_str()], &ring(), NOW).unwrap_err();
        assert_eq!(failure.reason(), Reason::OauthStateMismatch, "{payload}");
        assert_eq!(failure.detail(), Some(Detail::NotASession), "{payload}");
    }
}

#[test]
fn the_unsuffixed_cookie_is_read_and_deleted_when_it_is_this_sign_in() {
    let (mine, other) = (begin_at(NOW, NewSignIn::new()), begin_at(NOW, NewSignIn::new()));
    let header = format!("wos-auth-verifier={}", mine.state.expose_secret());
    assert!(cookies().open(&mine.state, [header.as_str()], &ring(), NOW).is_ok());
    assert_eq!(names(&cookies().delete(&mine.state, [header.as_str()])), ["wos-auth-verifier"]);
    assert!(cookies().delete(&other.state, [header.as_str()]).is_empty());
    let failure = cookies().open(&other.state, [header.as_str()], &ring(), NOW).unwrap_err();
    assert_eq!(failure.reason(), Reason::OauthStateMismatch);
}

#[test]
fn a_callback_deletes_its_own_cookie_and_no_other() {
    let (mine, other) = (begin_at(NOW, NewSignIn::new()), begin_at(NOW, NewSignIn::new()));
    let header = format!("{}; {}", pair(&other.cookie), pair(&mine.cookie));
    let deletions = cookies().delete(&mine.state, [header.as_str()]);
    assert_eq!(names(&deletions), [mine.cookie.name()]);
    let line = deletions[0].to_header_value();
    assert!(line.contains("; Path=/; Max-Age=0; ") && line.ends_with("SameSite=Lax"), "{line}");
    assert!(
        cookies().delete(&mine.state, [pair(&other.cookie)]).is_empty(),
        "what was not sent is not deleted"
    );
}

#[test]
fn five_sign_ins_may_be_pending_and_the_oldest_goes_first() {
    let pending: Vec<_> = [30, 10, 50, 20, 40].map(|s| begin_at(seconds_ago(s), NewSignIn::new())).into();
    let header: Vec<_> = pending.iter().map(|p| pair(&p.cookie)).collect();
    let new = begin_at(NOW, NewSignIn::new());
    let evicted = cookies().evict([header[..4].join("; ").as_str()], &new.cookie, &ring(), NOW);
    assert!(evicted.is_empty(), "four and the new one are five");
    let evicted = cookies().evict([header.join("; ").as_str()], &new.cookie, &ring(), NOW);
    assert_eq!(names(&evicted), [pending[2].cookie.name()]);
}

#[test]
fn what_does_not_open_goes_before_the_oldest() {
    let pending: Vec<_> = [10, 20, 30, 40].map(|s| begin_at(seconds_ago(s), NewSignIn::new())).into();
    let mut header: Vec<_> = pending.iter().map(|p| pair(&p.cookie)).collect();
    header.extend(["wos-auth-verifier-0badc0de=garbage", "wos-session=not-ours-to-delete"]);
    let new = begin_at(NOW, NewSignIn::new());
    let evicted = cookies().evict([header.join("; ").as_str()], &new.cookie, &ring(), NOW);
    assert_eq!(names(&evicted), ["wos-auth-verifier-0badc0de"]);
    // Alone it does no harm: another replica with a newer password may have set it.
    assert!(cookies().evict(["wos-auth-verifier-0badc0de=garbage"], &new.cookie, &ring(), NOW).is_empty());
}

#[test]
fn large_sign_ins_are_evicted_by_size() {
    let state = "s".repeat(2048);
    let big = |s| begin_at(seconds_ago(s), NewSignIn::new().custom_state(&state));
    let (old, middle, new) = (big(20), big(10), big(0));
    let header = format!("{}; {}", pair(&old.cookie), pair(&middle.cookie));
    let evicted = cookies().evict([header.as_str()], &new.cookie, &ring(), NOW);
    assert_eq!(names(&evicted), [old.cookie.name()]);
    assert!(new.cookie.name_and_value_bytes() * 3 > MAX_PENDING_BYTES);
}

#[test]
fn the_cookie_that_is_set_again_is_not_deleted() {
    let new = begin_at(NOW, NewSignIn::new());
    let header = [pair(&new.cookie); 9].join("; ");
    assert!(cookies().evict([header.as_str()], &new.cookie, &ring(), NOW).is_empty());
}

#[test]
fn fifty_begun_sign_ins_leave_five() {
    let mut jar: Vec<SignInStart> = Vec::new();
    for i in 0..50 {
        let now = NOW.saturating_add(Duration::from_secs(i));
        let started = begin_at(now, NewSignIn::new());
        let header: Vec<_> = jar.iter().map(|p| pair(&p.cookie)).collect();
        let evicted = cookies().evict([header.join("; ").as_str()], &started.cookie, &ring(), now);
        let gone: Vec<_> = evicted.iter().map(SetCookie::name).collect();
        jar.retain(|p| !gone.contains(&p.cookie.name()));
        jar.push(started);
        assert!(jar.len() <= MAX_PENDING);
    }
    assert_eq!(jar.len(), MAX_PENDING);
}

#[test]
fn a_header_full_of_verifier_cookies_gets_a_bounded_answer() {
    let header: Vec<_> = (0..1000).map(|i| format!("wos-auth-verifier-{i:08x}=x")).collect();
    let new = begin_at(NOW, NewSignIn::new());
    let evicted = cookies().evict([header.join("; ").as_str()], &new.cookie, &ring(), NOW);
    assert_eq!(evicted.len(), MAX_LOOKED_AT + 1 - MAX_PENDING);
    let hostile = cookies().evict(
        ["wos-auth-verifier-a\u{e9}=x; wos-auth-verifier-a b=x"; 9],
        &new.cookie,
        &ring(),
        NOW,
    );
    assert!(hostile.is_empty(), "names that are no token cannot be cookies of ours");
}
