//! A sign-out is carried to WorkOS by the server: after the browser, once, again when it fails, and at once when the process ends.

use crate::{
    recorder::Seen,
    support::{ADA, World, refused, settle},
};
use bytes::Bytes;
use http::Request;
use sealkit::{
    Config, Reason, RefreshOptions, Resolve, Sealkit,
    config::SignOutSettings,
    refresh::CoordinatorFuture,
    revocation::{DenyEntry, DenyListStore, WeakDenyList},
    telemetry::SIGN_OUT_REVOCATIONS,
};
use sealkit_devidp::{DevIdp, EndedLogout, EndedRevoke, Endpoint, Fault, MintSession};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const RETURN_TO: &str = "http://localhost:3000/";

/// A session of Ada's: its id, its refresh token and its cookie.
struct Ada {
    id: String,
    sealed: String,
}

fn ada(world: &World) -> Ada {
    let minted = world.mint(MintSession::for_user(ADA));
    let sealed = world.seal(&minted);
    Ada { id: minted.session_id, sealed }
}

fn revocations(world: &World) -> u64 {
    world.idp.count(Endpoint::RevokeSession)
}

fn status(idp: &DevIdp, id: &str) -> String {
    idp.session(id).unwrap()["status"].as_str().unwrap().to_owned()
}

/// Seconds pass, and whatever is due in each happens in it.
async fn seconds_pass(world: &World, seconds: u64) {
    for _ in 0..seconds {
        world.pass(SECOND).await;
        settle().await;
    }
}

async fn is_served(sealkit: &Sealkit, sealed: &str) -> bool {
    sealkit.resolve([sealed.into()], Resolve::new(true, true)).await.session().is_some()
}

/// The browser follows the redirect. Gives the status that it gets.
async fn browser_follows(world: &World, id: &str) -> u16 {
    let url = world.sealkit.logout_url(id, Some(&RETURN_TO.parse().unwrap())).unwrap();
    let request = Request::get(&url[url::Position::BeforePath..]).header("host", "127.0.0.1");
    let response = world.idp.handle(request.body(Bytes::new()).unwrap()).await.unwrap();
    response.status().as_u16()
}

fn outcomes(seen: &Seen) -> Vec<(String, usize)> {
    let counted = seen.values(SIGN_OUT_REVOCATIONS).into_iter();
    counted.map(|(name, values)| (name.rsplit('=').next().unwrap().to_owned(), values.len())).collect()
}

fn once(outcome: &str) -> Vec<(String, usize)> {
    vec![(outcome.to_owned(), 1)]
}

#[tokio::test(start_paused = true)]
async fn session_that_no_browser_ends_is_ended_after_ten_seconds() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::new();
    let ada = ada(&world);
    world.sealkit.sign_out(&ada.id, None).await.unwrap();
    seconds_pass(&world, 9).await;
    assert_eq!((revocations(&world), status(&world.idp, &ada.id).as_str()), (0, "active"));
    seconds_pass(&world, 1).await;
    assert_eq!((revocations(&world), status(&world.idp, &ada.id).as_str()), (1, "revoked"));
    assert_eq!(outcomes(&seen), once("ended"));
    let request = &world.idp.requests_to(Endpoint::RevokeSession)[0];
    assert_eq!(request.json(), json!({ "session_id": ada.id }));
    // Another process, which knows of nothing, cannot refresh it.
    let other = world.another(|config| config);
    refused(&other.refresh(&ada.sealed, RefreshOptions::default()).await, Reason::InvalidGrant);
}

#[tokio::test(start_paused = true)]
async fn session_that_the_browser_ended_first_is_a_success() {
    for revoke in [EndedRevoke::BadRequest, EndedRevoke::NotFound] {
        let seen = Seen::default();
        let _recording = metrics::set_default_local_recorder(&seen);
        let world = World::of(|idp| idp.ended_revoke(revoke), |config| config);
        let ada = ada(&world);
        world.sealkit.sign_out(&ada.id, None).await.unwrap();
        seconds_pass(&world, 5).await;
        assert_eq!(browser_follows(&world, &ada.id).await, 302);
        seconds_pass(&world, 3600).await;
        assert_eq!(revocations(&world), 1, "{revoke:?}");
        assert_eq!(outcomes(&seen), once("already_ended"));
        assert!(!crate::ears::heard().contains("could not be ended"));
    }
}

#[tokio::test(start_paused = true)]
async fn draining_process_ends_its_sessions_at_once_whatever_the_browser_meets_then() {
    for (logout, expected) in [(EndedLogout::Redirects, 302), (EndedLogout::Rejects, 400)] {
        let world = World::of(|idp| idp.ended_logout(logout), |config| config);
        let many: Vec<Ada> = (0..20).map(|_| ada(&world)).collect();
        let begun = world.now();
        for ada in &many {
            world.sealkit.sign_out(&ada.id, None).await.unwrap();
        }
        assert!(world.sealkit.drain(20 * SECOND).await);
        assert_eq!((revocations(&world), world.now()), (20, begun), "without any time to pass");
        for ada in &many {
            assert_eq!(browser_follows(&world, &ada.id).await, expected);
            assert!(!is_served(&world.sealkit, &ada.sealed).await);
        }
        // A request that comes in while the process drains.
        let late = ada(&world);
        world.sealkit.sign_out(&late.id, None).await.unwrap();
        settle().await;
        assert_eq!(status(&world.idp, &late.id), "revoked");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_attempt_is_repeated_later_each_time() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::new();
    let ada = ada(&world);
    let revoke = Endpoint::RevokeSession;
    world.idp.fault(revoke, Fault::status(503));
    world.idp.fault(revoke, Fault::hang());
    world.idp.fault(revoke, Fault::garbage());
    world.idp.fault(revoke, Fault::cut_connection());
    world.idp.fault(revoke, Fault::status(429).header("retry-after", "60"));
    world.sealkit.sign_out(&ada.id, None).await.unwrap();
    let mut at = Vec::new();
    for second in 1..=120 {
        seconds_pass(&world, 1).await;
        at.resize(usize::try_from(revocations(&world)).unwrap(), second);
    }
    // 10 s; then 1 s, 2 s behind the 5 s of an attempt, 4 s, 8 s, each a quarter more or less; then what the API asks for.
    assert_eq!(at.len(), 6, "{at:?}");
    let waits: Vec<i32> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(at[0], 10);
    for (wait, [least, most]) in waits.iter().zip([[1, 2], [6, 9], [3, 6], [6, 11], [60, 61]]) {
        assert!((least..=most).contains(wait), "{waits:?}");
    }
    assert_eq!(status(&world.idp, &ada.id), "revoked");
    assert_eq!(outcomes(&seen), once("ended"));
}

#[tokio::test(start_paused = true)]
async fn session_that_cannot_be_ended_stays_out_here_as_long_as_its_cookie_lives() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::of(|idp| idp.session_length(DAY * 500), |config| config);
    let ada = ada(&world);
    world.idp.fault(Endpoint::RevokeSession, Fault::status(500).always());
    world.sealkit.sign_out(&ada.id, None).await.unwrap();
    seconds_pass(&world, 3600).await;
    assert_eq!(outcomes(&seen), once("failed"));
    let asked = revocations(&world);
    assert!((10..30).contains(&asked), "{asked}");
    let heard = crate::ears::heard();
    let line = heard.lines().find(|line| line.contains("could not be ended")).unwrap();
    assert!(line.contains(&ada.id) && line.contains("500"), "{line}");
    // A repeated sign-out asks again, but not at once.
    world.sealkit.sign_out(&ada.id, None).await.unwrap();
    seconds_pass(&world, 15).await;
    assert_eq!(revocations(&world), asked);
    for days in [2, 30, 300] {
        world.pass(DAY * days).await;
        assert!(!is_served(&world.sealkit, &ada.sealed).await);
    }
    world.idp.clear_faults(Endpoint::RevokeSession);
    world.sealkit.sign_out(&ada.id, None).await.unwrap();
    seconds_pass(&world, 10).await;
    assert_eq!(status(&world.idp, &ada.id), "revoked");
}

#[tokio::test(start_paused = true)]
async fn rejected_api_key_is_not_asked_again() {
    for code in [401, 403] {
        let seen = Seen::default();
        let _recording = metrics::set_default_local_recorder(&seen);
        let world = World::new();
        let ada = ada(&world);
        world.idp.fault(Endpoint::RevokeSession, Fault::status(code).always());
        world.sealkit.sign_out(&ada.id, None).await.unwrap();
        seconds_pass(&world, 60).await;
        assert_eq!((revocations(&world), outcomes(&seen)), (1, once("failed")));
        for _ in 0..300 {
            world.sealkit.sign_out(&ada.id, None).await.unwrap();
        }
        seconds_pass(&world, 60).await;
        assert_eq!(revocations(&world), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_sign_out_is_one_request() {
    let world = World::new();
    let ada = ada(&world);
    for _ in 0..300 {
        world.sealkit.sign_out(&ada.id, None).await.unwrap();
    }
    seconds_pass(&world, 11).await;
    for _ in 0..300 {
        world.sealkit.sign_out(&ada.id, None).await.unwrap();
        seconds_pass(&world, 1).await;
    }
    assert_eq!(revocations(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_process_that_drains_asks_once_more_at_once() {
    let world = World::new();
    let ada = ada(&world);
    world.idp.fault(Endpoint::RevokeSession, Fault::status(503).always());
    world.sealkit.sign_out(&ada.id, None).await.unwrap();
    seconds_pass(&world, 300).await;
    world.idp.clear_faults(Endpoint::RevokeSession);
    let before = (revocations(&world), world.now());
    assert!(world.sealkit.drain(20 * SECOND).await);
    assert_eq!((revocations(&world), world.now()), (before.0 + 1, before.1));
}

#[tokio::test(start_paused = true)]
async fn drain_says_what_could_not_be_ended() {
    let world = World::new();
    let ada = ada(&world);
    world.idp.fault(Endpoint::RevokeSession, Fault::status(503).always());
    world.sealkit.sign_out(&ada.id, None).await.unwrap();
    assert!(!world.sealkit.drain(20 * SECOND).await);
    assert!((4..8).contains(&revocations(&world)), "{}", revocations(&world));
}

#[tokio::test(start_paused = true)]
async fn more_sign_outs_than_can_wait_are_rejected_here_alone() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let mut settings = SignOutSettings::default();
    settings.max_pending = 2;
    let world = World::configured(|config| config.sign_out(settings));
    let many: Vec<Ada> = (0..4).map(|_| ada(&world)).collect();
    for ada in &many {
        world.sealkit.sign_out(&ada.id, None).await.unwrap();
    }
    seconds_pass(&world, 10).await;
    assert_eq!(revocations(&world), 2);
    assert_eq!(outcomes(&seen), [("ended".to_owned(), 2), ("too_many".to_owned(), 2)]);
    assert_eq!(crate::ears::heard().matches("too many signed-out sessions").count(), 1);
    world.pass(DAY * 2).await;
    for ada in &many {
        assert!(!is_served(&world.sealkit, &ada.sealed).await);
    }
    // There is room again.
    world.sealkit.sign_out(&many[3].id, None).await.unwrap();
    seconds_pass(&world, 10).await;
    assert_eq!(status(&world.idp, &many[3].id), "revoked");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_ended_from_the_server_where_that_is_off() {
    let off = World::configured(|config| config.revoke_on_sign_out(false));
    let public = World::new();
    let config = Config::builder()
        .client_id(public.idp.client_id())
        .api_base(public.idp.base_url())
        .cookie_password(crate::support::PASSWORD);
    let public_client = Sealkit::builder(config.build().unwrap())
        .transport(Arc::new(public.wire.clone()))
        .clock(Arc::new(public.clock.clone()))
        .build()
        .unwrap();
    for (world, sealkit) in [(&off, &off.sealkit), (&public, &public_client)] {
        let ada = ada(world);
        sealkit.sign_out(&ada.id, None).await.unwrap();
        seconds_pass(world, 60).await;
        assert!(sealkit.drain(SECOND).await);
        assert_eq!(revocations(world), 0);
        assert!(!is_served(sealkit, &ada.sealed).await);
    }
}

/// A store that never answers.
#[derive(Debug)]
struct Silent;

impl DenyListStore for Silent {
    fn follow(&self, _: WeakDenyList) {}

    fn share(&self, _: DenyEntry) -> CoordinatorFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn age(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

#[tokio::test(start_paused = true)]
async fn caller_that_goes_away_ends_the_session_all_the_same() {
    let world = World::new();
    let sealkit = world.builder().deny_list_store(Arc::new(Silent)).build().unwrap();
    let ada = ada(&world);
    let gone = tokio::time::timeout(SECOND, sealkit.sign_out(&ada.id, None)).await;
    assert!(gone.is_err(), "the store does not answer");
    drop(sealkit);
    seconds_pass(&world, 10).await;
    assert_eq!(status(&world.idp, &ada.id), "revoked");
}

#[tokio::test(start_paused = true)]
async fn text_that_is_not_an_id_is_not_sent() {
    let world = World::new();
    for id in ["", "no id", "../../x", "session_1?x"] {
        assert!(world.sealkit.sign_out(id, None).await.is_err());
    }
    assert!(world.sealkit.drain(SECOND).await);
    assert_eq!(revocations(&world), 0);
}
