//! Two cookies of one name: of two scopes, or one that another host has set. What signs out, which one counts, what is deleted.

use crate::world::{ADA, Browser, Kind, ORIGIN, Reply, World, request, send};
use axum::{Router, body::Body, routing};
use http::{Request, StatusCode, header};
use sealkit::{
    EncodingPolicy, KeyRing, Reason, SystemRandom,
    cookie::encode_value,
    format::{Format, FormatSet},
};
use sealkit_axum::Session;
use sealkit_devidp::{Endpoint, Fault, MintSession, MintedSession};
use std::time::Duration;

const GRACE: &str = "grace@example.com";

/// A host with two parent domains of its own: itself and `example.test`.
const HOST: &str = "app.example.test";

fn app(world: &World) -> Router {
    let layer = world.layer();
    let me = |session: Session| async move { session.user_id().to_owned() };
    Router::new()
        .route("/", routing::get(me))
        .route("/reports/{*page}", routing::get(me))
        .merge(sealkit_axum::routes(&layer))
        .layer(layer)
}

fn id_of(world: &World, email: &str) -> String {
    world.idp.users().into_iter().find(|user| user.email() == email).unwrap().id().to_owned()
}

fn logout(cookie: &str) -> Request<Body> {
    let mut out = request(Kind::FormPost, "/logout", Some(cookie));
    out.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    out.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    out
}

fn at(host: &str, mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert(header::HOST, host.parse().unwrap());
    request
}

/// The session's lines, each as name, `Domain`, `Path` and whether it deletes.
fn scopes(reply: &Reply) -> Vec<(String, Option<String>, String, bool)> {
    let lines = reply.set_cookies().into_iter().filter(|line| line.starts_with("wos-session"));
    lines
        .map(|line| {
            let attribute = |name: &str| line.split("; ").find_map(|part| part.strip_prefix(name));
            let name = line.split_once('=').unwrap().0;
            (
                name.to_owned(),
                attribute("Domain=").map(str::to_owned),
                attribute("Path=").unwrap().to_owned(),
                attribute("Max-Age=") == Some("0"),
            )
        })
        .collect()
}

/// The same of the unsplit cookie at the root: `Domain`, and whether it is deleted.
fn domains(reply: &Reply) -> Vec<(Option<String>, bool)> {
    let at_root = scopes(reply).into_iter().filter(|(name, _, path, _)| name == "wos-session" && path == "/");
    at_root.map(|(_, domain, _, deletes)| (domain, deletes)).collect()
}

async fn is_signed_in(app: &Router, cookie: &str) -> bool {
    let reply = send(app, request(Kind::Fetch, "/", Some(cookie))).await;
    assert!(matches!(reply.status, StatusCode::OK | StatusCode::UNAUTHORIZED), "{reply:?}");
    reply.status == StatusCode::OK
}

/// The refresh token of a sealed session, spent behind our back.
fn spend(world: &World, minted: &MintedSession) {
    assert!(world.idp.revoke_session(&minted.session_id));
}

#[tokio::test]
async fn sign_out_ends_every_session_that_came() {
    let world = World::new();
    let app = app(&world);
    let (first, one) = world.mint(MintSession::for_user(ADA));
    world.idp.advance(Duration::from_secs(5));
    let (second, two) = world.mint(MintSession::for_user(GRACE));
    let (_, three) = world.mint(MintSession::for_user(ADA).expired());
    let cookies = [&one, &two, &three].map(|sealed| world.line(sealed));
    let reply = send(&app, logout(&cookies.join("; "))).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    // The browser goes where the session ends that the pages showed: the one that ends last.
    assert!(reply.location().contains(&second.session_id), "{} {}", reply.location(), first.session_id);
    for cookie in &cookies {
        assert!(!is_signed_in(&app, cookie).await, "signed in with a cookie that the sign-out carried");
    }
    assert_eq!(world.grants(), 0, "nothing is refreshed");
}

#[tokio::test]
async fn sign_out_ends_sessions_that_nobody_can_verify_now() {
    let world = World::new();
    let app = app(&world);
    let cookies = [ADA, GRACE].map(|email| world.cookie_of(MintSession::for_user(email)));
    world.idp.fault(Endpoint::Jwks, Fault::status(503).always());
    let reply = send(&app, logout(&cookies.join("; "))).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    world.idp.clear_faults(Endpoint::Jwks);
    world.idp.advance(Duration::from_secs(30));
    for cookie in &cookies {
        assert!(!is_signed_in(&app, cookie).await);
    }
}

/// What a visitor wrote names sessions of others as it likes.
#[tokio::test]
async fn sign_out_ends_no_session_that_an_unsealed_cookie_names() {
    let encoding = EncodingPolicy::writing(Format::Iron).with_read(FormatSet::all());
    let world = World::with(|idp| idp, |config| config.encoding(encoding));
    let app = app(&world);
    let (minted, victim) = world.mint(MintSession::for_user(GRACE));
    let token = minted.access_token.rsplit_once('.').unwrap().0;
    let forged = format!(r#"{{"accessToken":"{token}.AAAA","refreshToken":"r","user":{{"id":"user_1"}}}}"#);
    let cookies = format!("{}; wos-session={}", world.cookie(), encode_value(&forged));
    assert_eq!(send(&app, logout(&cookies)).await.status, StatusCode::SEE_OTHER);
    assert!(is_signed_in(&app, &world.line(&victim)).await);
}

/// The rule, and what it leaves to a sister domain that sets a session of its own (SECURITY.md).
#[tokio::test]
async fn later_end_of_two_sessions_wins() {
    let world = World::new();
    let app = app(&world);
    let (_, own) = world.mint(MintSession::for_user(ADA));
    world.idp.advance(Duration::from_secs(5));
    let (_, tossed) = world.mint(MintSession::for_user(GRACE));
    let (own, tossed) = (world.line(&own), world.line(&tossed));
    for both in [format!("{own}; {tossed}"), format!("{tossed}; {own}")] {
        let reply = send(&app, request(Kind::Navigation, "/", Some(&both))).await;
        assert_eq!(reply.body, id_of(&world, GRACE));
        assert_eq!(reply.set_cookies(), Vec::<&str>::new(), "nothing is stored before the next refresh");
    }
}

#[tokio::test]
async fn junk_hides_no_session_unless_it_looks_like_one() {
    let dotnet = Format::DotnetGcm.key_shape().generate(&SystemRandom).unwrap();
    let ring = KeyRing::builder().password("any", crate::world::PASSWORD).password("dotnet", dotnet);
    let read = EncodingPolicy::writing(Format::Iron).with_read(FormatSet::all());
    let world = World::with(|idp| idp, |config| config.key_ring(ring.build().unwrap()).encoding(read));
    let app = app(&world);
    let good = world.cookie();
    let costly = format!("wos-session={}", encode_value(&format!("{}~2", "A".repeat(400))));
    let shaped = "wos-session=Fe26.2*1*a*b*c*d*e*f~2";
    for (junk, expected) in [
        ("wos-session=a; wos-session=b; wos-session=c; wos-session=d".to_owned(), StatusCode::OK),
        (costly.clone(), StatusCode::OK),
        ([costly.as_str(); 4].join("; "), StatusCode::OK),
        (format!("wos-session=a; {costly}; {shaped}; wos-session=b; {shaped}"), StatusCode::OK),
        // At most three values are tried.
        ([shaped; 3].join("; "), StatusCode::UNAUTHORIZED),
    ] {
        let reply = send(&app, request(Kind::Fetch, "/", Some(&format!("{junk}; {good}")))).await;
        assert_eq!((reply.status, reply.set_cookies().len()), (expected, 0), "{junk}");
    }
}

/// One costly value is tried in a request, so one before a good one of its format hides that; the cookie is kept.
#[tokio::test]
async fn one_costly_looking_value_hides_a_session_of_its_format() {
    let dotnet = Format::DotnetGcm.key_shape().generate(&SystemRandom).unwrap();
    let ring = KeyRing::builder().password("any", crate::world::PASSWORD).password("dotnet", dotnet);
    let encoding = EncodingPolicy::writing(Format::DotnetGcm);
    let world = World::with(|idp| idp, |config| config.key_ring(ring.build().unwrap()).encoding(encoding));
    let app = app(&world);
    let costly = format!("wos-session={}", encode_value(&format!("{}~2", "A".repeat(400))));
    let good = world.cookie();
    for (cookies, expected) in [
        (format!("{costly}; {good}"), StatusCode::UNAUTHORIZED),
        (format!("{good}; {costly}"), StatusCode::OK),
    ] {
        let reply = send(&app, request(Kind::Fetch, "/", Some(&cookies))).await;
        assert_eq!((reply.status, reply.set_cookies().len()), (expected, 0));
    }
}

/// A sister domain sets the verifier cookie of its own sign-in, as it can set any name without a prefix.
#[tokio::test]
async fn tossed_verifier_signs_nobody_in_as_somebody_else() {
    for prefix in ["__Host-", "__Host-Http-"] {
        let world = World::with(|idp| idp, |config| config.cookie_name(format!("{prefix}wos-session")));
        let app = app(&world);
        let mut attacker = Browser::new(&world, &app);
        let begun = attacker.go(&format!("/login?login_hint={GRACE}")).await;
        let back = attacker.at_provider(begun.location()).await;
        let verifier =
            begun.set_cookies().into_iter().find(|line| line.contains("wos-auth-verifier-")).unwrap();
        assert!(verifier.starts_with(prefix), "{verifier}");
        assert!(verifier.contains("; Secure") && verifier.contains("; Path=/;"), "{verifier}");
        let pair = verifier.split(';').next().unwrap();
        let tossed = pair.trim_start_matches(prefix);
        let unhashed = format!("wos-auth-verifier={}", tossed.split_once('=').unwrap().1);
        for tossed in [tossed, unhashed.as_str()] {
            let mine = world.cookie();
            let reply =
                send(&app, request(Kind::Navigation, &back, Some(&format!("{mine}; {tossed}")))).await;
            assert_eq!(
                (reply.reason, reply.set_cookies().len()),
                (Some(Reason::MissingPkceCookie), 0),
                "{reply:?}"
            );
        }
        assert_eq!(world.grants(), 0);
        assert_eq!(attacker.go(&back).await.status, StatusCode::SEE_OTHER);
        assert_eq!(
            attacker.go("/").await.body,
            id_of(&world, GRACE),
            "the browser that began it finishes it"
        );
    }
}

#[tokio::test]
async fn host_only_twin_is_expired_before_every_line_of_a_domain() {
    let world = World::with(|idp| idp, |config| config.cookie_domain("example.test"));
    let app = app(&world);
    let mut browser = Browser::new(&world, &app);
    let signed_in = browser.sign_in("/").await;
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    let expired = world.expired_cookie();
    let refreshed = send(&app, request(Kind::Navigation, "/", Some(&expired))).await;
    assert_eq!(refreshed.status, StatusCode::OK);
    let signed_out = send(&app, logout(&world.cookie())).await;
    let domain = Some("example.test".to_owned());
    for (reply, deletes) in [(&signed_in, false), (&refreshed, false), (&signed_out, true)] {
        assert_eq!(domains(reply), [(None, true), (domain.clone(), deletes)]);
        for pair in scopes(reply).chunks(2) {
            let [twin, line] = pair else { panic!("{reply:?}") };
            assert_eq!((&twin.0, &twin.1, twin.3), (&line.0, &None, true));
            assert_eq!(line.1, domain);
        }
    }
    assert!(browser.jar.contains_key("wos-session"), "a jar that knows names alone keeps the session");
}

#[tokio::test]
async fn domains_of_a_second_cookie_are_expired_where_none_is_configured() {
    let world = World::new();
    let app = app(&world);
    let both = format!("{}; {}", world.expired_cookie(), world.expired_cookie());
    let expired = |domain: &str| (Some(domain.to_owned()), true);
    let elsewhere = [expired(HOST), expired("example.test")];
    let reply = send(&app, at(&format!("{HOST}:3000"), request(Kind::Navigation, "/", Some(&both)))).await;
    assert_eq!(domains(&reply), [&elsewhere[..], &[(None, false)]].concat());
    // One value: it is replaced where it is, or the next request shows two.
    let one = world.expired_cookie();
    let reply = send(&app, at(HOST, request(Kind::Navigation, "/", Some(&one)))).await;
    assert_eq!(domains(&reply), [(None, false)]);
    // It must go wherever it is.
    for cookies in [both.as_str(), one.as_str()] {
        let reply = send(&app, at(HOST, logout(cookies))).await;
        assert_eq!(domains(&reply), [&elsewhere[..], &[(None, true)]].concat(), "{reply:?}");
    }
    // Addresses and single labels have no parents.
    for host in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000", "app", "example.test.", "a;b.example.test"]
    {
        let reply = send(&app, at(host, request(Kind::Navigation, "/", Some(&world.expired_cookie())))).await;
        assert_eq!(domains(&reply), [(None, false)], "{host}");
        let reply = send(&app, at(host, logout(&one))).await;
        assert!(scopes(&reply).iter().all(|(_, domain, ..)| domain.is_none()), "{host} {reply:?}");
    }
}

#[tokio::test]
async fn paths_of_a_second_cookie_are_expired_as_far_as_the_request_shows_them() {
    let world = World::new();
    let app = app(&world);
    let both = format!("{}; {}", world.expired_cookie(), world.expired_cookie());
    let reply = send(&app, request(Kind::Navigation, "/reports/today", Some(&both))).await;
    let paths: Vec<_> = scopes(&reply).into_iter().map(|(_, _, path, deletes)| (path, deletes)).collect();
    let expected = [("/reports", true), ("/reports/today", true), ("/", false)];
    assert_eq!(paths, expected.map(|(path, deletes)| (path.to_owned(), deletes)));
}

/// Of two expired sessions that end in the same second one is over: the other is refreshed before anybody is signed out.
#[tokio::test]
async fn second_expired_session_is_refreshed_when_the_first_is_over() {
    let world = World::new();
    let app = app(&world);
    let (over, spent) = world.mint(MintSession::for_user(ADA).expired());
    let (_, alive) = world.mint(MintSession::for_user(ADA).expired());
    spend(&world, &over);
    let (spent, alive) = (world.line(&spent), world.line(&alive));
    let reply = send(&app, request(Kind::Navigation, "/", Some(&format!("{spent}; {alive}")))).await;
    assert_eq!((reply.status, reply.reason), (StatusCode::OK, None), "{reply:?}");
    assert_eq!(reply.session_lines().iter().filter(|line| !line.contains("Max-Age=0")).count(), 1);
}

/// The same where a route refreshes.
#[tokio::test]
async fn organization_is_switched_in_the_session_that_is_not_over() {
    let world = World::new();
    let app = app(&world);
    let (over, spent) = world.mint(MintSession::for_user(ADA).expired());
    let (_, alive) = world.mint(MintSession::for_user(ADA).expired());
    spend(&world, &over);
    let cookies = format!("{}; {}", world.line(&spent), world.line(&alive));
    let mut switch = request(Kind::FormPost, "/switch-organization", Some(&cookies));
    switch.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    *switch.body_mut() = Body::from("organization_id=org_01JGFNAVYC0MP1LERS00000000&return_to=/");
    let reply = send(&app, switch).await;
    assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, "/"), "{reply:?}");
}
