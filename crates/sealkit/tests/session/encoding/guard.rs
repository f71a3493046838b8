//! The downgrade guard: an unsealed cookie gives nobody anything that its token does not prove.

use super::*;
use crate::support::{ADA, ANALYTICAL, GRACE, NAVY, refused};
use sealkit::{
    Detail, KeyRing, Reason, RefreshOptions, SystemRandom,
    session::{UnsealedSession, Warning},
};
use sealkit_devidp::{Endpoint, Fault, MintSession, MintedSession};
use serde_json::{Value, json};
use std::time::Duration;

/// Everything that a visitor can make up around tokens that he has.
fn forged(user_id: &str, access_token: &str, refresh_token: &str) -> Value {
    json!({
        "organizationId": NAVY,
        "user": {
            "object": "user", "id": user_id, "email": "forged@example.com", "emailVerified": true,
            "firstName": "Forged", "metadata": { "plan": "forged" }, "externalId": "forged", "forgedMember": 1,
        },
        "accessToken": access_token,
        "refreshToken": refresh_token,
        "authenticationMethod": "forged",
        "impersonator": { "email": "forged@workos.com", "reason": "forged" },
        "oauthTokens": { "accessToken": "forged" },
        "isAdmin": "forged",
    })
}

fn forged_by(world: &World, minted: &MintedSession) -> Value {
    forged(&world.user_id(ADA), &minted.access_token, &minted.refresh_token)
}

/// The same cookie in both unsealed forms.
fn forms(world: &World, payload: &Value) -> [String; 2] {
    let base64 = world.another(|config| config.encoding(both(Format::B64urlJson)));
    [payload.to_string(), base64.seal_payload(&payload.to_string()).unwrap().expose_secret().to_owned()]
}

fn without_user(answer: &mut Value) {
    answer.as_object_mut().unwrap().remove("user");
}

/// The format is not read; base64 may be a sealed value just as well, and as such its tag is wrong.
fn not_read(outcome: &Outcome) -> bool {
    matches!(outcome.failure().unwrap().detail(), Some(Detail::FormatNotRead | Detail::Tampered))
}

#[tokio::test(start_paused = true)]
async fn what_an_unsealed_cookie_says_beside_its_token_is_a_hint_and_no_more() {
    let world = world(both(Format::Iron));
    let minted = world.mint(MintSession::for_user(ADA));
    let forms = forms(&world, &forged_by(&world, &minted));
    for (cookie, format) in forms.iter().zip([Format::PlainJson, Format::B64urlJson]) {
        for outcome in [world.authenticate(cookie).await, world.resolve(cookie).await] {
            let session = session(&outcome);
            assert_eq!((session.seal().format, session.seal().key.as_deref()), (format, None));
            assert_eq!(
                (session.user_id(), session.id()),
                (world.user_id(ADA).as_str(), minted.session_id.as_str())
            );
            assert_eq!(session.organization_id(), Some(ANALYTICAL), "the token's");
            assert_eq!(session.claims().role(), Some("admin"));
            assert!(session.user().is_none() && session.impersonator().is_none());
            assert_eq!(session.authentication_method(), None);
            assert_eq!(session.warnings(), [Warning::UnprovenImpersonator]);
            let hint = session.user_hint().unwrap();
            assert_eq!(hint.claimed().email(), Some("forged@example.com"));
            assert_eq!(session.impersonator_hint().unwrap().claimed().email, "forged@workos.com");
            assert_eq!(*outcome.cookie(), CookieAction::Keep);
        }
    }
    assert_eq!(world.grant_count(), 0);
    let sealed = world.ada();
    let outcome = world.authenticate(&sealed).await;
    assert!(session(&outcome).user().is_some() && session(&outcome).user_hint().is_none());
    assert!(session(&outcome).impersonator_hint().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stored_user_that_is_not_the_tokens_is_refused() {
    let world = world(both(Format::Iron));
    let minted = world.mint(MintSession::for_user(ADA));
    let cookie = forged(&world.user_id(GRACE), &minted.access_token, &minted.refresh_token);
    for cookie in forms(&world, &cookie) {
        refused(&world.authenticate(&cookie).await, Reason::SubjectMismatch);
        refused(&world.resolve(&cookie).await, Reason::SubjectMismatch);
    }
    let mut nobody = forged_by(&world, &minted);
    nobody.as_object_mut().unwrap().remove("user");
    let outcome = world.authenticate(&nobody.to_string()).await;
    assert_eq!(session(&outcome).user_id(), world.user_id(ADA));
    assert!(session(&outcome).user_hint().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_token_alone_says_who_impersonates() {
    let world = world(both(Format::Iron));
    let support = || MintSession::for_user(ADA).impersonator("support@example.com", Some("ticket 7"));
    let mut cookie = forged_by(&world, &world.mint(support()));
    refused(&world.authenticate(&cookie.to_string()).await, Reason::SubjectMismatch);
    cookie["impersonator"]["email"] = "support@example.com".into();
    let outcome = world.authenticate(&cookie.to_string()).await;
    let impersonator = session(&outcome).impersonator().unwrap();
    assert_eq!(
        (impersonator.email, impersonator.reason),
        ("support@example.com", None),
        "the reason is not proven"
    );
    cookie.as_object_mut().unwrap().remove("impersonator");
    let outcome = world.authenticate(&cookie.to_string()).await;
    assert_eq!(session(&outcome).impersonator().unwrap().email, "support@example.com");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_does_not_verify_is_worth_nothing_and_refreshes_nothing() {
    let world = world(both(Format::Iron));
    let minted = world.mint(MintSession::for_user(ADA));
    for (token, reason) in [
        (world.idp.sign_as_stranger(&world.claims()).unwrap(), Reason::UnknownSigningKey),
        (format!("{}x", minted.access_token), Reason::InvalidJwtSignature),
        ("a.b.c".to_owned(), Reason::InvalidJwt),
    ] {
        for cookie in forms(&world, &forged(&world.user_id(ADA), &token, &minted.refresh_token)) {
            let outcome = world.resolve(&cookie).await;
            assert!(outcome.session().is_none() && *outcome.cookie() == CookieAction::Keep);
            assert!(
                [reason, Reason::InvalidJwtSignature, Reason::InvalidJwt]
                    .contains(&outcome.reason().unwrap())
            );
        }
    }
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_into_a_seal_takes_nothing_of_what_the_visitor_says() {
    for with_user in [true, false] {
        let world = world(both(Format::Iron));
        if !with_user {
            world.idp.fault(Endpoint::Authenticate, Fault::edit(without_user).always());
        }
        let minted = world.mint(MintSession::for_user(ADA).expired());
        for cookie in forms(&world, &forged_by(&world, &minted)) {
            for outcome in [
                world.resolve(&cookie).await,
                world.sealkit.refresh(&cookie, RefreshOptions::default()).await,
            ] {
                let ada = session(&outcome);
                assert_eq!(ada.user_id(), world.user_id(ADA));
                assert_eq!(ada.user().and_then(|user| user.email()), with_user.then_some(ADA));
                assert!(ada.impersonator().is_none() && ada.warnings().is_empty(), "{:?}", ada.warnings());
                let sealed = new_cookie(&outcome);
                assert_eq!(format_of(&world.sealkit, &sealed), Format::Iron);
                let payload = world.payload(&sealed);
                assert!(!payload.to_string().to_lowercase().contains("forged"), "{payload}");
                let mut members: Vec<_> = payload.as_object().unwrap().keys().map(String::as_str).collect();
                members.retain(|member| *member != "user");
                members.sort_unstable();
                assert_eq!(
                    members,
                    ["accessToken", "authenticationMethod", "organizationId", "refreshToken"]
                );
                assert_eq!(payload["organizationId"], ANALYTICAL);
                assert_eq!(payload.get("user").is_some(), with_user);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_organization_of_a_refresh_is_the_tokens_or_none() {
    let world = world(both(Format::Iron));
    for (mint, organization) in [
        (MintSession::for_user(ADA).expired(), json!(ANALYTICAL)),
        (MintSession::for_user(ADA).no_organization().expired(), Value::Null),
    ] {
        let cookie = forged_by(&world, &world.mint(mint)).to_string();
        session(&world.resolve(&cookie).await);
        assert_eq!(world.grants().last().unwrap().json()["organization_id"], organization);
    }
}

/// Anybody can write such a cookie: it must not spend our API key's budget.
#[tokio::test(start_paused = true)]
async fn an_explicit_refresh_of_what_nobody_has_proven_asks_the_api_nothing() {
    let world = world(both(Format::Iron));
    let minted = world.mint(MintSession::for_user(ADA));
    let before = world.grants().len();
    for token in ["not.a.token", &minted.access_token[..minted.access_token.len() - 4]] {
        let cookie = forged(&world.user_id(ADA), token, &minted.refresh_token).to_string();
        let outcome = world.sealkit.refresh(&cookie, RefreshOptions::default()).await;
        assert!(outcome.failure().is_some() && *outcome.cookie() == CookieAction::Keep, "{outcome:?}");
    }
    assert_eq!(world.grants().len(), before);
    // With a token that verifies it is a refresh like any other.
    let cookie = forged_by(&world, &minted).to_string();
    session(&world.sealkit.refresh(&cookie, RefreshOptions::default()).await);
    assert_eq!(world.grants().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn anothers_refresh_token_makes_nobody_another_and_not_at_the_second_request_either() {
    for write in [Format::Iron, Format::SignedJson, Format::PlainJson, Format::B64urlJson] {
        let world = world(both(write).with_read(FormatSet::all()));
        let (ada, grace) = (
            world.mint(MintSession::for_user(ADA).no_organization().expired()),
            world.mint(MintSession::for_user(GRACE)),
        );
        let with = forged(&world.user_id(ADA), &ada.access_token, &grace.refresh_token);
        let mut without = with.clone();
        without.as_object_mut().unwrap().remove("user");
        for (cookie, answered) in [(&with, true), (&without, true), (&with, false), (&without, false)] {
            world.idp.clear_faults(Endpoint::Authenticate);
            if !answered {
                world.idp.fault(Endpoint::Authenticate, Fault::edit(without_user));
            }
            let outcome = world.resolve(&cookie.to_string()).await;
            assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch), "{write} {outcome:?}");
            let next = new_cookie(&outcome);
            refused(&world.authenticate(&next).await, Reason::SubjectMismatch);
            refused(&world.resolve(&next).await, Reason::SubjectMismatch);
            if write.is_authenticated() {
                let payload = world.payload(&next);
                assert_eq!(payload["user"], json!({ "id": world.user_id(ADA) }), "{write}");
                assert!(!payload.to_string().to_lowercase().contains("forged"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_looks_sealed_and_fails_is_never_read_as_unsealed() {
    let world = world(both(Format::Iron).with_read(FormatSet::all()));
    let json = forged_by(&world, &world.mint(MintSession::for_user(ADA))).to_string();
    session(&world.authenticate(&json).await);
    let mut values = vec![
        format!("Fe26.2*{json}"),
        format!("Fe26.2*{json}~2"),
        format!("Fe26.2*1*a*b*c**d*e~2{json}"),
        format!("sj1.{json}"),
        format!("{json}~2"),
    ];
    for format in Format::ALL.iter().copied().filter(|format| format.is_authenticated()) {
        let stranger = format.key_shape().generate(&SystemRandom).unwrap();
        let ring = KeyRing::builder().password("stranger", stranger).build().unwrap();
        let now = world.now();
        let text = format.wrap(&json, now, Duration::ZERO);
        values.push(format.seal(text.as_bytes(), &ring, now, &SystemRandom).unwrap());
    }
    for value in values {
        let outcome = world.authenticate(&value).await;
        assert_eq!(outcome.reason(), Some(Reason::InvalidSessionCookie), "{value:.40}");
        assert!(outcome.session().is_none());
    }
    // What is in the seal is not read as something else, either.
    let sealed_text = world.seal_payload(&json!({ "accessToken": json }));
    refused(&world.authenticate(&sealed_text).await, Reason::InvalidJwt);
}

#[tokio::test(start_paused = true)]
async fn without_being_named_unsealed_cookies_are_not_read() {
    let world = World::new();
    let payload = forged_by(&world, &world.mint(MintSession::for_user(ADA)));
    for cookie in forms(&world, &payload) {
        let outcome = world.authenticate(&cookie).await;
        refused(&outcome, Reason::InvalidSessionCookie);
        assert!(not_read(&outcome), "{outcome:?}");
        refused(
            &world.sealkit.refresh(&cookie, RefreshOptions::default()).await,
            Reason::InvalidSessionCookie,
        );
    }
    assert_eq!(world.wire.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn from_their_end_on_unsealed_cookies_are_refused() {
    let hour = Duration::from_secs(3600);
    let start = World::new().now();
    let world = world(both(Format::Iron).with_unsealed_until(Some(start.saturating_add(hour))));
    assert_eq!(world.now(), start, "the clocks of tests begin alike");
    let long = world.mint(MintSession::for_user(ADA).lifetime(2 * hour));
    let (sealed, unsealed) = (world.seal(&long), forms(&world, &forged_by(&world, &long)));
    for cookie in &unsealed {
        session(&world.authenticate(cookie).await);
    }
    world.pass(hour - Duration::from_secs(1)).await;
    for cookie in &unsealed {
        session(&world.resolve(cookie).await);
    }
    world.pass(Duration::from_secs(1)).await;
    for cookie in &unsealed {
        for outcome in [
            world.authenticate(cookie).await,
            world.resolve(cookie).await,
            world.sealkit.refresh(cookie, RefreshOptions::default()).await,
        ] {
            refused(&outcome, Reason::InvalidSessionCookie);
            assert!(not_read(&outcome), "{outcome:?}");
        }
    }
    session(&world.authenticate(&sealed).await);
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn while_cookies_stay_unsealed_a_refresh_keeps_what_the_visitor_says_and_believes_none_of_it() {
    let world = world(both(Format::PlainJson));
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let outcome = world.resolve(&forged_by(&world, &minted).to_string()).await;
    let ada = session(&outcome);
    assert!(ada.user().is_none() && ada.impersonator().is_none() && ada.authentication_method().is_none());
    let next = new_cookie(&outcome);
    let payload: Value = serde_json::from_str(&next).unwrap();
    assert_eq!((&payload["isAdmin"], &payload["user"]["email"]), (&json!("forged"), &json!(ADA)));
    assert_eq!((payload.get("impersonator"), &payload["organizationId"]), (None, &json!(ANALYTICAL)));
    assert!(
        UnsealedSession::parse_as(next.into_bytes(), Format::PlainJson).is_ok_and(|it| !it.is_authentic())
    );
}
