//! A whole life of a session in every format.

use super::*;
use crate::{
    ears::heard,
    support::{ADA, refused},
};
use bytes::Bytes;
use http::Request;
use sealkit::{
    CookiePassword, KeyRing, Reason, Rewrite, SignInRequest, SystemRandom, api::RequestContext,
    session::Freshness, sign_in::OwnRoutes,
};
use std::time::Duration;
use url::Url;

/// Every format with a password that fits; Go takes hexadecimal digits in a way of its own.
fn formats() -> impl Iterator<Item = (Format, CookiePassword)> {
    let fitting = |format: Format| (format, format.key_shape().generate(&SystemRandom).unwrap());
    let hex = (Format::GoGcm, Format::RustGcm.key_shape().generate(&SystemRandom).unwrap());
    Format::ALL.iter().copied().map(fitting).chain([hex])
}

fn in_format(format: Format, password: CookiePassword) -> World {
    let ring = KeyRing::builder().password("fits", password).build().unwrap();
    let encoding = EncodingPolicy::writing(format).with_rewrite(Rewrite::OnRead);
    World::configured(|config| config.key_ring(ring).encoding(encoding))
}

/// Off to the provider and back; the state is sealed whatever the session is.
async fn signed_in(world: &World, format: Format) -> String {
    let start = world.sealkit.begin_sign_in(&SignInRequest::default().login_hint(ADA), [""]).unwrap();
    let [verifier] = start.set_cookies.as_slice() else { panic!("one cookie") };
    assert!(verifier.encoded_value().starts_with("Fe26.2*"), "{format}: the state is sealed in every mode");
    let answer =
        world.idp.handle(Request::get(start.url.as_str()).body(Bytes::new()).unwrap()).await.unwrap();
    let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let cookies = format!("{}={}", verifier.name(), verifier.encoded_value());
    let callback = world
        .sealkit
        .complete_sign_in(
            back.query().unwrap(),
            [cookies.as_str()],
            &OwnRoutes::default(),
            &RequestContext::default(),
        )
        .await;
    let signed_in = callback.result.unwrap();
    assert_eq!(signed_in.session.user_id(), world.user_id(ADA));
    signed_in.sealed.expose_secret().to_owned()
}

#[tokio::test(start_paused = true)]
async fn sign_in_authenticate_refresh_and_sign_out_in_every_format() {
    for (format, password) in formats() {
        let world = in_format(format, password);
        let mut cookie = signed_in(&world, format).await;
        let key = format.is_authenticated().then_some("fits");
        for freshness in [Freshness::Current, Freshness::Refreshed, Freshness::Refreshed] {
            let outcome = world.resolve(&cookie).await;
            let ada = session(&outcome);
            assert_eq!(
                (ada.user_id(), ada.freshness()),
                (world.user_id(ADA).as_str(), freshness),
                "{format}"
            );
            if freshness == Freshness::Current {
                assert_eq!(*outcome.cookie(), CookieAction::Keep, "{format}: it is as it would be written");
            } else {
                cookie = new_cookie(&outcome);
            }
            let outcome = world.authenticate(&cookie).await;
            let ada = session(&outcome);
            let proven = ada.user().and_then(|user| user.email());
            assert_eq!(proven, format.is_authenticated().then_some(ADA), "{format}");
            let hint = ada.user_hint().and_then(|hint| hint.claimed().email());
            assert_eq!(hint.or(proven), Some(ADA), "{format}");
            assert_eq!(ada.seal().key.as_deref(), key, "{format}");
            let twin = (format, ada.seal().format) == (Format::GoGcm, Format::RustGcm);
            assert!(ada.seal().format == format || twin, "{format} was read as {}", ada.seal().format);
            world.pass(Duration::from_secs(301)).await;
        }
        let outcome = world.authenticate(&cookie).await;
        refused(&outcome, Reason::ExpiredJwt);
        let session_id = outcome.failure().unwrap().expired().unwrap().id().to_owned();
        world.sealkit.sign_out(&session_id, None).await.unwrap();
        let over = world.resolve(&cookie).await;
        assert_eq!(
            (over.reason(), over.cookie()),
            (Some(Reason::SessionRevoked), &CookieAction::Clear),
            "{format}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_password_sign_ins_are_sealed_with_the_derived_one() {
    let world = World::new();
    let unsealed = EncodingPolicy::writing(Format::B64urlJson)
        .with_read([Format::PlainJson, Format::B64urlJson].into_iter().collect());
    let derived = || {
        let config = sealkit::Config::builder()
            .client_id(world.idp.client_id())
            .api_key(world.idp.api_key())
            .api_base(world.idp.base_url())
            .redirect_uri(crate::support::REDIRECT_URI)
            .encoding(unsealed)
            .build()
            .unwrap();
        Sealkit::builder(config)
            .transport(std::sync::Arc::new(world.wire.clone()))
            .clock(std::sync::Arc::new(world.clock.clone()))
            .build()
            .unwrap()
    };
    let (one, other) = (derived(), derived());
    assert!(heard().contains("it is derived from the API key and the client id"));
    let start = one.begin_sign_in(&SignInRequest::default(), [""]).unwrap();
    let answer =
        world.idp.handle(Request::get(start.url.as_str()).body(Bytes::new()).unwrap()).await.unwrap();
    let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let verifier = &start.set_cookies[0];
    let cookies = format!("{}={}", verifier.name(), verifier.encoded_value());
    let query = back.query().unwrap();
    let context = RequestContext::default();
    // Another replica completes it: it derives the same password.
    let callback = other.complete_sign_in(query, [cookies.as_str()], &OwnRoutes::default(), &context).await;
    let signed_in = callback.result.unwrap();
    let outcome = one.authenticate(signed_in.sealed.expose_secret()).await;
    assert_eq!(session(&outcome).seal().format, Format::B64urlJson);
}

#[tokio::test(start_paused = true)]
async fn who_only_reads_unsealed_cookies_needs_no_password_and_begins_no_sign_in() {
    let world = World::new();
    let unsealed = [Format::PlainJson, Format::B64urlJson].into_iter().collect();
    let config = sealkit::Config::builder()
        .client_id(world.idp.client_id())
        .api_base(world.idp.base_url())
        .encoding(EncodingPolicy::writing(Format::PlainJson).with_read(unsealed))
        .build()
        .unwrap();
    assert!(config.key_ring().keys().is_empty());
    let reader = Sealkit::builder(config)
        .transport(std::sync::Arc::new(world.wire.clone()))
        .clock(std::sync::Arc::new(world.clock.clone()))
        .build()
        .unwrap();
    let sealed = world.ada();
    let outcome = resolve(&reader, &world.payload(&sealed).to_string()).await;
    assert_eq!(session(&outcome).user_id(), world.user_id(ADA));
    refused(&resolve(&reader, &sealed).await, Reason::InvalidSessionCookie);
    world.pass(Duration::from_secs(301)).await;
    let next = new_cookie(&resolve(&reader, &world.payload(&sealed).to_string()).await);
    assert!(next.starts_with('{'));
    let refusal = reader.begin_sign_in(&SignInRequest::default(), [""]).unwrap_err();
    assert_eq!(refusal.reason(), Reason::SignInRejected);
    // A password that comes later is welcome.
    reader.replace_keys(KeyRing::from_password(crate::support::PASSWORD).unwrap()).unwrap();
    session(&reader.authenticate(&next).await);
}

/// What a value of a costly format costs is its sender's choice, so a request is given one of them, the cheap ones as ever, and those
/// that have opened before.
#[tokio::test]
async fn of_several_costly_values_the_first_is_looked_at_and_those_that_are_known() {
    let password = Format::DotnetGcm.key_shape().generate(&SystemRandom).unwrap();
    let ring = KeyRing::builder().password("fits", password).build().unwrap();
    let encoding = EncodingPolicy::writing(Format::DotnetGcm);
    let world = World::configured(|config| config.key_ring(ring).encoding(encoding));
    let good = world.ada();
    assert_eq!(format_of(&world.sealkit, &good), Format::DotnetGcm);
    let other = if good.starts_with('A') { 'B' } else { 'A' };
    let broken = format!("{other}{}", good.get(1..).unwrap());
    let resolve =
        async |values: [&str; 2]| world.sealkit.resolve(values.map(Into::into), Resolve::default()).await;
    refused(&resolve([&broken, &good]).await, Reason::InvalidSessionCookie);
    session(&resolve(["no cookie of any format", &good]).await);
    session(&resolve([&good, &broken]).await);
    session(&resolve([&broken, &good]).await);
}
