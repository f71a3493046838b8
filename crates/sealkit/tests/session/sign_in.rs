//! Signing in through a browser that keeps cookies, and with each of the eleven grants.

use crate::support::{ADA, GRACE, NAVY, World, session};
use bytes::Bytes;
use http::Request;
use sealkit::{
    Callback, CookieAction, Failure, RandomUnavailable, Reason, SecureRandom, SignInRequest, SignInStart,
    SignedIn,
    api::{
        DeviceCodeGrant, EmailCompletionGrant, EmailVerificationGrant, MagicAuthGrant, MfaTotpGrant,
        OrganizationSelectionGrant, PasswordGrant, RadarEmailChallengeGrant, RadarSmsChallengeGrant,
        RequestContext, SignInGrant,
    },
    cookie::SetCookie,
    sign_in::{OwnRoutes, Prompt, Provider, ReturnTo, is_verifier_cookie},
};
use sealkit_devidp::{Endpoint, Fault, IssuerForm, StepUp, User};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use url::Url;

/// A browser's cookies, encoded as they stand in the header.
#[derive(Clone, Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn take(&mut self, cookies: &[SetCookie]) {
        for cookie in cookies {
            self.0.retain(|(name, _)| name != cookie.name());
            if !cookie.is_deletion() {
                self.0.push((cookie.name().to_owned(), cookie.encoded_value().to_owned()));
            }
        }
    }

    fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

fn begin(world: &World, jar: &mut Jar, request: &SignInRequest) -> SignInStart {
    let start = world.sealkit.begin_sign_in(request, [jar.header().as_str()]).unwrap();
    jar.take(&start.set_cookies);
    start
}

/// Follows the URL to the provider and gives the callback's query.
async fn at_provider(world: &World, url: &str) -> String {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    let answer = world.idp.handle(request).await.unwrap();
    assert_eq!(answer.status(), 302);
    let location = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    assert_eq!(location.path(), "/callback");
    location.query().unwrap().to_owned()
}

async fn complete(world: &World, jar: &mut Jar, query: &str) -> Callback {
    let routes = OwnRoutes::new(["/login", "/callback", "/logout"]);
    let header = jar.header();
    let callback =
        world.sealkit.complete_sign_in(query, [header.as_str()], &routes, &RequestContext::default()).await;
    jar.take(&callback.set_cookies);
    callback
}

#[track_caller]
fn failure(callback: &Callback, reason: Reason) -> &Failure {
    let failure = callback.result.as_ref().unwrap_err();
    assert_eq!(failure.reason(), reason, "{failure:?}");
    failure
}

fn parameter(query: &str, name: &str) -> String {
    url::form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name).unwrap().1.into_owned()
}

#[tokio::test(start_paused = true)]
async fn off_to_the_provider_and_back_signed_in() {
    let world = World::new();
    let (mut jar, routes) = (Jar::default(), OwnRoutes::default());
    let request = SignInRequest::default()
        .return_to(ReturnTo::sanitize("/reports?year=2027&q=a%20b", &routes))
        .custom_state("{\"cart\":[1,2],\"é\":\"😀\"}")
        .login_hint(GRACE);
    let start = begin(&world, &mut jar, &request);
    let url = Url::parse(start.url.as_str()).unwrap();
    let query = url.query().unwrap();
    assert_eq!(parameter(query, "code_challenge_method"), "S256");
    assert_eq!(parameter(query, "provider"), "authkit");
    assert_eq!(parameter(query, "redirect_uri"), crate::support::REDIRECT_URI);
    assert_eq!(jar.0.len(), 1);
    assert!(start.set_cookies[0].to_header_value().contains("; HttpOnly"));

    let back = at_provider(&world, start.url.as_str()).await;
    let callback = complete(&world, &mut jar, &back).await;
    let signed_in = callback.result.unwrap();
    assert_eq!(signed_in.session.user().unwrap().email(), Some(GRACE));
    assert_eq!(callback.return_to.as_str(), "/reports?year=2027&q=a%20b");
    assert_eq!(callback.custom_state.as_deref(), Some("{\"cart\":[1,2],\"é\":\"😀\"}"));
    assert!(jar.0.is_empty(), "the verifier has served");

    let outcome = world.authenticate(signed_in.sealed.expose_secret()).await;
    assert_eq!(outcome.session().unwrap().user_id(), signed_in.session.user_id());
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
    let body = world.grants()[0].json();
    let mut members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["client_id", "client_secret", "code", "code_verifier", "grant_type"]);
}

#[tokio::test(start_paused = true)]
async fn the_request_decides_what_the_provider_is_asked_for() {
    let world = World::new();
    let request = SignInRequest::default().sign_up().organization_id(NAVY).max_age(Duration::ZERO);
    let start = begin(&world, &mut Jar::default(), &request);
    let url = Url::parse(start.url.as_str()).unwrap();
    for (name, value) in [("screen_hint", "sign-up"), ("organization_id", NAVY), ("max_age", "0")] {
        assert_eq!(parameter(url.query().unwrap(), name), value);
    }
    let mut jar = Jar::default();
    let start = begin(&world, &mut jar, &SignInRequest::default().organization_id(NAVY));
    let back = at_provider(&world, start.url.as_str()).await;
    let signed_in = complete(&world, &mut jar, &back).await.result.unwrap();
    assert_eq!(signed_in.session.organization_id(), Some(NAVY));
}

#[tokio::test(start_paused = true)]
async fn every_parameter_of_the_authorize_page_can_be_asked_for() {
    let world = World::new();
    let request = SignInRequest::default()
        .provider(Provider::Google)
        .login_hint(GRACE)
        .domain_hint("example.com")
        .prompt(Prompt::Consent)
        .invitation_token("inv_1")
        .provider_scope("calendar")
        .provider_scope("drive")
        .provider_query_param("hd", "example.com")
        .claim_nonce("n_1");
    let start = begin(&world, &mut Jar::default(), &request);
    let url = Url::parse(start.url.as_str()).unwrap();
    let own = ["client_id", "state", "code_challenge"];
    let sent: Vec<String> = url
        .query_pairs()
        .filter(|(name, _)| !own.contains(&&**name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let expected = [
        "redirect_uri=http://localhost:3000/callback",
        "response_type=code",
        "provider=GoogleOAuth",
        "code_challenge_method=S256",
        "login_hint=grace@example.com",
        "domain_hint=example.com",
        "prompt=consent",
        "invitation_token=inv_1",
        "claim_nonce=n_1",
        "provider_scopes=calendar",
        "provider_scopes=drive",
        "provider_query_params[hd]=example.com",
    ];
    assert_eq!(sent, expected);
}

#[tokio::test(start_paused = true)]
async fn parameters_that_contradict_are_refused_and_none_is_dropped() {
    let world = World::new();
    let base = SignInRequest::default;
    let mine = |uri: &str| base().redirect_uri(Url::parse(uri).unwrap());
    for (request, hint) in [
        (base().connection_id("conn_1").provider(Provider::Google), "give one of"),
        (base().connection_id("conn_1").organization_id(NAVY), "give one of"),
        (base().provider(Provider::Google).organization_id(NAVY), "give one of"),
        (base().connection_id("conn_1").sign_up(), "screen hint"),
        (base().provider(Provider::Google).sign_up(), "screen hint"),
        (base().connection_id("conn_1").max_age(Duration::ZERO), "maximum age"),
        (base().provider(Provider::Google).max_age(Duration::ZERO), "maximum age"),
        (base().provider_query_param("a[b]", "x"), "query parameters"),
        (mine("https://localhost:3000/callback"), "origin"),
        (mine("http://localhost:3001/callback"), "origin"),
        (mine("http://evil.example/callback"), "origin"),
        (mine("http://a:b@localhost:3000/callback"), "credentials"),
        (mine("http://localhost:3000/callback#x"), "fragment"),
    ] {
        let failure = world.sealkit.begin_sign_in(&request, [""]).unwrap_err();
        assert_eq!(failure.reason(), Reason::SignInRejected, "{request:?}");
        assert!(failure.hint().unwrap().contains(hint), "{request:?}: {:?}", failure.hint());
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_may_come_back_elsewhere_on_the_same_origin() {
    let world = World::configured(|config| config.cookie_secure(true));
    let mut jar = Jar::default();
    let uri = Url::parse("http://localhost:3000/callback?tenant=7").unwrap();
    let start = begin(&world, &mut jar, &SignInRequest::default().redirect_uri(uri.clone()));
    let query = Url::parse(start.url.as_str()).unwrap().query().unwrap().to_owned();
    assert_eq!(parameter(&query, "redirect_uri"), uri.as_str());
    assert!(!start.set_cookies[0].to_header_value().contains("; Secure"), "the browser would not keep it");
    let sealed = sealkit::sign_in::check_pkce(
        &parameter(&query, "state"),
        world.sealkit.config().key_ring(),
        world.now(),
    )
    .unwrap();
    assert_eq!(sealed.redirect_uri(), Some(uri.as_str()));
    let back = at_provider(&world, start.url.as_str()).await;
    complete(&world, &mut jar, &back).await.result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_keys_no_code_is_spent_and_the_callback_can_be_loaded_again() {
    let world = World::new();
    let mut jar = Jar::default();
    let request = SignInRequest::default().return_to(ReturnTo::sanitize("/wanted", &OwnRoutes::default()));
    let start = begin(&world, &mut jar, &request);
    let back = at_provider(&world, start.url.as_str()).await;
    world.idp.fault(Endpoint::Jwks, Fault::status(503));
    let callback = complete(&world, &mut jar, &back).await;
    assert!(failure(&callback, Reason::JwksUnavailable).is_retryable());
    assert_eq!(callback.return_to.as_str(), "/wanted");
    assert_eq!((world.grant_count(), jar.0.len()), (0, 1));
    let failure = sign_in(&world, PasswordGrant::new(ADA, "ada-dev-password")).await.unwrap_err();
    assert_eq!((failure.reason(), world.grant_count()), (Reason::JwksUnavailable, 0));

    world.pass(failure.retry_after().unwrap()).await;
    complete(&world, &mut jar, &back).await.result.unwrap();
    assert!(jar.0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_spent_code_is_never_called_retryable_without_saying_so() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    let claims = world.claims();
    let unknown = |kid: &str| {
        let header = json!({ "alg": "RS256", "kid": kid });
        world.idp.sign_with(&header, &claims).unwrap()
    };
    // The one fetch of this half minute is gone.
    let outcome = world.authenticate(&world.around(&unknown("forged"))).await;
    assert_eq!(outcome.reason(), Some(Reason::UnknownSigningKey));
    let mut jar = Jar::default();
    let start = begin(&world, &mut jar, &SignInRequest::default());
    let back = at_provider(&world, start.url.as_str()).await;
    let token = unknown("new");
    world.idp.fault(
        Endpoint::Authenticate,
        Fault::edit(move |answer| answer["access_token"] = token.clone().into()),
    );
    let callback = complete(&world, &mut jar, &back).await;
    let hint = failure(&callback, Reason::JwksUnavailable).hint().unwrap();
    assert!(hint.contains("spent") && hint.contains("begin a new sign-in"), "{hint}");
    assert!(jar.0.is_empty());
}

/// A machine without randomness.
#[derive(Debug)]
struct NoRandom;

impl SecureRandom for NoRandom {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
        Err(RandomUnavailable::default())
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_cannot_seal_blames_itself() {
    let world = World::new();
    let broken = world.builder().random(Arc::new(NoRandom)).build().unwrap();
    let payload = world.payload(&world.ada()).to_string();
    let begun = broken.begin_sign_in(&SignInRequest::default(), [""]).unwrap_err();
    for failure in [broken.seal_payload(&payload).unwrap_err(), begun] {
        assert_eq!(failure.reason(), Reason::ServerError);
        assert!(failure.is_retryable() && failure.hint().unwrap().contains("random"), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_signed_out_although_no_page_can_end_it() {
    let world = World::new();
    let mut claims = world.claims();
    claims["sid"] = "no id".into();
    let sealed = world.around(&world.idp.sign(&claims).unwrap());
    session(&world.authenticate(&sealed).await);
    let failure = world.sealkit.sign_out("no id", None).await.unwrap_err();
    assert_eq!(failure.reason(), Reason::InvalidJwt);
    assert_eq!(world.authenticate(&sealed).await.reason(), Some(Reason::SessionRevoked));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_stored_comes_with_the_sign_in() {
    let world = World::new();
    world.idp.fault(
        Endpoint::Authenticate,
        Fault::edit(|answer| {
            answer["oauth_tokens"] = json!({
                "provider": "GoogleOAuth", "access_token": "at_google", "refresh_token": "rt_google",
                "expires_at": 1_800_003_600, "scopes": ["profile"],
            });
            answer["authkit_authorization_code"] = "code_for_another".into();
        }),
    );
    let signed_in = sign_in(&world, PasswordGrant::new(ADA, "ada-dev-password")).await.unwrap();
    let tokens = signed_in.response.oauth_tokens().unwrap();
    assert_eq!((tokens.provider.as_str(), tokens.access_token.expose_secret()), ("GoogleOAuth", "at_google"));
    let code = signed_in.response.authkit_authorization_code().unwrap();
    assert_eq!(code.expose_secret(), "code_for_another");
    assert!(!format!("{signed_in:?}").contains("google"));
    assert!(!world.payload(signed_in.sealed.expose_secret()).to_string().contains("google"), "never stored");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_begun_says_why() {
    let world = World::new();
    let request = SignInRequest::default().custom_state("x".repeat(2049));
    let failure = world.sealkit.begin_sign_in(&request, [""]).unwrap_err();
    assert_eq!(failure.reason(), Reason::SignInRejected);
    assert!(failure.hint().unwrap().contains("2048") || failure.hint().unwrap().contains("state"));
    let config = sealkit::Config::builder()
        .client_id("client_1")
        .cookie_password(crate::support::PASSWORD)
        .build()
        .unwrap();
    let without = sealkit::Sealkit::builder(config).build().unwrap();
    let failure = without.begin_sign_in(&SignInRequest::default(), [""]).unwrap_err();
    assert!(failure.hint().unwrap().contains("WORKOS_REDIRECT_URI"));
}

/// A sign-in of somebody who signed in at the provider `ago`, begun with `max_age`, whose callback comes after a minute.
async fn asked_for(max_age: Option<u64>, auth_time: Option<Duration>) -> Callback {
    let world = World::new();
    let mut jar = Jar::default();
    let mut request = SignInRequest::default();
    request.max_age = max_age.map(Duration::from_secs);
    let start = begin(&world, &mut jar, &request);
    let auth_time = auth_time.map(|ago| world.now().saturating_sub(ago).as_secs());
    let back = at_provider(&world, start.url.as_str()).await;
    let mut claims = world.claims();
    if let Some(auth_time) = auth_time {
        claims["auth_time"] = auth_time.into();
    }
    let token = world.idp.sign(&claims).unwrap();
    world.idp.fault(
        Endpoint::Authenticate,
        Fault::edit(move |answer| answer["access_token"] = token.clone().into()),
    );
    world.pass(Duration::from_secs(60)).await;
    complete(&world, &mut jar, &back).await
}

#[tokio::test(start_paused = true)]
async fn max_age_is_checked_against_the_token() {
    let ago = |seconds| Some(Duration::from_secs(seconds));
    for (max_age, auth_time, accepted) in [
        (Some(0), ago(0), true),
        // The leeway, counted from the beginning of the sign-in.
        (Some(0), ago(60), true),
        (Some(0), ago(61), false),
        (Some(300), ago(360), true),
        (Some(300), ago(361), false),
        (Some(u64::MAX), ago(1_800_000_000), true),
        (None, ago(1_800_000_000), true),
    ] {
        let callback = asked_for(max_age, auth_time).await;
        assert_eq!(callback.max_age, max_age.map(Duration::from_secs));
        if accepted {
            callback.result.unwrap();
        } else {
            let failure = failure(&callback, Reason::AuthenticationTooOld);
            assert_eq!(failure.reason().class(), sealkit::Class::StepUp);
            assert!(failure.step_up().is_none() && failure.hint().is_some(), "{failure:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_with_another_state_signs_nobody_in() {
    let world = World::new();
    let (mut victim, mut attacker) = (Jar::default(), Jar::default());
    begin(&world, &mut victim, &SignInRequest::default());
    let start = begin(&world, &mut attacker, &SignInRequest::default());
    let back = at_provider(&world, start.url.as_str()).await;
    // Another browser's flow: no cookie of that name here.
    failure(&complete(&world, &mut victim.clone(), &back).await, Reason::MissingPkceCookie);
    failure(&complete(&world, &mut Jar::default(), &back).await, Reason::MissingPkceCookie);
    // A cookie of that name, with another value.
    let mut planted = attacker.clone();
    planted.0[0].1 = victim.0[0].1.clone();
    let callback = complete(&world, &mut planted, &back).await;
    failure(&callback, Reason::OauthStateMismatch);
    assert!(planted.0.is_empty(), "deleted on failure, too");
    // A state that was changed on the way.
    let changed = format!("{}A", parameter(&back, "state"));
    let changed = format!("code={}&state={}", parameter(&back, "code"), urlencoded(&changed));
    failure(&complete(&world, &mut attacker.clone(), &changed).await, Reason::MissingPkceCookie);
    assert_eq!(world.grant_count(), 0, "no code was exchanged");
    complete(&world, &mut attacker, &back).await.result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_equal_but_no_seal_of_ours_is_refused() {
    let world = World::new();
    let name = sealkit::sign_in::verifier_cookie_name("planted");
    let mut jar = Jar(vec![(name, "planted".to_owned())]);
    let callback = complete(&world, &mut jar, "code=stolen&state=planted").await;
    failure(&callback, Reason::OauthStateMismatch);
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_callback_without_its_parameters_is_refused() {
    let world = World::new();
    let mut jar = Jar::default();
    begin(&world, &mut jar, &SignInRequest::default());
    for query in ["", "code=", "state=x", "code=a", "code=a&state=", "code=a&code=b&state=x", "x=y"] {
        let callback = complete(&world, &mut jar, query).await;
        failure(&callback, Reason::MissingAuthParams);
        assert_eq!(callback.return_to.as_str(), "/");
        assert_eq!(callback.code_without_state, query.starts_with("code=a") && !query.contains("state=x"));
        assert_eq!(jar.0.len(), 1, "the flow that is under way is left alone: {query}");
    }
    // An impersonation that begins in the dashboard arrives with a code and no state.
    let code = world.idp.impersonation_code(ADA, "support@example.com", None).unwrap();
    let callback = complete(&world, &mut jar, &format!("code={code}")).await;
    failure(&callback, Reason::MissingAuthParams);
    assert!(callback.code_without_state);
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_takes_ten_minutes_at_most() {
    for (seconds, fine) in [(599, true), (601, false)] {
        let world = World::new();
        let mut jar = Jar::default();
        let start = begin(&world, &mut jar, &SignInRequest::default());
        world.pass(Duration::from_secs(seconds)).await;
        let back = at_provider(&world, start.url.as_str()).await;
        let callback = complete(&world, &mut jar, &back).await;
        assert!(jar.0.is_empty());
        if fine {
            callback.result.unwrap();
        } else {
            failure(&callback, Reason::PkceStateExpired);
            assert_eq!(world.grant_count(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_at_the_callback_has_a_reason_and_ends_its_flow() {
    let world = World::new();
    let mut jar = Jar::default();
    let request = SignInRequest::default().return_to(ReturnTo::sanitize("/wanted", &OwnRoutes::default()));
    let start = begin(&world, &mut jar, &request);
    let other = begin(&world, &mut jar, &SignInRequest::default());
    let state = parameter(Url::parse(start.url.as_str()).unwrap().query().unwrap(), "state");
    let query = format!("error=access_denied&error_description=<script>&state={}", urlencoded(&state));
    let callback = complete(&world, &mut jar, &query).await;
    let denied = failure(&callback, Reason::AccessDenied);
    assert!(!format!("{denied} {denied:?}").contains("script"));
    assert_eq!(callback.return_to.as_str(), "/wanted");
    assert_eq!(jar.0.len(), 1, "its own verifier only");
    failure(&complete(&world, &mut jar, "error=server_error").await, Reason::AuthorizationError);
    failure(&complete(&world, &mut jar, "error=brand_new").await, Reason::AuthorizationError);
    let back = at_provider(&world, other.url.as_str()).await;
    complete(&world, &mut jar, &back).await.result.unwrap();
}

fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_callback_works_once() {
    let world = World::new();
    let mut jar = Jar::default();
    let start = begin(&world, &mut jar, &SignInRequest::default());
    let back = at_provider(&world, start.url.as_str()).await;
    let mut kept = jar.clone();
    complete(&world, &mut jar, &back).await.result.unwrap();
    failure(&complete(&world, &mut jar, &back).await, Reason::MissingPkceCookie);
    assert_eq!(world.grant_count(), 1);
    // Somebody who has kept the cookie as well gets no further: the code is spent.
    failure(&complete(&world, &mut kept, &back).await, Reason::InvalidGrant);
    assert_eq!(world.grant_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_tabs_sign_in_side_by_side() {
    let world = World::new();
    let mut jar = Jar::default();
    let sanitize = |path| ReturnTo::sanitize(path, &OwnRoutes::default());
    let one = begin(&world, &mut jar, &SignInRequest::default().return_to(sanitize("/one")).login_hint(ADA));
    let two =
        begin(&world, &mut jar, &SignInRequest::default().return_to(sanitize("/two")).login_hint(GRACE));
    assert_eq!(jar.0.len(), 2);
    let (back_one, back_two) =
        (at_provider(&world, one.url.as_str()).await, at_provider(&world, two.url.as_str()).await);
    let second = complete(&world, &mut jar, &back_two).await;
    assert_eq!(second.return_to.as_str(), "/two");
    assert_eq!(second.result.unwrap().session.user().unwrap().email(), Some(GRACE));
    let first = complete(&world, &mut jar, &back_one).await;
    assert_eq!(first.return_to.as_str(), "/one");
    assert_eq!(first.result.unwrap().session.user().unwrap().email(), Some(ADA));
    assert!(jar.0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn fifty_flows_leave_five_cookies_of_eight_kilobytes_and_the_newest_works() {
    for state in [0, 2000] {
        let world = World::new();
        let mut jar = Jar(vec![("theme".to_owned(), "dark".to_owned())]);
        let mut last = None;
        for _ in 0..50 {
            let request = SignInRequest::default().custom_state("s".repeat(state));
            last = Some(begin(&world, &mut jar, &request));
            world.pass(Duration::from_secs(1)).await;
            let verifiers: Vec<_> = jar.0.iter().filter(|(name, _)| is_verifier_cookie(name)).collect();
            assert!(verifiers.len() <= 5);
            assert!(
                verifiers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 8 * 1024
            );
        }
        let back = at_provider(&world, last.unwrap().url.as_str()).await;
        complete(&world, &mut jar, &back).await.result.unwrap();
        assert!(jar.0.iter().any(|(name, _)| name == "theme"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_return_path_never_leaves_the_application_nor_loops() {
    let world = World::new();
    for path in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/login",
        "/callback?code=1",
        "javascript:alert(1)",
    ] {
        let mut jar = Jar::default();
        // Sanitised by nobody at the start: what counts is what the callback gives.
        let routes = OwnRoutes::default();
        let start =
            begin(&world, &mut jar, &SignInRequest::default().return_to(ReturnTo::sanitize(path, &routes)));
        let back = at_provider(&world, start.url.as_str()).await;
        assert_eq!(complete(&world, &mut jar, &back).await.return_to.as_str(), "/", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_issuer_gives_no_session_and_names_the_setting() {
    let fixed = IssuerForm::Fixed("https://auth.elsewhere.example".to_owned());
    let world = World::of(|idp| idp.issuer(fixed), |config| config);
    let mut jar = Jar::default();
    let start = begin(&world, &mut jar, &SignInRequest::default());
    let back = at_provider(&world, start.url.as_str()).await;
    let callback = complete(&world, &mut jar, &back).await;
    let hint = failure(&callback, Reason::InvalidIssuer).hint().unwrap();
    assert!(hint.contains("`iss`") && hint.contains("WORKOS_ISSUER"), "{hint}");
    assert!(jar.0.is_empty());

    let world = World::configured(|config| config.audiences(["api"]));
    let mut jar = Jar::default();
    let start = begin(&world, &mut jar, &SignInRequest::default());
    let back = at_provider(&world, start.url.as_str()).await;
    let callback = complete(&world, &mut jar, &back).await;
    assert!(failure(&callback, Reason::InvalidAudience).hint().unwrap().contains("`aud`"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_tokens_or_user_is_no_sign_in() {
    for (fault, reason) in [
        (Fault::json(200, &json!({})), Reason::MissingTokens),
        (Fault::edit(|answer| drop(answer.as_object_mut().unwrap().remove("user"))), Reason::MissingTokens),
        (Fault::edit(|answer| answer["user"] = json!({ "id": "user_other" })), Reason::SubjectMismatch),
        (Fault::garbage(), Reason::InvalidResponse),
        (Fault::status(503), Reason::ServerError),
        (Fault::cut_connection(), Reason::NetworkError),
        (Fault::json(401, &Value::Null), Reason::ApiUnauthorized),
    ] {
        let world = World::new();
        let mut jar = Jar::default();
        let start = begin(&world, &mut jar, &SignInRequest::default());
        let back = at_provider(&world, start.url.as_str()).await;
        world.idp.fault(Endpoint::Authenticate, fault);
        let callback = complete(&world, &mut jar, &back).await;
        failure(&callback, reason);
        assert_eq!(world.grant_count(), 1, "a code is sent once");
        assert!(jar.0.is_empty());
    }
}

// ---- the eleven grants; authorization_code is above ----

async fn sign_in(world: &World, grant: impl Into<SignInGrant>) -> Result<SignedIn, Failure> {
    world.sealkit.sign_in_with(&grant.into(), &RequestContext::default()).await
}

/// The password of Ada's, which asks for one more step; that step's failure.
async fn step(world: &World, rule: StepUp, reason: Reason) -> Failure {
    world.idp.require_step_up(ADA, rule).unwrap();
    let failure = sign_in(world, PasswordGrant::new(ADA, "ada-dev-password")).await.unwrap_err();
    assert_eq!(failure.reason(), reason);
    failure
}

async fn signed_in(world: &World, grant: impl Into<SignInGrant>, email: &str) {
    let signed_in = sign_in(world, grant).await.unwrap();
    assert_eq!(signed_in.session.user().unwrap().email(), Some(email));
    let outcome = world.authenticate(signed_in.sealed.expose_secret()).await;
    assert_eq!(outcome.session().unwrap().id(), signed_in.session.id());
    assert!(world.idp.leaking_requests().is_empty());
}

fn pending(failure: &Failure) -> sealkit::PendingAuthenticationToken {
    failure.step_up().unwrap().pending_authentication_token.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn grant_password() {
    let world = World::new();
    signed_in(&world, PasswordGrant::new(ADA, "ada-dev-password"), ADA).await;
    let failure = sign_in(&world, PasswordGrant::new(ADA, "wrong")).await.unwrap_err();
    assert_eq!(failure.reason(), Reason::InvalidCredentials);
}

#[tokio::test(start_paused = true)]
async fn grant_magic_auth() {
    let world = World::new();
    let code = world.idp.send_magic_auth(ADA).unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let failure = sign_in(&world, MagicAuthGrant::new(wrong, ADA)).await.unwrap_err();
    assert_eq!(failure.reason(), Reason::InvalidOneTimeCode);
    signed_in(&world, MagicAuthGrant::new(code, ADA), ADA).await;
}

#[tokio::test(start_paused = true)]
async fn grant_email_verification() {
    let world = World::new();
    let new = "new@example.com";
    world.idp.put_user(User::new(new).with_password("new-dev-password").with_unverified_email()).unwrap();
    let failure = sign_in(&world, PasswordGrant::new(new, "new-dev-password")).await.unwrap_err();
    assert_eq!(failure.reason(), Reason::EmailVerificationRequired);
    let code = world.idp.one_time_code(new).unwrap();
    signed_in(&world, EmailVerificationGrant::new(code, pending(&failure)), new).await;
}

#[tokio::test(start_paused = true)]
async fn grant_email_completion() {
    let world = World::new();
    let failure = step(&world, StepUp::EmailCompletion, Reason::EmailCompletionRequired).await;
    let step_up = failure.step_up().unwrap();
    assert!(step_up.pending_authentication_token.is_none() && failure.upstream_body().is_none());
    let token = step_up.email_completion_token.clone().unwrap();
    let new = "lovelace@example.com";
    signed_in(&world, EmailCompletionGrant::new(token, new).with_signals_id("signals_1"), new).await;
    let sent = world.grants().pop().unwrap().json();
    assert_eq!(sent["grant_type"], "urn:workos:oauth:grant-type:email-completion");
    assert_eq!(sent["signals_id"], "signals_1");
}

#[tokio::test(start_paused = true)]
async fn grant_mfa_totp() {
    let world = World::new();
    let failure = step(&world, StepUp::MfaChallenge, Reason::MfaChallenge).await;
    let factor = &failure.step_up().unwrap().authentication_factors[0].id;
    let request = Request::post(format!("/auth/factors/{factor}/challenge"))
        .header("authorization", format!("Bearer {}", world.idp.api_key().expose_secret()))
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    let answer = world.idp.handle(request).await.unwrap();
    let challenge: Value = serde_json::from_slice(answer.body()).unwrap();
    let id = challenge["id"].as_str().unwrap_or_else(|| panic!("{challenge}"));
    let code = world.idp.totp_code(ADA).unwrap();
    signed_in(&world, MfaTotpGrant::new(code, pending(&failure), id), ADA).await;
}

#[tokio::test(start_paused = true)]
async fn grant_organization_selection() {
    let world = World::new();
    let failure = step(&world, StepUp::OrganizationSelection, Reason::OrganizationSelectionRequired).await;
    assert!(failure.step_up().unwrap().organizations.iter().any(|organization| organization.id == NAVY));
    let signed_in = sign_in(&world, OrganizationSelectionGrant::new(pending(&failure), NAVY)).await.unwrap();
    assert_eq!(signed_in.session.organization_id(), Some(NAVY));
}

#[tokio::test(start_paused = true)]
async fn grant_radar_email_challenge() {
    let world = World::new();
    let failure = step(&world, StepUp::RadarChallenge, Reason::RadarChallenge).await;
    let challenge = failure.step_up().unwrap().radar_challenge_id.clone().unwrap();
    let code = world.idp.one_time_code(ADA).unwrap();
    signed_in(&world, RadarEmailChallengeGrant::new(code, challenge, pending(&failure)), ADA).await;
}

#[tokio::test(start_paused = true)]
async fn grant_radar_sms_challenge() {
    let world = World::new();
    let failure = step(&world, StepUp::RadarSmsSignInChallenge, Reason::RadarSmsSignInChallenge).await;
    let code = world.idp.messages().pop().unwrap().code;
    signed_in(&world, RadarSmsChallengeGrant::new(code, pending(&failure)), ADA).await;
}

#[tokio::test(start_paused = true)]
async fn grant_device_code() {
    let world = World::new();
    let device = world.sealkit.api().authorize_device(&RequestContext::default()).await.unwrap().into_body();
    let poll = || DeviceCodeGrant::new(device.device_code.clone());
    let failure = sign_in(&world, poll()).await.unwrap_err();
    assert_eq!(failure.reason(), Reason::AuthorizationPending);
    world.idp.approve_device(&device.user_code, ADA).unwrap();
    world.pass(device.interval + Duration::from_secs(1)).await;
    signed_in(&world, poll(), ADA).await;
    assert!(world.grants().iter().all(|grant| grant.json().get("client_secret").is_none()));
}
