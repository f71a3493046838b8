//! A running fleet changes its format, and nobody is logged out.

use super::*;
use crate::support::{ADA, GRACE};
use sealkit_devidp::MintSession;
use std::time::Duration;

/// Somebody who is signed in and keeps what he is sent.
struct Browser {
    user_id: String,
    session_id: String,
    cookie: String,
}

impl Browser {
    async fn visit(&mut self, replica: &Sealkit) {
        let outcome = resolve(replica, &self.cookie).await;
        let session = session(&outcome);
        assert_eq!((session.user_id(), session.id()), (self.user_id.as_str(), self.session_id.as_str()));
        if let CookieAction::Set(sealed) = outcome.cookie() {
            self.cookie = sealed.expose_secret().to_owned();
        }
    }
}

struct Fleet {
    world: World,
    browsers: Vec<Browser>,
}

impl Fleet {
    /// Eight sessions that end at different times.
    fn new(world: World) -> Self {
        let browsers = (0..8).map(|n| {
            let user = if n % 2 == 0 { ADA } else { GRACE };
            let minted = world.mint(MintSession::for_user(user).lifetime(Duration::from_secs(40 * (n + 1))));
            Browser {
                user_id: world.user_id(user),
                session_id: minted.session_id.clone(),
                cookie: world.seal(&minted),
            }
        });
        let browsers = browsers.collect();
        Self { world, browsers }
    }

    /// Every browser comes again and again for ten minutes, to each of these replicas: some are of the next stage already.
    async fn serve(&mut self, replicas: &[&Sealkit]) {
        for round in 0..10 {
            self.world.pass(Duration::from_secs(60)).await;
            for (n, browser) in self.browsers.iter_mut().enumerate() {
                browser.visit(replicas[(n + round) % replicas.len()]).await;
            }
        }
    }

    fn formats(&self, replica: &Sealkit) -> Vec<Format> {
        let mut formats: Vec<_> =
            self.browsers.iter().map(|browser| format_of(replica, &browser.cookie)).collect();
        formats.dedup();
        formats
    }

    fn stage(&self, encoding: EncodingPolicy) -> Sealkit {
        self.world.another(|config| config.encoding(encoding))
    }
}

#[tokio::test(start_paused = true)]
async fn from_sealed_to_unsealed_and_back_with_live_sessions() {
    for unsealed in [Format::B64urlJson, Format::PlainJson] {
        let mut fleet = Fleet::new(World::new());
        let sealed = fleet.stage(EncodingPolicy::default());
        let reads_both = fleet.stage(both(Format::Iron));
        let writes_unsealed = fleet.stage(both(unsealed));
        let only = EncodingPolicy::writing(unsealed)
            .with_read([Format::PlainJson, Format::B64urlJson].into_iter().collect());
        let fully_unsealed = fleet.stage(only);
        fleet.serve(&[&sealed]).await;
        // Readers first, then the writers; replicas of both stages serve side by side.
        fleet.serve(&[&sealed, &reads_both]).await;
        assert_eq!(fleet.formats(&sealed), [Format::Iron]);
        fleet.serve(&[&reads_both, &writes_unsealed]).await;
        fleet.serve(&[&writes_unsealed]).await;
        assert_eq!(fleet.formats(&writes_unsealed), [unsealed]);
        fleet.serve(&[&writes_unsealed, &fully_unsealed]).await;
        fleet.serve(&[&fully_unsealed]).await;
        assert_eq!(fleet.formats(&fully_unsealed), [unsealed]);
        // And back, with an end for what is unsealed.
        fleet.serve(&[&fully_unsealed, &writes_unsealed]).await;
        fleet.serve(&[&writes_unsealed, &reads_both]).await;
        fleet.serve(&[&reads_both]).await;
        assert_eq!(fleet.formats(&reads_both), [Format::Iron]);
        let ended = fleet.stage(both(Format::Iron).with_unsealed_until(Some(fleet.world.now())));
        fleet.serve(&[&reads_both, &ended]).await;
        fleet.serve(&[&ended, &sealed]).await;
        assert_eq!(fleet.formats(&sealed), [Format::Iron]);
        // What was unsealed in between is sealed by the API's word again.
        let outcome = sealed.authenticate(&fleet.browsers[0].cookie).await;
        assert_eq!(session(&outcome).user().unwrap().email(), Some(ADA));
    }
}

#[tokio::test(start_paused = true)]
async fn from_one_sealed_format_to_another_needs_one_stage() {
    let mut fleet = Fleet::new(World::new());
    let iron = fleet.stage(EncodingPolicy::default());
    for write in [Format::RubyV7, Format::GoGcm, Format::RrCookie, Format::KotlinIron] {
        let next = fleet.stage(EncodingPolicy::writing(write));
        fleet.serve(&[&iron, &next]).await;
        fleet.serve(&[&next]).await;
        assert_eq!(fleet.formats(&next), [write]);
        let user = |cookie: &str| {
            let (unsealed, _) = next.unseal(cookie).unwrap();
            unsealed.user().unwrap().email().map(str::to_owned)
        };
        assert_eq!(user(&fleet.browsers[0].cookie).as_deref(), Some(ADA));
    }
}
