//! Tokens that verify and are not a user's session: rejected in every cookie, in every answer, and never refreshed.

use crate::{
    ears::heard,
    recorder::Seen,
    support::{ADA, ANALYTICAL, GRACE, World, new_cookie, refused, session},
};
use sealkit::{
    CookieAction, Detail, EncodingPolicy, Outcome, Reason, RefreshOptions, Resolve,
    api::{PasswordGrant, RequestContext},
    format::{Format, FormatSet},
    telemetry,
};
use sealkit_devidp::{AgentKind, Endpoint, Fault, IssuerForm, MintSession, TokenOptions, TokenShape};
use serde_json::{Value, json};
use std::{fmt::Write as _, time::Duration};

const RESOURCE: &str = "https://mcp.example.com/mcp";
const OTHER_APPLICATION: &str = "client_01JGF0THERAPP0000000000000";
const DEFAULT_APPLICATION: &str = "client_01JGFDEFAV1T00000000000000";

/// A layer that reads unsealed cookies, and an AuthKit domain whose tokens verify with the keys of sessions.
fn open() -> World {
    World::of(
        |idp| idp.authkit_shares_keys(true),
        |config| config.encoding(EncodingPolicy::writing(Format::Iron).with_read(FormatSet::all())),
    )
}

fn plain() -> TokenOptions {
    TokenOptions::new()
}

fn ada() -> MintSession {
    MintSession::for_user(ADA)
}

/// Every token that names its kind, with the kind.
fn kinds(world: &World, options: &TokenOptions) -> Vec<(String, Detail)> {
    let idp = &world.idp;
    let without_sid = options.clone().without_claim("sid");
    let scopes = ["widgets:users-table:manage"];
    vec![
        (idp.mint_agent(&AgentKind::delegated(ADA), options).unwrap().token, Detail::Agent),
        (idp.mint_agent(&AgentKind::autonomous(ANALYTICAL), options).unwrap().token, Detail::Agent),
        (idp.mint_widget(ADA, &scopes, TokenShape::SubType, options).unwrap().token, Detail::Widget),
        (idp.mint_widget(ADA, &scopes, TokenShape::SubType, &without_sid).unwrap().token, Detail::Widget),
        (idp.mint_client_token(ADA, TokenShape::SubType, options).unwrap().token, Detail::Widget),
        (idp.mint_connect_user(ADA, options).unwrap().token, Detail::Connect),
        (idp.mint_mcp(ADA, RESOURCE, options).unwrap().token, Detail::Connect),
        (idp.mint_machine(ANALYTICAL, options).unwrap().token, Detail::Machine),
    ]
}

/// The cookies that can hold a token: sealed and unsealed, with a stored user and without.
fn cookies(world: &World, token: &str) -> [String; 4] {
    let named = json!({
        "user": { "object": "user", "id": world.user_id(ADA), "email": ADA },
        "accessToken": token, "refreshToken": "rt_of_nobody",
    });
    let nameless = json!({ "accessToken": token, "refreshToken": "rt_of_nobody" });
    [world.seal_payload(&named), world.seal_payload(&nameless), named.to_string(), nameless.to_string()]
}

#[track_caller]
fn is_kind(outcome: &Outcome, detail: Detail, what: &str) {
    assert_eq!(outcome.reason(), Some(Reason::NotASessionToken), "{what}: {outcome:?}");
    assert_eq!(outcome.failure().unwrap().detail(), Some(detail), "{what}: {outcome:?}");
    assert!(matches!(outcome, Outcome::Rejected { .. }), "{what}: {outcome:?}");
}

/// Rejected in every cookie, without any call for tokens, and the cookie is kept.
async fn rejected(world: &World, token: &str, detail: Detail, what: &str) {
    for cookie in cookies(world, token) {
        for outcome in [world.authenticate(&cookie).await, world.resolve(&cookie).await] {
            is_kind(&outcome, detail, what);
            assert_eq!(*outcome.cookie(), CookieAction::Keep, "{what}: {outcome:?}");
        }
    }
    assert_eq!(world.grant_count(), 0, "{what} started a refresh");
}

/// Rejected for another reason than its kind, in every cookie, without any call for tokens.
async fn rejected_as(world: &World, token: &str, reason: Reason, what: &str) {
    for cookie in cookies(world, token) {
        for outcome in [world.authenticate(&cookie).await, world.resolve(&cookie).await] {
            assert_eq!(outcome.reason(), Some(reason), "{what}: {outcome:?}");
            refused(&outcome, reason);
        }
    }
    assert_eq!(world.grant_count(), 0, "{what} started a refresh");
}

async fn accepted(world: &World, minted: MintSession, what: &str) {
    let token = world.mint(minted).access_token;
    for cookie in cookies(world, &token) {
        let outcome = world.authenticate(&cookie).await;
        assert_eq!(outcome.reason(), None, "{what}: {outcome:?}");
        assert_eq!(session(&outcome).user_id(), world.user_id(ADA), "{what}");
        assert_eq!(*outcome.cookie(), CookieAction::Keep, "{what}");
    }
}

async fn session_rejected(world: &World, minted: MintSession, detail: Detail, what: &str) {
    rejected(world, &world.mint(minted).access_token, detail, what).await;
}

// C01
#[tokio::test(start_paused = true)]
async fn user_session_authenticates_with_and_without_profile() {
    let world = open();
    accepted(&world, ada(), "plain").await;
    accepted(&world, ada().claim("sub_profile", "user"), "sub_profile user").await;
    accepted(&world, ada().claim("sub_profile", Value::Null), "sub_profile null").await;
    accepted(&world, ada().claim("sub_type", Value::Null), "sub_type null").await;
    let impersonated = world.mint(ada().impersonator("support@example.com", Some("ticket 7")));
    let outcome = world.authenticate(&world.seal(&impersonated)).await;
    assert_eq!(session(&outcome).impersonator().unwrap().email, "support@example.com");
}

// C02 to C05
#[tokio::test(start_paused = true)]
async fn every_kind_is_rejected_in_every_cookie() {
    let world = open();
    for (token, detail) in kinds(&world, &plain()) {
        rejected(&world, &token, detail, detail.as_str()).await;
    }
}

// C02
#[tokio::test(start_paused = true)]
async fn agent_is_named_by_profile_or_by_id() {
    let world = open();
    let agent =
        |options: TokenOptions| world.idp.mint_agent(&AgentKind::delegated(ADA), &options).unwrap().token;
    // The claims alone name it: without `typ`, with an ordinary one, without its actor.
    for options in [plain().without_typ(), plain().typ("JWT"), plain().without_claim("act")] {
        rejected(&world, &agent(options), Detail::Agent, "agent").await;
    }
    for profile in
        [json!("ai_agent"), json!("service"), json!("User"), json!(""), json!(1), json!(["user"]), json!({})]
    {
        let what = format!("sub_profile {profile}");
        session_rejected(&world, ada().claim("sub_profile", profile), Detail::Agent, &what).await;
    }
    for claim in ["sid", "sub"] {
        for id in ["agent_session_01TEST", "agent_instance_01TEST", "agent_"] {
            session_rejected(&world, ada().claim(claim, id), Detail::Agent, id).await;
        }
    }
}

// C03
#[tokio::test(start_paused = true)]
async fn any_sub_type_makes_a_widget() {
    let world = open();
    for sub_type in [json!("widget"), json!("user"), json!(""), json!(false), json!(0), json!([]), json!({})]
    {
        let what = format!("sub_type {sub_type}");
        session_rejected(&world, ada().claim("sub_type", sub_type), Detail::Widget, &what).await;
    }
}

// C03
#[tokio::test(start_paused = true)]
async fn emulated_widget_and_client_tokens_are_rejected() {
    let world = open();
    let scopes = ["widgets:users-table:manage"];
    let widget = |options: &TokenOptions| {
        world.idp.mint_widget(ADA, &scopes, TokenShape::Emulator, options).unwrap().token
    };
    let client = |options: &TokenOptions| {
        world.idp.mint_client_token(ADA, TokenShape::Emulator, options).unwrap().token
    };
    for token in [widget(&plain()), client(&plain())] {
        rejected_as(&world, &token, Reason::InvalidJwt, "no sid").await;
    }
    let bound = plain().claim("sid", "session_01TEST");
    for token in [widget(&bound), client(&bound)] {
        rejected(&world, &token, Detail::NoAuthTime, "session-bound").await;
    }
}

// C04
#[tokio::test(start_paused = true)]
async fn connect_tokens_are_rejected_whatever_issuers_are_accepted() {
    let world = open();
    let both = [world.idp.issuer(), world.idp.authkit_issuer()];
    let trusting = world.another(|config| config.issuers(both));
    for token in [
        world.idp.mint_connect_user(ADA, &plain()).unwrap().token,
        world.idp.mint_mcp(ADA, RESOURCE, &plain()).unwrap().token,
        world.idp.mint_mcp(ADA, RESOURCE, &plain().claim("client_id", world.idp.client_id())).unwrap().token,
    ] {
        rejected(&world, &token, Detail::Connect, "issuer of sessions").await;
        let outcome = trusting.authenticate(&world.around(&token)).await;
        is_kind(&outcome, Detail::Connect, "both issuers");
    }
}

// C04
#[tokio::test(start_paused = true)]
async fn key_of_the_authkit_domain_signs_no_session() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    let token = world.idp.mint_connect_user(ADA, &plain()).unwrap().token;
    refused(&world.authenticate(&world.around(&token)).await, Reason::UnknownSigningKey);
    // Past the cool-down of the key set, so that the key is looked for again.
    world.pass(Duration::from_secs(30)).await;
    refused(&world.resolve(&world.around(&token)).await, Reason::UnknownSigningKey);
    assert_eq!(world.grant_count(), 0);
}

// C05
#[tokio::test(start_paused = true)]
async fn machine_is_named_by_its_subject() {
    let world = open();
    for options in [plain().claim("client_id", world.idp.client_id()), plain().claim("sid", "session_01TEST")]
    {
        let token = world.idp.mint_machine(ANALYTICAL, &options).unwrap().token;
        rejected(&world, &token, Detail::Machine, "machine").await;
    }
    session_rejected(&world, ada().claim("sub", world.idp.client_id()), Detail::Machine, "our own client")
        .await;
}

// C05
#[tokio::test(start_paused = true)]
async fn id_token_is_an_invalid_jwt() {
    let world = open();
    let token = world.idp.mint_id_token(ADA, &plain()).unwrap().token;
    rejected_as(&world, &token, Reason::InvalidJwt, "ID token").await;
    let both = [world.idp.issuer(), world.idp.authkit_issuer()];
    let trusting = world.another(|config| config.issuers(both));
    refused(&trusting.authenticate(&world.around(&token)).await, Reason::InvalidJwt);
}

// C06
#[tokio::test(start_paused = true)]
async fn typ_of_another_kind_is_rejected() {
    let world = open();
    for typ in
        ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT", "secevent+jwt", "logout+jwt", "+jwt"]
    {
        session_rejected(&world, ada().typ(typ), Detail::WrongType, typ).await;
    }
}

// C06
#[tokio::test(start_paused = true)]
async fn ordinary_or_absent_typ_says_nothing() {
    let world = open();
    accepted(&world, ada().without_typ(), "none").await;
    for typ in ["jwt", "JWT", "application/jwt", "JOSE", "at+jwt2", "at-jwt", ""] {
        accepted(&world, ada().typ(typ), typ).await;
    }
}

// C07
#[tokio::test(start_paused = true)]
async fn auth_time_that_is_not_a_time_is_rejected() {
    let world = open();
    for value in [
        json!("now"),
        json!("1800000000"),
        Value::Null,
        json!(-1),
        json!(-0.5),
        json!(true),
        json!([]),
        json!({}),
    ] {
        let what = format!("auth_time {value}");
        session_rejected(&world, ada().claim("auth_time", value), Detail::NoAuthTime, &what).await;
    }
}

// C07
#[tokio::test(start_paused = true)]
async fn odd_but_numeric_auth_time_is_accepted() {
    let world = open();
    for value in [
        json!(1e300),
        json!(1.5),
        json!(0),
        json!(1_799_999_999.0),
        json!(253_402_300_800_u64),
        json!(u64::MAX),
    ] {
        accepted(&world, ada().claim("auth_time", value.clone()), &format!("auth_time {value}")).await;
    }
}

// C08
#[tokio::test(start_paused = true)]
async fn session_without_auth_time_is_rejected_while_valid() {
    let world = open();
    session_rejected(&world, ada().without_claim("auth_time"), Detail::NoAuthTime, "absent").await;
}

// C08: a cookie that slept since before `auth_time` reaches its refresh, and the new token is verified whole.
#[tokio::test(start_paused = true)]
async fn expired_session_without_auth_time_is_refreshed() {
    let world = open();
    let old = world.seal(&world.mint(ada().expired().without_claim("auth_time")));
    refused(&world.authenticate(&old).await, Reason::ExpiredJwt);
    let outcome = world.resolve(&old).await;
    assert_eq!(session(&outcome).user_id(), world.user_id(ADA));
    session(&world.authenticate(&new_cookie(&outcome)).await);

    let again = world.seal(&world.mint(ada().expired().without_claim("auth_time")));
    world.idp.fault(Endpoint::Authenticate, Fault::access_token(plain().without_claim("auth_time")));
    let outcome = world.resolve(&again).await;
    is_kind(&outcome, Detail::NoAuthTime, "refreshed");
    is_kind(&world.authenticate(&new_cookie(&outcome)).await, Detail::NoAuthTime, "next request");
}

// C09
#[tokio::test(start_paused = true)]
async fn session_of_another_application_is_rejected() {
    let world = open();
    let ours = world.idp.client_id();
    for client_id in [
        json!(OTHER_APPLICATION),
        json!(ours.to_lowercase()),
        json!(format!("{ours} ")),
        json!(""),
        json!(7),
        json!([ours]),
        Value::Null,
    ] {
        let what = format!("client_id {client_id}");
        session_rejected(&world, ada().claim("client_id", client_id), Detail::OtherApplication, &what).await;
    }
}

// C09
#[tokio::test(start_paused = true)]
async fn session_without_client_id_is_accepted() {
    accepted(&open(), ada().without_claim("client_id"), "absent").await;
}

/// A world whose environment has another default application.
fn second_application(form: IssuerForm) -> World {
    World::of(
        |idp| idp.issuer(form),
        |config| config.encoding(EncodingPolicy::writing(Format::Iron).with_read(FormatSet::all())),
    )
}

// C10
#[tokio::test(start_paused = true)]
async fn issuer_of_the_default_application_is_accepted() {
    for form in [
        IssuerForm::DefaultApplication(DEFAULT_APPLICATION.to_owned()),
        IssuerForm::DefaultApplication("client_x".to_owned()),
        IssuerForm::Fixed(format!("http://127.0.0.1/sso/{DEFAULT_APPLICATION}")),
        IssuerForm::Fixed(format!("http://127.0.0.1/convex/{DEFAULT_APPLICATION}")),
    ] {
        let what = format!("{form:?}");
        let world = second_application(form);
        accepted(&world, ada(), &what).await;
        session_rejected(
            &world,
            ada().claim("client_id", DEFAULT_APPLICATION),
            Detail::OtherApplication,
            &format!("{what}, its own client"),
        )
        .await;
        let token = world.mint(ada().without_claim("client_id")).access_token;
        rejected_as(&world, &token, Reason::InvalidIssuer, &format!("{what}, no client")).await;
    }
}

// C10
#[tokio::test(start_paused = true)]
async fn issuer_that_names_no_application_is_rejected() {
    for path in [
        "user_management/app_01JGFDEFAV1T00000000000000".to_owned(),
        "user_management/client_".to_owned(),
        "user_management/client_a-b".to_owned(),
        "user_management/client_a/b".to_owned(),
        "user_management/client_a?b".to_owned(),
        "user_management/client_a ".to_owned(),
        format!("user_management/client_{}", "x".repeat(65)),
        format!("user_management/{DEFAULT_APPLICATION}/"),
        format!("oauth2/{DEFAULT_APPLICATION}"),
        DEFAULT_APPLICATION.to_owned(),
    ] {
        let world = second_application(IssuerForm::Fixed(format!("http://127.0.0.1/{path}")));
        rejected_as(&world, &world.mint(ada()).access_token, Reason::InvalidIssuer, &path).await;
    }
    let elsewhere = format!("https://elsewhere.example/user_management/{DEFAULT_APPLICATION}");
    let world = second_application(IssuerForm::Fixed(elsewhere));
    rejected_as(&world, &world.mint(ada()).access_token, Reason::InvalidIssuer, "another origin").await;
}

// C11
#[tokio::test(start_paused = true)]
async fn expired_token_of_another_kind_never_refreshes() {
    let world = open();
    for (token, detail) in kinds(&world, &plain().expired()) {
        rejected(&world, &token, detail, detail.as_str()).await;
    }
    for (minted, detail) in [
        (ada().typ("at+jwt"), Detail::WrongType),
        (ada().claim("auth_time", "now"), Detail::NoAuthTime),
        (ada().claim("client_id", OTHER_APPLICATION), Detail::OtherApplication),
        (ada().claim("act", json!({ "sub": "agent_1", "sub_profile": "ai_agent" })), Detail::Agent),
    ] {
        let minted = world.mint(minted.expired());
        rejected(&world, &minted.access_token, detail, detail.as_str()).await;
        // A refresh token that works changes nothing.
        is_kind(&world.resolve(&world.seal(&minted)).await, detail, detail.as_str());
    }
    assert_eq!(world.grant_count(), 0);
}

// The first rule that applies names the kind.
#[tokio::test(start_paused = true)]
async fn first_rule_that_applies_names_the_kind() {
    let world = open();
    let mut claims: Vec<(Detail, MintSession)> = Vec::new();
    let mut wanted = ada().claim("auth_time", "now");
    claims.push((Detail::NoAuthTime, wanted.clone()));
    wanted = wanted.typ("at+jwt");
    claims.push((Detail::WrongType, wanted.clone()));
    wanted = wanted.claim("client_id", OTHER_APPLICATION);
    claims.push((Detail::OtherApplication, wanted.clone()));
    claims.push((Detail::Machine, wanted.clone().claim("sub", OTHER_APPLICATION)));
    claims.push((Detail::Agent, wanted.clone().claim("sid", "agent_session_01TEST")));
    wanted = wanted.claim("sid", "app_consent_01TEST");
    claims.push((Detail::Connect, wanted.clone()));
    wanted = wanted.claim("sub_type", "widget");
    claims.push((Detail::Widget, wanted.clone()));
    claims.push((Detail::Agent, wanted.claim("sub_profile", "ai_agent")));
    for (detail, minted) in claims {
        session_rejected(&world, minted, detail, detail.as_str()).await;
    }
}

/// The answers of a grant that bring a token of another kind.
fn wrong_answers(world: &World) -> Vec<(Fault, Detail)> {
    let bent = |options: TokenOptions, detail: Detail| (Fault::access_token(options), detail);
    let mut all: Vec<_> = kinds(world, &plain())
        .into_iter()
        .map(|(token, detail)| (Fault::replace_access_token(token), detail))
        .collect();
    all.extend([
        bent(plain().without_claim("auth_time"), Detail::NoAuthTime),
        bent(plain().claim("auth_time", "now"), Detail::NoAuthTime),
        bent(plain().claim("client_id", OTHER_APPLICATION), Detail::OtherApplication),
        bent(plain().typ("at+jwt"), Detail::WrongType),
        bent(plain().claim("sub_type", "widget"), Detail::Widget),
        bent(plain().claim("act", json!({ "sub": "agent_1", "sub_profile": "ai_agent" })), Detail::Agent),
    ]);
    all
}

// C12
#[tokio::test(start_paused = true)]
async fn refresh_to_another_kind_is_rejected_twice_with_a_cookie() {
    let count = wrong_answers(&open()).len();
    for case in 0..count {
        for explicit in [false, true] {
            let world = open();
            let expired = world.expired();
            let (fault, detail) = wrong_answers(&world).swap_remove(case);
            let what = format!("{fault:?} {detail:?} explicit: {explicit}");
            world.idp.fault(Endpoint::Authenticate, fault);
            let outcome = if explicit {
                world.sealkit.refresh(&expired, RefreshOptions::default()).await
            } else {
                world.resolve(&expired).await
            };
            is_kind(&outcome, detail, &what);
            let next = new_cookie(&outcome);
            assert_eq!(world.payload(&next)["user"]["id"], world.user_id(ADA), "{what}");
            assert_ne!(world.payload(&next)["refreshToken"], world.payload(&expired)["refreshToken"]);
            for outcome in [world.authenticate(&next).await, world.resolve(&next).await] {
                is_kind(&outcome, detail, &what);
                assert_eq!(*outcome.cookie(), CookieAction::Keep, "{what}");
            }
            // A late request with the old cookie gets the kept result, verified when it is served.
            is_kind(&world.resolve(&expired).await, detail, &what);
            assert_eq!(world.grant_count(), 1, "{what}");
        }
    }
}

// C12
#[tokio::test(start_paused = true)]
async fn refresh_to_another_user_is_a_subject_mismatch() {
    let world = open();
    let expired = world.expired();
    let grace = plain().claim("sub", world.user_id(GRACE));
    world.idp.fault(Endpoint::Authenticate, Fault::access_token(grace));
    let outcome = world.resolve(&expired).await;
    assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch), "{outcome:?}");
    refused(&world.authenticate(&new_cookie(&outcome)).await, Reason::SubjectMismatch);
}

// C12
#[tokio::test(start_paused = true)]
async fn sign_in_with_another_kind_gives_no_session() {
    let count = wrong_answers(&open()).len();
    for case in 0..count {
        let world = open();
        let (fault, detail) = wrong_answers(&world).swap_remove(case);
        world.idp.fault(Endpoint::Authenticate, fault);
        let grant = PasswordGrant::new(ADA, "ada-dev-password").into();
        let failure = world.sealkit.sign_in_with(&grant, &RequestContext::default()).await.unwrap_err();
        assert_eq!(
            (failure.reason(), failure.detail()),
            (Reason::NotASessionToken, Some(detail)),
            "{failure:?}"
        );
        assert_eq!(world.grant_count(), 1, "a sign-in is sent once");
    }
}

// C14
#[tokio::test(start_paused = true)]
async fn actor_that_is_not_an_impersonator_is_rejected() {
    let world = open();
    for act in [
        json!({ "sub": "agent_1", "sub_profile": "ai_agent" }),
        json!({ "sub": "support@example.com", "sub_profile": "ai_agent" }),
        json!({ "sub": "support@example.com", "sub_profile": "service" }),
        json!({ "sub": "user_1" }),
        json!({ "sub": "user_1", "sub_profile": "user" }),
        json!({ "sub": "a@b@example.com" }),
    ] {
        session_rejected(&world, ada().claim("act", act.clone()), Detail::Agent, &act.to_string()).await;
    }
}

/// An actor who acts for an actor who acts …, this many in all.
fn chain(actors: usize) -> Value {
    (1..actors).fold(
        json!({ "sub": "support@example.com" }),
        |act, _| json!({ "sub": "support@example.com", "act": act }),
    )
}

// C14
#[tokio::test(start_paused = true)]
async fn unreadable_actor_is_an_invalid_jwt() {
    let world = open();
    for act in [json!({}), json!("support@example.com"), json!([]), json!({ "sub": 1 }), chain(9), chain(40)]
    {
        let token = world.mint(ada().claim("act", act.clone())).access_token;
        rejected_as(&world, &token, Reason::InvalidJwt, &act.to_string()).await;
    }
}

// C14
#[tokio::test(start_paused = true)]
async fn outermost_actor_is_the_impersonator() {
    let world = open();
    for act in [chain(1), chain(8), json!({ "sub": "support@example.com", "sub_profile": "user" })] {
        let token = world.mint(ada().claim("act", act.clone())).access_token;
        let outcome = world.authenticate(&world.around(&token)).await;
        assert_eq!(outcome.reason(), None, "{act}: {outcome:?}");
        assert_eq!(session(&outcome).impersonator().unwrap().email, "support@example.com", "{act}");
    }
}

// C37
#[tokio::test(start_paused = true)]
async fn logs_and_metrics_of_other_kinds_hold_no_token() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = open();
    let (mut tokens, mut shown) = (Vec::new(), String::new());
    for options in [plain(), plain().expired()] {
        for (token, _) in kinds(&world, &options) {
            for cookie in cookies(&world, &token) {
                let outcome = world.resolve(&cookie).await;
                writeln!(shown, "{outcome:?} {}", outcome.failure().unwrap()).unwrap();
                tokens.push(cookie);
            }
            world.idp.fault(Endpoint::Authenticate, Fault::replace_access_token(&token));
            let grant = PasswordGrant::new(ADA, "ada-dev-password").into();
            let failure = world.sealkit.sign_in_with(&grant, &RequestContext::default()).await.unwrap_err();
            writeln!(shown, "{failure:?} {failure}").unwrap();
            world.idp.fault(Endpoint::Authenticate, Fault::replace_access_token(&token));
            let refreshed =
                world.sealkit.resolve([world.expired().as_str().into()], Resolve::default()).await;
            tokens.push(new_cookie(&refreshed));
            tokens.push(token);
        }
    }
    let counted = format!("{} result=rejected reason=not_a_session_token", telemetry::DECISIONS);
    assert!(seen.count(&counted) >= tokens.len() / 4, "{:?}", seen.values(telemetry::DECISIONS));
    let labels = seen.values("").into_iter().map(|(name, _)| name).collect::<String>();
    let said = heard();
    for token in tokens {
        let end = token.len() - token.len().min(40);
        for text in [&said, &labels, &shown] {
            assert!(!text.contains(&token[end..]), "a token is in a log, a metric or a failure");
        }
    }
}
