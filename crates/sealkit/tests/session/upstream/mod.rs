//! Trouble upstream: answers that come late, an API that is down, a clock that is wrong; and what is served meanwhile.

mod breaker;
mod late;
mod skew;
mod stale;

use crate::{
    ears::heard,
    recorder::Seen,
    support::{ADA, GRACE, World, new_cookie, refused, session, settle},
};
use sealkit::{
    CookieAction, Outcome, Reason, RefreshOptions, Resolve, Sealkit,
    config::{ConfigBuilder, RefreshSettings},
    session::{Freshness, Warning},
};
use sealkit_devidp::{DevIdpBuilder, Endpoint, Fault, MintSession};
use std::time::Duration;
use tokio::{task::JoinHandle, time::Instant};

const SECOND: Duration = Duration::from_secs(1);

fn refreshing(change: impl FnOnce(&mut RefreshSettings)) -> impl FnOnce(ConfigBuilder) -> ConfigBuilder {
    let mut settings = RefreshSettings::default();
    change(&mut settings);
    move |config| config.refresh(settings)
}

/// A request in a task of its own.
fn request(sealkit: &Sealkit, sealed: &str) -> JoinHandle<Outcome> {
    let (sealkit, sealed) = (sealkit.clone(), sealed.to_owned());
    tokio::spawn(async move { sealkit.resolve([sealed.into()], Resolve::default()).await })
}

/// The key set is had, so that what follows is about grants alone.
async fn warm(world: &World) {
    session(&world.authenticate(&world.ada()).await);
}
