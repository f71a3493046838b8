//! `authenticate`: every row of the table, and what may never happen on the way.

use crate::support::{ADA, GRACE, PASSWORD, World, new_cookie, refused, session};
use sealkit::{
    Config, CookieAction, Detail, KeyRing, Outcome, Reason, Sealkit, SecureRandom as _, SystemRandom,
    UnixMillis, format::iron, session::Warning,
};
use sealkit_devidp::{Endpoint, Fault, IssuerForm, MintSession};
use serde_json::{Value, json};
use std::time::Duration;

/// Refused by `authenticate` and by `resolve` alike, without any call for tokens.
async fn never_refreshes(world: &World, sealed: &str, reason: Reason) {
    refused(&world.authenticate(sealed).await, reason);
    refused(&world.resolve(sealed).await, reason);
    assert_eq!(world.grant_count(), 0, "{reason}: no failed verification but expiry may refresh");
}

async fn claim_refused(world: &World, reason: Reason, change: impl FnOnce(&mut Value)) {
    let mut claims = world.claims();
    change(&mut claims);
    never_refreshes(world, &world.around(&world.idp.sign(&claims).unwrap()), reason).await;
}

async fn accepted(world: &World, change: impl FnOnce(&mut Value)) {
    let mut claims = world.claims();
    change(&mut claims);
    let outcome = world.authenticate(&world.around(&world.idp.sign(&claims).unwrap())).await;
    assert_eq!(session(&outcome).user_id(), world.user_id(ADA));
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
}

#[tokio::test(start_paused = true)]
async fn a_valid_session_is_authenticated_from_its_token() {
    let world = World::new();
    let outcome = world.authenticate(&world.ada()).await;
    let ada = session(&outcome);
    assert_eq!(ada.user().unwrap().email(), Some(ADA));
    assert_eq!(ada.user().unwrap().id(), Some(ada.user_id()));
    assert_eq!(ada.claims().role(), Some("admin"));
    assert!(ada.claims().has_permission("engines:write") && ada.warnings().is_empty());
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
    assert_eq!((world.grant_count(), world.key_set_count()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn no_cookie_and_an_empty_one_are_nobody() {
    let world = World::new();
    for outcome in [
        world.authenticate("").await,
        world.resolve("").await,
        world.sealkit.resolve([], sealkit::Resolve::default()).await,
    ] {
        assert!(matches!(outcome, Outcome::Anonymous), "{outcome:?}");
        assert_eq!(outcome.reason(), Some(Reason::NoSessionCookieProvided));
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
    }
    assert_eq!(world.wire.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_seal_is_an_invalid_cookie() {
    let world = World::new();
    let sealed = world.ada();
    for (value, detail) in [
        ("garbage".to_owned(), Detail::Malformed),
        ("Fe26.2*".to_owned(), Detail::Truncated),
        ("Fe26.1**".to_owned(), Detail::Malformed),
        ("{\"accessToken\":\"a\"}".to_owned(), Detail::FormatNotRead),
        ("\u{0}\u{fffd}😀".to_owned(), Detail::Malformed),
        (sealed[..sealed.len() / 2].to_owned(), Detail::Truncated),
        ("x".repeat(24 * 1024 + 1), Detail::TooLarge),
    ] {
        let outcome = world.authenticate(&value).await;
        assert_eq!(outcome.failure().unwrap().detail(), Some(detail), "{value:.20}");
        never_refreshes(&world, &value, Reason::InvalidSessionCookie).await;
    }
    assert_eq!(world.wire.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_says_which_stage_failed_and_nothing_about_keys() {
    let world = World::new();
    let other = world.another(|config| config.cookie_password("another-password-0123456789-0123456789"));
    let outcome = other.authenticate(&world.ada()).await;
    refused(&outcome, Reason::InvalidSessionCookie);
    let failure = outcome.failure().unwrap();
    assert_eq!(failure.detail(), Some(Detail::Tampered));
    assert!(!format!("{failure} {failure:?}").contains("password-0123456789"));
    let with_id = KeyRing::builder().password_with_id("new", "new", PASSWORD).build().unwrap();
    let outcome = world.another(|config| config.key_ring(with_id)).authenticate(&world.ada()).await;
    assert_eq!(outcome.failure().unwrap().detail(), Some(Detail::WrongPassword));
}

#[tokio::test(start_paused = true)]
async fn a_short_or_empty_password_is_a_configuration_error() {
    for password in ["", "short", "31-characters-are-not-enough..."] {
        let built = Config::builder().client_id("client_1").cookie_password(password).build();
        let error = built.unwrap_err().to_string();
        assert!(error.contains("cookie_password") || error.contains("password"), "{error}");
        assert!(password.is_empty() || !error.contains(password), "{error}");
        assert!(KeyRing::from_password(password).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_seal_that_holds_no_session_is_an_invalid_cookie() {
    let world = World::new();
    let ring = KeyRing::from_password(PASSWORD).unwrap();
    for plaintext in [
        "",
        "[]",
        "null",
        "\"text\"",
        "1",
        "{}",
        "[{\"accessToken\":\"a\"}]",
        r#"{"accessToken":""}"#,
        r#"{"accessToken":null,"refreshToken":"r"}"#,
        r#"{"refreshToken":"r","user":{"id":"u"}}"#,
        "\u{feff}{}",
    ] {
        let sealed = iron::seal(plaintext.as_bytes(), &ring, None, &SystemRandom).unwrap();
        let outcome = world.authenticate(&sealed).await;
        assert_eq!(outcome.failure().unwrap().detail(), Some(Detail::NotASession), "{plaintext}");
        never_refreshes(&world, &sealed, Reason::InvalidSessionCookie).await;
    }
    let sealed = iron::seal(b"\xff\xfe", &ring, None, &SystemRandom).unwrap();
    never_refreshes(&world, &sealed, Reason::InvalidSessionCookie).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_stored_user_the_identity_comes_from_the_token() {
    let world = World::new();
    for user in [None, Some(Value::Null), Some(json!({})), Some(json!({ "email": "evil@example.com" }))] {
        let sealed = world.reseal(&world.ada(), |payload| match &user {
            None => drop(payload.as_object_mut().unwrap().remove("user")),
            Some(user) => payload["user"] = user.clone(),
        });
        let outcome = world.authenticate(&sealed).await;
        assert_eq!(session(&outcome).user_id(), world.user_id(ADA));
        assert!(session(&outcome).user().is_none(), "{user:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_refused_with_its_verified_claims_at_hand() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let outcome = world.authenticate(&world.seal(&minted)).await;
    refused(&outcome, Reason::ExpiredJwt);
    assert!(outcome.session().is_none(), "expired is not authenticated");
    let expired = outcome.failure().unwrap().expired().unwrap();
    assert_eq!(expired.id(), minted.session_id);
    assert_eq!(expired.user_id(), world.user_id(ADA));
    assert_eq!(expired.claims().role(), Some("admin"));
    assert_eq!(expired.user().unwrap().email(), Some(ADA));
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_at_its_exp_to_the_millisecond() {
    let world = World::new();
    let sealed = world.ada();
    let exp = session(&world.authenticate(&sealed).await).expires_at();
    world.idp.set_now(UnixMillis::from_millis(exp.as_millis() - 1));
    session(&world.authenticate(&sealed).await);
    world.idp.set_now(exp);
    refused(&world.authenticate(&sealed).await, Reason::ExpiredJwt);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_that_is_wrong_otherwise_is_not_expired() {
    let world = World::new();
    let past = world.now().as_secs() - 60;
    claim_refused(&world, Reason::InvalidIssuer, |claims| {
        claims["exp"] = past.into();
        claims["iss"] = "https://evil.example".into();
    })
    .await;
    claim_refused(&world, Reason::SubjectMismatch, |claims| {
        claims["exp"] = past.into();
        claims["sub"] = "user_other".into();
    })
    .await;
    let mut claims = world.claims();
    claims["exp"] = past.into();
    let forged = world.around(&world.idp.sign_as_stranger(&claims).unwrap());
    never_refreshes(&world, &forged, Reason::InvalidJwtSignature).await;
}

#[tokio::test(start_paused = true)]
async fn exp_and_nbf_of_another_kind_are_invalid() {
    let world = World::new();
    let now = world.now().as_secs();
    for claim in ["exp", "nbf"] {
        for value in [
            json!((now + 60).to_string()),
            json!(-1),
            json!(-0.5),
            Value::Null,
            json!([now + 60]),
            json!({}),
            json!(true),
        ] {
            claim_refused(&world, Reason::InvalidJwt, |claims| claims[claim] = value).await;
        }
    }
    claim_refused(&world, Reason::InvalidJwt, |claims| drop(claims.as_object_mut().unwrap().remove("exp")))
        .await;
    // The largest number that there is: far away, and no overflow.
    for far in [json!(u64::MAX), json!(1e300)] {
        accepted(&world, |claims| claims["exp"] = far.clone()).await;
        claim_refused(&world, Reason::InvalidJwt, |claims| claims["nbf"] = far.clone()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn numeric_dates_may_have_a_fraction() {
    let world = World::new();
    for later in [json!(1_800_000_030.0), json!(1_800_000_030.5), json!(1.80000003e9)] {
        for claim in ["exp", "nbf", "iat", "auth_time"] {
            accepted(&world, |claims| claims[claim] = later.clone()).await;
        }
    }
    // The fraction counts.
    let sealed = {
        let mut claims = world.claims();
        claims["exp"] = json!(1_800_000_000.25);
        world.around(&world.idp.sign(&claims).unwrap())
    };
    session(&world.authenticate(&sealed).await);
    world.pass(Duration::from_millis(250)).await;
    assert_eq!(world.authenticate(&sealed).await.reason(), Some(Reason::ExpiredJwt));
}

#[tokio::test(start_paused = true)]
async fn nbf_has_a_leeway_of_a_minute() {
    let world = World::new();
    let now = world.now().as_secs();
    accepted(&world, |claims| claims["nbf"] = (now + 60).into()).await;
    claim_refused(&world, Reason::InvalidJwt, |claims| claims["nbf"] = (now + 61).into()).await;
    let strict = World::configured(|config| config.leeway(Duration::ZERO));
    accepted(&strict, |claims| claims["nbf"] = now.into()).await;
    claim_refused(&strict, Reason::InvalidJwt, |claims| claims["nbf"] = (now + 1).into()).await;
}

#[tokio::test(start_paused = true)]
async fn iat_never_rejects() {
    let world = World::new();
    for iat in [json!(4_000_000_000u64), json!("soon"), Value::Null, json!(-5), json!(1.5)] {
        accepted(&world, |claims| claims["iat"] = iat).await;
    }
}

#[tokio::test(start_paused = true)]
async fn sid_and_sub_are_required() {
    let world = World::new();
    for claim in ["sid", "sub"] {
        claim_refused(&world, Reason::InvalidJwt, |claims| {
            drop(claims.as_object_mut().unwrap().remove(claim))
        })
        .await;
        for value in [json!(""), Value::Null, json!(7), json!(["x"])] {
            claim_refused(&world, Reason::InvalidJwt, |claims| claims[claim] = value).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_is_refused_and_never_refreshed() {
    let world = World::new();
    let forged = world.around(&world.idp.sign_as_stranger(&world.claims()).unwrap());
    never_refreshes(&world, &forged, Reason::InvalidJwtSignature).await;
    let token = world.idp.sign(&world.claims()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let mut other = world.claims();
    other["role"] = "admin".into();
    let other = world.idp.sign(&other).unwrap();
    let payload = other.split('.').nth(1).unwrap();
    never_refreshes(
        &world,
        &world.around(&format!("{header}.{payload}.{signature}")),
        Reason::InvalidJwtSignature,
    )
    .await;
    never_refreshes(&world, &world.around(&format!("{signed}.")), Reason::InvalidJwtSignature).await;
}

#[tokio::test(start_paused = true)]
async fn every_algorithm_but_rs256_is_refused_before_any_key_is_fetched() {
    let world = World::new();
    let kid = world.idp.kid();
    for alg in
        ["HS256", "HS512", "PS256", "RS384", "RS512", "ES256", "EdDSA", "none", "None", "rs256", "RS256 ", ""]
    {
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        let token = world.idp.sign_with(&header, &world.claims()).unwrap();
        never_refreshes(&world, &world.around(&token), Reason::InvalidJwtAlgorithm).await;
        let unsigned = token.rsplit_once('.').unwrap().0;
        never_refreshes(&world, &world.around(&format!("{unsigned}.")), Reason::InvalidJwtAlgorithm).await;
    }
    assert_eq!(world.wire.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_header_or_claims_set_that_is_no_object_is_invalid() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    let claims = world.claims();
    let kid = world.idp.kid();
    let header = json!({ "alg": "RS256", "kid": kid });
    // The values in the order in which the members are read.
    let list = json!([claims["sub"], claims["sid"], claims["exp"], 0, 0, 0, claims["iss"]]);
    let mut actor = claims.clone();
    actor["act"] = json!(["support@example.com"]);
    for (header, claims) in [(&header, &list), (&json!(["RS256", kid]), &claims), (&header, &actor)] {
        let token = world.idp.sign_with(header, claims).unwrap();
        never_refreshes(&world, &world.around(&token), Reason::InvalidJwt).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_costs_one_refetch_in_all_and_is_undecided_within_the_cool_down() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    assert_eq!(world.key_set_count(), 1);
    let unknown = |kid: &str| {
        let header = json!({ "alg": "RS256", "kid": kid, "typ": "JWT" });
        world.around(&world.idp.sign_with(&header, &world.claims()).unwrap())
    };
    refused(&world.resolve(&unknown("first")).await, Reason::UnknownSigningKey);
    assert_eq!(world.key_set_count(), 2);
    for kid in ["first", "second"] {
        let outcome = world.resolve(&unknown(kid)).await;
        refused(&outcome, Reason::JwksUnavailable);
        assert!(outcome.failure().unwrap().retry_after().unwrap() <= Duration::from_secs(30));
    }
    assert_eq!(world.key_set_count(), 2, "a stranger cannot make us fetch");
    world.pass(Duration::from_secs(30)).await;
    refused(&world.resolve(&unknown("second")).await, Reason::UnknownSigningKey);
    assert_eq!((world.key_set_count(), world.grant_count()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_found_by_the_refetch() {
    let world = World::new();
    let old = world.ada();
    session(&world.authenticate(&old).await);
    world.idp.rotate_keys(true).unwrap();
    session(&world.authenticate(&world.ada()).await);
    session(&world.authenticate(&old).await);
    assert_eq!(world.key_set_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_header_that_demands_or_lacks_something_is_invalid() {
    let world = World::new();
    let kid = world.idp.kid();
    for header in [
        json!({ "alg": "RS256" }),
        json!({ "alg": "RS256", "kid": "" }),
        json!({ "alg": "RS256", "kid": null }),
        json!({ "alg": "RS256", "kid": 7 }),
        json!({ "kid": kid }),
        json!({ "alg": null, "kid": kid }),
        json!({ "alg": ["RS256"], "kid": kid }),
        json!({ "alg": "RS256", "kid": kid, "crit": ["exp"] }),
        json!({ "alg": "RS256", "kid": kid, "crit": ["b64"], "b64": false }),
        json!({ "alg": "RS256", "kid": kid, "crit": [] }),
        json!({ "alg": "RS256", "kid": kid, "crit": null }),
        json!({ "alg": "RS256", "kid": kid, "pad": "x".repeat(1100) }),
        json!(["RS256"]),
        json!("RS256"),
    ] {
        let token = world.idp.sign_with(&header, &world.claims()).unwrap();
        never_refreshes(&world, &world.around(&token), Reason::InvalidJwt).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_token_is_invalid() {
    let world = World::new();
    let token = world.idp.sign(&world.claims()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for text in [
        "abc".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        signed.to_owned(),
        format!("{token}."),
        format!("{token}.x"),
        format!(".{token}"),
        format!("{token}="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}.{payload}. {signature}"),
        token.replace('.', "%2E"),
        format!("Bearer {token}"),
    ] {
        never_refreshes(&world, &world.around(&text), Reason::InvalidJwt).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_had_leave_the_question_open_and_the_cookie_alone() {
    for fault in [
        Fault::status(500),
        Fault::status(503).header("retry-after", "7"),
        Fault::status(404),
        Fault::garbage(),
        Fault::cut_connection(),
        Fault::cut_mid_body(),
        Fault::hang(),
        Fault::json(200, &json!({ "keys": [] })),
        Fault::json(200, &json!({ "message": "hello" })),
    ] {
        let world = World::new();
        world.idp.fault(Endpoint::Jwks, fault.clone().always());
        for sealed in [world.ada(), world.expired()] {
            let outcome = world.authenticate(&sealed).await;
            refused(&outcome, Reason::JwksUnavailable);
            assert!(matches!(outcome, Outcome::Unavailable { .. }), "{fault:?}");
            refused(&world.resolve(&sealed).await, Reason::JwksUnavailable);
        }
        assert_eq!(world.grant_count(), 0, "an outage of the key set must not rotate tokens: {fault:?}");
        world.idp.clear_faults(Endpoint::Jwks);
        world.pass(Duration::from_secs(30)).await;
        session(&world.authenticate(&world.ada()).await);
    }
    let world = World::new();
    world.wire.refuse(1);
    refused(&world.authenticate(&world.ada()).await, Reason::JwksUnavailable);
    world.pass(Duration::from_secs(10)).await;
    session(&world.authenticate(&world.ada()).await);
}

#[tokio::test(start_paused = true)]
async fn stale_keys_serve_through_an_outage_of_a_day() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    world.idp.fault(Endpoint::Jwks, Fault::status(503).always());
    world.pass(Duration::from_secs(3600)).await;
    session(&world.authenticate(&world.ada()).await);
    world.pass(Duration::from_secs(22 * 3600)).await;
    session(&world.authenticate(&world.ada()).await);
    world.pass(Duration::from_secs(2 * 3600)).await;
    let sealed = world.ada();
    refused(&world.authenticate(&sealed).await, Reason::JwksUnavailable);
    refused(&world.resolve(&sealed).await, Reason::JwksUnavailable);
    world.idp.clear_faults(Endpoint::Jwks);
    world.pass(Duration::from_secs(30)).await;
    session(&world.resolve(&sealed).await);
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn derived_issuers_are_accepted_and_no_other() {
    for form in [
        IssuerForm::Origin,
        IssuerForm::OriginSlash,
        IssuerForm::UserManagement,
        IssuerForm::Sso,
        IssuerForm::Convex,
    ] {
        let world = World::of(|idp| idp.issuer(form.clone()), |config| config);
        session(&world.authenticate(&world.ada()).await);
    }
    let world = World::new();
    let (base, client) = (world.idp.base_url(), world.idp.client_id());
    for issuer in [
        "https://api.workos.com".to_owned(),
        "https://evil.example".to_owned(),
        format!("{base}//"),
        format!("{base}/user_management/{client}/"),
        format!("{base}/user_management/other"),
        format!("{base}/oauth/client_other"),
        format!("{base}.evil.example"),
        base.to_uppercase(),
        String::new(),
    ] {
        claim_refused(&world, Reason::InvalidIssuer, |claims| claims["iss"] = issuer.into()).await;
    }
    // The environment's default application, and nothing signed that says the session is ours.
    claim_refused(&world, Reason::InvalidIssuer, |claims| {
        claims["iss"] = format!("{base}/user_management/client_other").into();
        claims.as_object_mut().unwrap().remove("client_id");
    })
    .await;
    for issuer in [Value::Null, json!([base]), json!(1)] {
        claim_refused(&world, Reason::InvalidIssuer, |claims| claims["iss"] = issuer).await;
    }
    claim_refused(&world, Reason::InvalidIssuer, |claims| {
        drop(claims.as_object_mut().unwrap().remove("iss"))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_issuers_replaces_the_derived_ones_and_the_check_can_be_off() {
    let list = World::configured(|config| config.issuers(["https://auth.example", "https://old.example/"]));
    accepted(&list, |claims| claims["iss"] = "https://auth.example".into()).await;
    accepted(&list, |claims| claims["iss"] = "https://old.example/".into()).await;
    let derived = list.idp.issuer();
    claim_refused(&list, Reason::InvalidIssuer, |claims| claims["iss"] = derived.into()).await;
    let off = World::configured(sealkit::ConfigBuilder::with_insecure_any_issuer);
    accepted(&off, |claims| claims["iss"] = "https://anybody.example".into()).await;
    accepted(&off, |claims| drop(claims.as_object_mut().unwrap().remove("iss"))).await;
}

#[tokio::test(start_paused = true)]
async fn the_audience_counts_only_if_configured() {
    let unasked = World::new();
    for audience in [json!("anybody"), json!(["a", "b"]), json!(7), Value::Null] {
        accepted(&unasked, |claims| claims["aud"] = audience).await;
    }
    let asked = World::configured(|config| config.audiences(["api", "web"]));
    for audience in [json!("api"), json!("web"), json!(["other", "web"])] {
        accepted(&asked, |claims| claims["aud"] = audience).await;
    }
    claim_refused(&asked, Reason::InvalidAudience, |_| {}).await;
    for audience in
        [json!("other"), json!([]), json!(["other"]), json!(["api", 7]), json!(7), json!({}), Value::Null]
    {
        claim_refused(&asked, Reason::InvalidAudience, |claims| claims["aud"] = audience).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_somebody_else_never_authenticates_the_stored_user() {
    let world = World::new();
    let grace = world.mint(MintSession::for_user(GRACE));
    let swapped =
        world.reseal(&world.ada(), |payload| payload["accessToken"] = grace.access_token.as_str().into());
    never_refreshes(&world, &swapped, Reason::SubjectMismatch).await;
    let expired = world.mint(MintSession::for_user(GRACE).expired());
    let swapped =
        world.reseal(&world.ada(), |payload| payload["accessToken"] = expired.access_token.as_str().into());
    never_refreshes(&world, &swapped, Reason::SubjectMismatch).await;
}

#[tokio::test(start_paused = true)]
async fn the_act_claim_decides_who_impersonates() {
    let world = World::new();
    let staff = "support@example.com";
    let sealed = world.seal(&world.idp.impersonate(ADA, staff, Some("ticket 7")).unwrap());
    let outcome = world.authenticate(&sealed).await;
    let impersonator = session(&outcome).impersonator().unwrap();
    assert_eq!((impersonator.email, impersonator.reason), (staff, Some("ticket 7")));

    // Only the token names somebody: shown, without a reason that nobody proved.
    let unsaid =
        world.reseal(&sealed, |payload| drop(payload.as_object_mut().unwrap().remove("impersonator")));
    let outcome = world.authenticate(&unsaid).await;
    let impersonator = session(&outcome).impersonator().unwrap();
    assert_eq!((impersonator.email, impersonator.reason), (staff, None));

    // Both, and they differ.
    let other = world.reseal(&sealed, |payload| payload["impersonator"]["email"] = "boss@example.com".into());
    never_refreshes(&world, &other, Reason::SubjectMismatch).await;

    // Only the seal names somebody: not shown, and an operator hears of it.
    let unproven = world
        .reseal(&world.ada(), |payload| payload["impersonator"] = json!({ "email": staff, "reason": null }));
    let outcome = world.authenticate(&unproven).await;
    assert!(session(&outcome).impersonator().is_none());
    assert_eq!(session(&outcome).warnings(), [Warning::UnprovenImpersonator]);
}

#[tokio::test(start_paused = true)]
async fn an_act_claim_that_cannot_be_read_is_invalid() {
    let world = World::new();
    for act in [json!({}), json!({ "sub": "" }), json!({ "sub": 7 }), json!("support@example.com"), json!([])]
    {
        claim_refused(&world, Reason::InvalidJwt, |claims| claims["act"] = act).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_signed_out_is_revoked_although_its_token_is_valid() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA));
    let sealed = world.seal(&minted);
    session(&world.authenticate(&sealed).await);
    world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
    let expired = world.reseal(&sealed, |payload| {
        let mut claims = world.claims();
        claims["sid"] = minted.session_id.as_str().into();
        claims["exp"] = (world.now().as_secs() - 60).into();
        payload["accessToken"] = world.idp.sign(&claims).unwrap().into();
    });
    for value in [&sealed, &expired] {
        for outcome in [
            world.authenticate(value).await,
            world.resolve(value).await,
            world.sealkit.resolve([value.into()], sealkit::Resolve::new(false, false)).await,
            world.sealkit.refresh(value, sealkit::RefreshOptions::default()).await,
        ] {
            assert_eq!(outcome.reason(), Some(Reason::SessionRevoked), "{outcome:?}");
            assert_eq!(*outcome.cookie(), CookieAction::Clear);
        }
    }
    assert_eq!(world.grant_count(), 0);
    session(&world.authenticate(&world.ada()).await);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ended_upstream_stays_valid_until_its_token_ends() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA));
    assert!(world.idp.revoke_session(&minted.session_id));
    session(&world.authenticate(&world.seal(&minted)).await);
}

#[tokio::test(start_paused = true)]
async fn of_several_cookies_the_best_one_counts() {
    let world = World::new();
    let (valid, expired) = (world.ada(), world.expired());
    for order in [["garbage", &expired, &valid], [&valid, "garbage", &expired], [&expired, &valid, "garbage"]]
    {
        let values = order.map(Into::into);
        let outcome = world.sealkit.resolve(values, sealkit::Resolve::default()).await;
        session(&outcome);
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
    }
    assert_eq!(world.grant_count(), 0);
    let outcome =
        world.sealkit.resolve(["garbage".into(), expired.as_str().into()], sealkit::Resolve::default()).await;
    session(&outcome);
    new_cookie(&outcome);
}

#[tokio::test(start_paused = true)]
async fn a_cookie_that_was_signed_out_hides_no_live_one() {
    let world = World::new();
    let alive = world.ada();
    world.pass(Duration::from_secs(10)).await;
    let minted = world.mint(MintSession::for_user(ADA));
    let over = world.seal(&minted);
    world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
    for order in [[&over, &alive], [&alive, &over]] {
        let outcome = world.sealkit.resolve(order.map(Into::into), sealkit::Resolve::default()).await;
        assert_ne!(session(&outcome).id(), minted.session_id);
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
    }
    assert_eq!(world.resolve(&over).await.reason(), Some(Reason::SessionRevoked));
}

#[tokio::test(start_paused = true)]
async fn a_pinned_key_set_never_asks_anybody() {
    let world = World::new();
    let keys = sealkit::token::KeySet::parse(world.idp.jwks_json().to_string().as_bytes()).unwrap();
    let pinned: Sealkit = world.builder().key_set(keys).build().unwrap();
    session(&pinned.authenticate(&world.ada()).await);
    world.idp.rotate_keys(true).unwrap();
    refused(&pinned.authenticate(&world.ada()).await, Reason::UnknownSigningKey);
    assert_eq!(world.wire.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn custom_claims_are_typed() {
    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Plan {
        plan: String,
        seats: u32,
    }
    let world = World::of(|idp| idp.claim("plan", "team").claim("seats", 7), |config| config);
    let outcome = world.authenticate(&world.ada()).await;
    assert_eq!(session(&outcome).claims().custom::<Plan>().unwrap(), Plan { plan: "team".into(), seats: 7 });
    let failure = session(&outcome).claims().custom::<Vec<u8>>().unwrap_err();
    assert_eq!(failure.reason(), Reason::CustomClaimsInvalid);
}

#[test]
fn randomness_of_seals_is_fresh() {
    let (mut a, mut b) = ([0; 32], [0; 32]);
    SystemRandom.fill(&mut a).unwrap();
    SystemRandom.fill(&mut b).unwrap();
    assert_ne!(a, b);
}
