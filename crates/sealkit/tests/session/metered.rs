//! What an operator's metrics say of the cookies that come in.

use crate::{
    recorder::Seen,
    support::{ADA, PASSWORD, World, session},
};
use sealkit::{CookieAction, EncodingPolicy, KeyRing, Resolve, format::Format, telemetry};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn every_cookie_that_opens_is_counted_by_format_and_password_with_its_age() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let fernet = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let world = World::configured(|config| {
        let ring = KeyRing::builder().password("new", fernet).password("old", PASSWORD).build().unwrap();
        let policy = EncodingPolicy::writing(Format::PythonFernet);
        config.key_ring(ring).encoding(policy.with_read(policy.read.with(Format::PlainJson)))
    });
    let minted = world.mint(MintSession::for_user(ADA));
    let iron = world.another(|config| config.encoding(EncodingPolicy::default()));
    let answer =
        sealkit::session::AuthResponse::from_json(minted.response_json.to_string().as_bytes()).unwrap();
    let old = iron.seal_session(&answer).unwrap().expose_secret().to_owned();
    let plain = iron.unseal(&old).unwrap().0.expose_text().to_owned();
    world.pass(Duration::from_secs(20)).await;
    let new = world.seal(&minted);
    world.pass(Duration::from_secs(10)).await;
    for cookie in [&old, &old, &new, &plain] {
        session(&world.authenticate(cookie).await);
    }
    assert!(world.authenticate("garbage").await.session().is_none());
    let counted = |name: &str, values: &[f64]| (name.to_owned(), values.to_vec());
    assert_eq!(
        seen.values("sealkit_cookie"),
        [
            counted("sealkit_cookie_age_seconds format=iron key=old", &[30.0, 30.0]),
            counted("sealkit_cookie_age_seconds format=plain-json key=none", &[30.0]),
            counted("sealkit_cookie_age_seconds format=python-fernet key=new", &[10.0]),
            counted("sealkit_cookies_opened_total format=iron key=old", &[1.0, 1.0]),
            counted("sealkit_cookies_opened_total format=plain-json key=none", &[1.0]),
            counted("sealkit_cookies_opened_total format=python-fernet key=new", &[1.0]),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn every_decision_is_counted_with_its_reason_and_its_time() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::new();
    let (valid, expired) = (world.ada(), world.expired());
    session(&world.authenticate(&valid).await);
    let _ = world.authenticate("").await;
    let _ = world.authenticate("garbage").await;
    let _ = world.authenticate(&expired).await;
    session(&world.sealkit.resolve([expired.as_str().into()], Resolve::default()).await);
    let decided = |result: &str, reason: &str| {
        seen.count(&format!("{} result={result} reason={reason}", telemetry::DECISIONS))
    };
    assert_eq!(decided("authenticated", "none"), 2);
    assert_eq!(decided("anonymous", "no_session_cookie_provided"), 1);
    assert_eq!(decided("rejected", "invalid_session_cookie"), 1);
    assert_eq!(decided("rejected", "expired_jwt"), 1);
    assert_eq!(seen.count("sealkit_decision_seconds result=authenticated"), 2);
    assert_eq!(seen.count("sealkit_unseal_failures_total reason=malformed"), 1);
    assert_eq!(seen.count("sealkit_jwks_fetch_total outcome=ok"), 1);
    assert_eq!(seen.values("sealkit_decisions").len(), 4, "and nothing else");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_counted_by_what_came_of_it_and_a_late_one_as_late() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::new();
    let expired = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(2)));
    for _ in 0..2 {
        let outcome = world.sealkit.resolve([expired.as_str().into()], Resolve::default()).await;
        assert!(matches!(outcome.cookie(), CookieAction::Set(_)));
    }
    assert_eq!(
        seen.values("sealkit_refresh_total"),
        [("sealkit_refresh_total outcome=refreshed".to_owned(), vec![1.0, 1.0])]
    );
    assert_eq!(seen.count(telemetry::REFRESH_REPLAYED), 1);
    let waited = seen.values("sealkit_refresh_seconds");
    assert_eq!(waited, [("sealkit_refresh_seconds".to_owned(), vec![2.0, 0.0])]);

    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    let failed = world.sealkit.resolve([world.expired().as_str().into()], Resolve::default()).await;
    let code = failed.reason().unwrap().as_str();
    assert_eq!(seen.count(&format!("sealkit_refresh_total outcome={code}")), 1);
    assert_eq!(seen.count(&format!("sealkit_decisions_total result=unavailable reason={code}")), 1);
}

#[tokio::test(start_paused = true)]
async fn the_gauges_say_what_is_so_at_this_moment() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::new();
    let cookie = world.ada();
    let id = session(&world.authenticate(&cookie).await).id().to_owned();
    world.pass(Duration::from_secs(30)).await;
    world.sealkit.sign_out(&id, None).await.unwrap();
    world.sealkit.record_gauges();
    assert_eq!(seen.last(telemetry::KEY_SET_AGE), Some(30.0));
    assert_eq!(seen.last(telemetry::DENY_LIST_ENTRIES), Some(1.0));
    assert_eq!(seen.last(telemetry::DENY_LIST_AGE), None, "the list is this process's own");
    let modes = ["in_process", "shared", "degraded"];
    let modes = modes.map(|mode| seen.last(&format!("{} mode={mode}", telemetry::COORDINATOR_MODE)));
    assert_eq!(modes, [Some(1.0), Some(0.0), Some(0.0)]);
}

#[tokio::test(start_paused = true)]
async fn a_grant_has_a_span_of_its_own() {
    let world = World::new();
    let outcome = world.sealkit.resolve([world.expired().as_str().into()], Resolve::default()).await;
    let id = session(&outcome).id().to_owned();
    let heard = crate::ears::heard();
    let spans: Vec<_> = heard.lines().filter(|line| line.starts_with("sealkit.")).collect();
    assert_eq!(
        spans,
        [
            "sealkit.resolve".to_owned(),
            format!("sealkit.refresh session_id={id}"),
            "sealkit.grant".to_owned()
        ]
    );
}
