//! Nothing secret in any event, span, `Debug` or `Display`, whatever happens.

use crate::{
    ears::heard,
    support::{ADA, GRACE, NAVY, PASSWORD, World, new_cookie, session},
};
use bytes::Bytes;
use http::Request;
use sealkit::{
    ConfigBuilder, CookieAction, EncodingPolicy, Outcome, RefreshOptions, Resolve, Rewrite, SignInRequest,
    api::{PasswordGrant, Purpose, RefreshTokenGrant, RequestContext},
    format::{Format, FormatSet},
    sign_in::{OwnRoutes, ReturnTo},
};
use sealkit_devidp::{Endpoint, Fault, MintSession, MintedSession, StepUp, StepUpRule};
use serde_json::json;
use std::{
    fmt::{self, Write as _},
    time::Duration,
};
use url::Url;

/// What must never be seen, and what was seen.
struct Watch {
    secrets: Vec<String>,
    seen: String,
}

impl Watch {
    fn new(world: &World) -> Self {
        Self {
            secrets: vec![PASSWORD.to_owned(), world.idp.api_key().expose_secret().to_owned()],
            seen: String::new(),
        }
    }

    fn secret(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 6, "too short to be looked for");
        self.secrets.push(secret);
    }

    fn minted(&mut self, world: &World, minted: &MintedSession) -> String {
        self.token(&minted.access_token);
        self.secret(&minted.refresh_token);
        let sealed = world.seal(minted);
        self.sealed(world, &sealed);
        sealed
    }

    /// A token as a whole, and its signature alone.
    fn token(&mut self, token: &str) {
        self.secret(token);
        if let Some((_, signature)) = token.rsplit_once('.') {
            self.secret(signature);
        }
    }

    fn sealed(&mut self, world: &World, sealed: &str) {
        self.secret(sealed);
        self.secret(&sealed[sealed.len() / 2..]);
        let payload = world.payload(sealed);
        self.token(payload["accessToken"].as_str().unwrap());
        self.secret(payload["refreshToken"].as_str().unwrap());
    }

    fn see(&mut self, value: &impl fmt::Debug) {
        writeln!(self.seen, "{value:?}\n{value:#?}").unwrap();
    }

    fn outcome(&mut self, world: &World, outcome: &Outcome) {
        self.see(outcome);
        if let Some(session) = outcome.session() {
            self.see(session);
            self.see(&session.tokens());
            self.see(session.unsealed());
            self.see(&session.user());
        }
        if let Some(failure) = outcome.failure() {
            writeln!(self.seen, "{failure}").unwrap();
            self.see(failure);
            let pending = failure.step_up().and_then(|step_up| step_up.pending_authentication_token.as_ref());
            if let Some(pending) = pending {
                self.secret(pending.expose_secret());
            }
        }
        if let CookieAction::Set(sealed) = outcome.cookie() {
            self.sealed(world, sealed.expose_secret());
        }
    }

    fn judge(&self, what: &str, text: &str) {
        for secret in &self.secrets {
            if let Some(at) = text.find(secret.as_str()) {
                let line = text[..at].lines().last().unwrap_or_default();
                panic!("{what} shows a secret after {line:?}");
            }
        }
    }
}

async fn refreshes(world: &World, watch: &mut Watch) {
    let expired = MintSession::for_user(ADA).expired();
    for fault in [
        Fault::delay(Duration::from_millis(1)),
        Fault::json(
            400,
            &json!({ "error": "invalid_grant", "error_description": "Refresh token already exchanged." }),
        ),
        Fault::json(
            400,
            &json!({ "error": "sso_required", "pending_authentication_token": "pending-secret-1" }),
        ),
        Fault::json(
            403,
            &json!({ "code": "mfa_challenge", "pending_authentication_token": "pending-secret-2" }),
        ),
        Fault::json(
            403,
            &json!({ "code": "email_completion_required", "email_completion_token": "completion-secret-1" }),
        ),
        Fault::json(403, &json!({ "code": "brand_new_step", "brand_new_token": "unknown-secret-1" })),
        Fault::json(401, &json!({ "message": "Unauthorized" })),
        Fault::status(403),
        Fault::status(404),
        Fault::json(422, &json!({ "code": "invalid_request_parameters", "errors": [{ "field": "x" }] })),
        Fault::status(408).times(4),
        Fault::json(429, &json!({ "error": "too_many_requests" })).header("retry-after", "60"),
        Fault::status(500).body("a page").times(4),
        Fault::cut_connection().times(4),
        Fault::cut_mid_body().times(4),
        Fault::garbage().times(2),
        Fault::json(200, &json!({})).times(2),
        Fault::hang().times(4),
    ] {
        let sealed = watch.minted(world, &world.mint(expired.clone()));
        world.idp.fault(Endpoint::Authenticate, fault);
        let outcome = world.resolve(&sealed).await;
        watch.outcome(world, &outcome);
        world.sealkit.drain(Duration::from_secs(60)).await;
        world.idp.clear_faults(Endpoint::Authenticate);
        // Until the API is no longer left alone.
        world.pass(Duration::from_secs(5)).await;
    }
    let sealed = watch.minted(world, &world.mint(expired.clone()));
    world.wire.panic_once();
    watch.outcome(world, &world.resolve(&sealed).await);
    let grace = world.mint(MintSession::for_user(GRACE));
    watch.minted(world, &grace);
    world.idp.fault(Endpoint::Authenticate, Fault::json(200, &grace.response_json));
    watch.outcome(world, &world.resolve(&sealed).await);
}

async fn judgements(world: &World, watch: &mut Watch) {
    let mut tokens = vec![
        world.idp.sign_as_stranger(&world.claims()).unwrap(),
        world.idp.sign_with(&json!({ "alg": "HS256", "kid": "a-kid" }), &world.claims()).unwrap(),
        world.idp.sign_with(&json!({ "alg": "RS256", "kid": "unknown-kid" }), &world.claims()).unwrap(),
        "neither.a.token-at-all".to_owned(),
    ];
    for (claim, value) in [
        ("iss", json!("https://evil.example")),
        ("sub", json!("user_other")),
        ("exp", json!("x")),
        ("exp", json!(1)),
    ] {
        let mut claims = world.claims();
        claims[claim] = value;
        tokens.push(world.idp.sign(&claims).unwrap());
    }
    for token in tokens {
        watch.secret(token.as_str());
        let sealed = world.around(&token);
        watch.outcome(world, &world.authenticate(&sealed).await);
        watch.outcome(world, &world.sealkit.refresh(&sealed, RefreshOptions::default()).await);
    }
    let sealed = world.ada();
    let other = world.another(|config| config.cookie_password("another-password-0123456789-0123456789"));
    watch.secret("another-password-0123456789-0123456789");
    for value in [sealed.as_str(), &sealed[..sealed.len() - 9], "garbage-that-is-secret"] {
        watch.outcome(world, &other.authenticate(value).await);
    }
    let impersonated =
        world.reseal(&sealed, |payload| payload["impersonator"] = json!({ "email": "x@example.com" }));
    watch.sealed(world, &impersonated);
    watch.outcome(world, &world.resolve(&impersonated).await);
}

async fn outage_of_the_keys(world: &World, watch: &mut Watch) {
    let sealed = watch.minted(world, &world.mint(MintSession::for_user(ADA).expired()));
    world.idp.rotate_keys(true).unwrap();
    world.idp.fault(Endpoint::Jwks, Fault::status(503).always());
    let outcome = world.resolve(&sealed).await;
    new_cookie(&outcome);
    watch.outcome(world, &outcome);
    world.idp.clear_faults(Endpoint::Jwks);
    world.pass(Duration::from_secs(31)).await;
}

async fn sign_ins(world: &World, watch: &mut Watch) {
    let routes = OwnRoutes::default();
    let context = RequestContext::default();
    let mut unknown_bodies = 0;
    for fault in [
        None,
        Some(Fault::json(400, &json!({ "error": "invalid_grant" }))),
        Some(Fault::json(
            403,
            &json!({ "code": "mfa_enrollment", "pending_authentication_token": "pending-secret-3" }),
        )),
        Some(Fault::json(
            403,
            &json!({ "code": "email_completion_required", "email_completion_token": "completion-secret-2" }),
        )),
        Some(Fault::json(403, &json!({ "code": "brand_new_step", "brand_new_token": "unknown-secret-2" }))),
        Some(Fault::garbage()),
        Some(Fault::edit(|answer| answer["user"]["id"] = "user_other".into())),
    ] {
        let request = SignInRequest::default()
            .return_to(ReturnTo::sanitize("/", &routes))
            .custom_state("of-the-application");
        let start = world.sealkit.begin_sign_in(&request, [""]).unwrap();
        watch.see(&start);
        let url = Url::parse(start.url.as_str()).unwrap();
        watch.secret(url.query_pairs().find(|(name, _)| name == "state").unwrap().1);
        let answer = world.idp.handle(Request::get(url.as_str()).body(Bytes::new()).unwrap()).await.unwrap();
        let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        watch.secret(back.query_pairs().find(|(name, _)| name == "code").unwrap().1);
        let cookie = &start.set_cookies[0];
        let cookies = format!("{}={}", cookie.name(), cookie.encoded_value());
        if let Some(fault) = fault {
            world.idp.fault(Endpoint::Authenticate, fault);
        }
        for line in [cookies.as_str(), "", &format!("{}=other", cookie.name())] {
            let query = back.query().unwrap();
            let callback = world.sealkit.complete_sign_in(query, [line], &routes, &context).await;
            watch.see(&callback);
            match &callback.result {
                Ok(signed_in) => watch.sealed(world, signed_in.sealed.expose_secret()),
                Err(failure) => {
                    writeln!(watch.seen, "{failure}").unwrap();
                    unknown_bodies += usize::from(failure.upstream_body().is_some());
                }
            }
        }
        world.idp.clear_faults(Endpoint::Authenticate);
    }
    let verifiers: Vec<String> = world
        .grants()
        .iter()
        .filter_map(|grant| Some(grant.json()["code_verifier"].as_str()?.to_owned()))
        .collect();
    assert_eq!((verifiers.len(), unknown_bodies), (7, 1));
    verifiers.into_iter().for_each(|verifier| watch.secret(verifier));
    for secret in [
        "pending-secret-1",
        "pending-secret-2",
        "pending-secret-3",
        "completion-secret-1",
        "completion-secret-2",
        "unknown-secret-1",
        "unknown-secret-2",
    ] {
        watch.secret(secret);
    }
}

async fn errors_of_the_api(world: &World, watch: &mut Watch) {
    watch.secret("a-wrong-password");
    watch.secret("ada-dev-password");
    world.idp.require_step_up(ADA, StepUpRule::new(StepUp::MfaChallenge).once()).unwrap();
    for password in ["a-wrong-password", "ada-dev-password"] {
        let grant = PasswordGrant::new(ADA, password).into();
        watch.see(&grant);
        let error = world.sealkit.api().authenticate(&grant, &RequestContext::default()).await.unwrap_err();
        writeln!(watch.seen, "{error}").unwrap();
        watch.see(&error);
        watch.see(&error.to_failure(Purpose::SignIn));
        if let Some(step_up) = error.to_failure(Purpose::SignIn).step_up() {
            watch.secret(step_up.pending_authentication_token.as_ref().unwrap().expose_secret());
        }
    }
    let minted = world.mint(MintSession::for_user(ADA));
    watch.minted(world, &minted);
    let grant = RefreshTokenGrant::new(minted.refresh_token.as_str()).with_organization_id(NAVY).into();
    watch.see(&grant);
    let reply = world.sealkit.api().authenticate(&grant, &RequestContext::default()).await.unwrap();
    watch.token(reply.body().access_token().expose_secret());
    watch.secret(reply.body().refresh_token().expose_secret());
    watch.see(&reply);
    world.idp.fault(Endpoint::Authenticate, Fault::cut_connection());
    watch.see(&world.sealkit.api().authenticate(&grant, &RequestContext::default()).await.unwrap_err());
}

/// Passwords that are derived, listed, replaced, and read from a file that is right, wrong, and gone.
async fn changing_passwords(world: &World, watch: &mut Watch) {
    let newer = "another-password-9876543210-9876543210";
    let bare = "QSBwYXNzd29yZCB3aXRob3V0IGFueSBuYW1lISEhISE=";
    let derived = format!("wos-ck:{}:{}", world.idp.api_key().expose_secret(), world.idp.client_id());
    for secret in [newer, bare, bare.trim_end_matches('='), "short-secret", derived.as_str()] {
        watch.secret(secret);
    }
    let variables = |more: &[(&str, String)]| {
        let mut all = vec![("WORKOS_CLIENT_ID", world.idp.client_id())];
        all.extend(more.iter().cloned());
        ConfigBuilder::from_env(move |wanted| {
            all.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
        })
    };
    let path = std::env::temp_dir().join(format!("sealkit-no-secrets-{}", std::process::id()));
    let file = path.to_str().unwrap().to_owned();
    let list = |list: &str| ("SEALKIT_COOKIE_PASSWORDS", list.to_owned());
    let in_file = || ("SEALKIT_COOKIE_PASSWORDS_FILE", file.clone());
    std::fs::write(&path, format!("new={newer}\nold={PASSWORD}\n")).unwrap();
    for more in [
        vec![("WORKOS_API_KEY", world.idp.api_key().expose_secret().to_owned())],
        vec![list(&format!("new={newer}\nold={PASSWORD}"))],
        vec![in_file()],
        vec![list(bare)],
        vec![list(&format!("one={newer}\n{bare}\ntwo=short-secret"))],
        vec![list(&format!("one={newer}")), in_file()],
        vec![list(newer), ("SEALKIT_FORMAT_WRITE", "rust-gcm".to_owned())],
    ] {
        let builder = variables(&more);
        watch.see(&builder);
        match builder.build() {
            Ok(config) => {
                watch.see(&config);
                watch.see(&sealkit::Sealkit::builder(config).build().unwrap());
            }
            Err(error) => {
                writeln!(watch.seen, "{error}").unwrap();
                watch.see(&error);
            }
        }
    }
    let sealkit = world.another(|config| config.cookie_passwords_file(&path));
    watch.outcome(world, &sealkit.resolve([world.ada().into()], Resolve::default()).await);
    for content in
        [format!("{bare}\n"), format!("new={newer}\nshort=short-secret\n"), format!("new={newer}\n")]
    {
        std::fs::write(&path, content).unwrap();
        if let Err(error) = sealkit.reload_keys() {
            writeln!(watch.seen, "{error}").unwrap();
            watch.see(&error);
        }
        tokio::time::sleep(Duration::from_secs(16)).await;
    }
    std::fs::remove_file(&path).unwrap();
    tokio::time::sleep(Duration::from_secs(16)).await;
    watch.outcome(world, &sealkit.authenticate(&world.ada()).await);
    watch.see(&sealkit);
    watch.see(&sealkit.key_usage());
}

/// Cookies that are unsealed, and written anew.
async fn other_formats(world: &World, watch: &mut Watch) {
    let read = FormatSet::sealed().with(Format::PlainJson).with(Format::B64urlJson);
    for write in [Format::PlainJson, Format::B64urlJson, Format::Iron] {
        let policy = EncodingPolicy::writing(write).with_read(read).with_rewrite(Rewrite::OnRead);
        let sealkit = world.another(|config| config.encoding(policy));
        let sealed = watch.minted(world, &world.mint(MintSession::for_user(ADA)));
        let unsealed = world.payload(&sealed).to_string();
        for cookie in [
            sealed,
            unsealed.clone(),
            unsealed.replace(ADA, GRACE),
            unsealed[..unsealed.len() - 9].to_owned(),
        ] {
            for outcome in [
                sealkit.resolve([cookie.as_str().into()], Resolve::default()).await,
                sealkit.refresh(&cookie, RefreshOptions::default()).await,
            ] {
                watch.see(&outcome);
                if let Some(session) = outcome.session() {
                    watch.see(session);
                    watch.see(session.unsealed());
                    watch.secret(session.tokens().access_token());
                    watch.secret(session.tokens().refresh_token().unwrap().expose_secret());
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_ever_logged_or_shown() {
    let world = World::new();
    let mut watch = Watch::new(&world);

    let ada = world.mint(MintSession::for_user(ADA));
    let sealed = watch.minted(&world, &ada);
    session(&world.authenticate(&sealed).await);
    watch.outcome(&world, &world.resolve(&sealed).await);
    refreshes(&world, &mut watch).await;
    judgements(&world, &mut watch).await;
    outage_of_the_keys(&world, &mut watch).await;
    sign_ins(&world, &mut watch).await;
    errors_of_the_api(&world, &mut watch).await;
    changing_passwords(&world, &mut watch).await;
    other_formats(&world, &mut watch).await;
    watch.see(&world.sealkit.sign_out(&ada.session_id, None).await.unwrap());
    watch.outcome(&world, &world.authenticate(&sealed).await);
    watch.see(&world.sealkit);
    watch.see(world.sealkit.config());
    watch.see(world.sealkit.keys());
    watch.see(&world.sealkit.load_session(sealed));

    let heard = heard();
    for said in [
        "session rejected",
        "session cannot be decided",
        "the refresh is sent again",
        "key set fetched",
        "no cookie password is configured",
        "session cookies",
        "the cookie passwords were replaced",
        "cannot be used; the old passwords stay",
    ] {
        assert!(heard.contains(said), "nothing was captured of: {said}");
    }
    watch.judge("a log", &heard);
    watch.judge("Debug or Display", &watch.seen);
    assert!(watch.secrets.len() > 100 && watch.seen.len() > 10_000);
}
