//! When a cookie of another format or password becomes one as it would be written now.

use super::*;
use crate::support::{ADA, PASSWORD};
use sealkit::{KeyRing, Rewrite};
use sealkit_devidp::MintSession;
use serde_json::Value;
use std::time::Duration;

const NEWER: &str = "a-newer-password-of-the-tests-0123456789";

/// The same session in other formats, and under the password before.
fn older(world: &World) -> Vec<String> {
    let minted = world.mint(MintSession::for_user(ADA));
    let in_format = |format| {
        let other = world.another(|config| config.encoding(both(format)));
        let answer =
            sealkit::session::AuthResponse::from_json(minted.response_json.to_string().as_bytes()).unwrap();
        other.seal_session(&answer).unwrap().expose_secret().to_owned()
    };
    [Format::RubyV7, Format::GoGcm, Format::KotlinIron, Format::RrCookie, Format::Iron]
        .map(in_format)
        .to_vec()
}

fn newer(world: &World, rewrite: Rewrite, write: Format) -> Sealkit {
    let ring = KeyRing::builder().password("new", NEWER).password("old", PASSWORD).build().unwrap();
    world.another(|config| config.key_ring(ring).encoding(both(write).with_rewrite(rewrite)))
}

#[tokio::test(start_paused = true)]
async fn by_default_it_waits_for_the_next_refresh() {
    let world = World::new();
    let newer = newer(&world, Rewrite::default(), Format::Iron);
    for cookie in older(&world) {
        let outcome = resolve(&newer, &cookie).await;
        session(&outcome);
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
    }
    let cookies = older(&world);
    world.pass(Duration::from_secs(290)).await;
    for cookie in cookies {
        let next = new_cookie(&resolve(&newer, &cookie).await);
        let (unsealed, seal) = newer.unseal(&next).unwrap();
        assert_eq!((seal.format, seal.key.as_deref()), (Format::Iron, Some("new")));
        assert_eq!(unsealed.user().unwrap().email(), Some(ADA));
    }
}

#[tokio::test(start_paused = true)]
async fn on_read_it_is_written_at_once_with_the_same_tokens_and_then_left_alone() {
    let world = World::new();
    for write in [Format::Iron, Format::RubyV7, Format::SignedJson] {
        let newer = world.another(|config| {
            let ring = KeyRing::builder().password("new", NEWER).password("old", PASSWORD).build().unwrap();
            let read = both(write).read.with(Format::SignedJson);
            config.key_ring(ring).encoding(both(write).with_read(read).with_rewrite(Rewrite::OnRead))
        });
        for cookie in older(&world) {
            let outcome = resolve(&newer, &cookie).await;
            let (before, _) = newer.unseal(&cookie).unwrap();
            let next = new_cookie(&outcome);
            let (after, seal) = newer.unseal(&next).unwrap();
            assert_eq!((seal.format, seal.key.as_deref()), (write, Some("new")));
            assert_eq!(before.access_token(), after.access_token());
            assert_eq!(before.refresh_token(), after.refresh_token());
            assert_eq!(before.user().unwrap().email(), after.user().unwrap().email());
            let again = resolve(&newer, &next).await;
            session(&again);
            assert_eq!(*again.cookie(), CookieAction::Keep, "once is enough");
        }
    }
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_prefetch_and_a_mere_authentication_write_nothing() {
    let world = World::new();
    let newer = newer(&world, Rewrite::OnRead, Format::Iron);
    for cookie in older(&world) {
        for outcome in [
            newer.resolve([cookie.as_str().into()], Resolve::new(false, true)).await,
            newer.authenticate(&cookie).await,
        ] {
            session(&outcome);
            assert_eq!(*outcome.cookie(), CookieAction::Keep);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_proven_is_never_sealed_on_read() {
    let world = World::new();
    let newer = newer(&world, Rewrite::OnRead, Format::Iron);
    let minted = world.mint(MintSession::for_user(ADA));
    let mut payload: Value = world.payload(&world.seal(&minted));
    payload["user"]["email"] = "forged@example.com".into();
    let base64 = world.another(|config| config.encoding(both(Format::B64urlJson)));
    let base64 = base64.seal_payload(&payload.to_string()).unwrap().expose_secret().to_owned();
    for cookie in [payload.to_string(), base64] {
        let outcome = resolve(&newer, &cookie).await;
        session(&outcome);
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
    }
    world.pass(Duration::from_secs(301)).await;
    let next = new_cookie(&resolve(&newer, &payload.to_string()).await);
    assert_eq!(newer.unseal(&next).unwrap().0.user().unwrap().email(), Some(ADA), "by the word of the API");
}

#[tokio::test(start_paused = true)]
async fn from_sealed_to_unsealed_on_read_with_every_member() {
    let world = World::new();
    let newer = newer(&world, Rewrite::OnRead, Format::PlainJson);
    let cookie = world.ada();
    let next = new_cookie(&resolve(&newer, &cookie).await);
    assert_eq!(serde_json::from_str::<Value>(&next).unwrap(), world.payload(&cookie));
    assert_eq!(*resolve(&newer, &next).await.cookie(), CookieAction::Keep);
}

#[tokio::test(start_paused = true)]
async fn on_read_also_while_a_refresh_ahead_has_to_wait() {
    let world = World::new();
    let newer = newer(&world, Rewrite::OnRead, Format::Iron);
    let cookie = world.ada();
    session(&resolve(&newer, &cookie).await);
    world.pass(Duration::from_secs(290)).await;
    world.wire.refuse(100);
    for _ in 0..2 {
        let outcome = resolve(&newer, &cookie).await;
        assert_eq!(session(&outcome).seal().key.as_deref(), Some("old"));
        assert_eq!(newer.unseal(&new_cookie(&outcome)).unwrap().1.key.as_deref(), Some("new"));
    }
}
