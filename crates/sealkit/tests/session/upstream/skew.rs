//! How far our clock is from the API's is measured, told, and decides nothing.

use super::*;
use crate::support::Wire;
use bytes::Bytes;
use http::Request;
use sealkit::{
    UnixMillis,
    api::{HttpTransport, TransportFuture},
};
use std::{
    sync::{Arc, Mutex},
    time::UNIX_EPOCH,
};

/// The wire to a provider that says what time it is, by a clock of its own.
#[derive(Clone, Debug)]
struct Dated {
    wire: Wire,
    clock: Arc<Mutex<UnixMillis>>,
}

impl Dated {
    fn set(&self, now: UnixMillis) {
        *self.clock.lock().unwrap() = now;
    }
}

impl HttpTransport for Dated {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            let mut response = self.wire.send(request).await?;
            let date = UNIX_EPOCH + Duration::from_secs(self.clock.lock().unwrap().as_secs());
            response.headers_mut().insert("date", httpdate::fmt_http_date(date).parse().unwrap());
            Ok(response)
        })
    }
}

fn dated(world: &World) -> (Sealkit, Dated) {
    let dated = Dated { wire: world.wire.clone(), clock: Arc::new(Mutex::new(world.now())) };
    (world.builder().transport(Arc::new(dated.clone())).build().unwrap(), dated)
}

async fn refreshed(world: &World, sealkit: &Sealkit) {
    let outcome = sealkit.resolve([world.expired().into()], Resolve::default()).await;
    assert_eq!(session(&outcome).freshness(), Freshness::Refreshed);
}

fn told() -> [usize; 2] {
    ["this machine's clock is ", "this machine's clock agrees"].map(|said| heard().matches(said).count())
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_right_is_measured_and_nothing_is_said() {
    let world = World::new();
    let (sealkit, _dated) = dated(&world);
    assert_eq!(sealkit.clock_skew(), None);
    refreshed(&world, &sealkit).await;
    let skew = sealkit.clock_skew().unwrap();
    assert!(skew.apart() <= SECOND, "{skew}");
    assert_eq!(skew.measured_at, world.now());
    assert_eq!(told(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_is_said_once_with_what_to_do_and_once_that_it_is_right_again() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::new();
    let (sealkit, dated) = dated(&world);
    dated.set(world.now().saturating_add(90 * SECOND));
    for _ in 0..3 {
        // Whatever the clocks say, the session is decided as ever.
        refreshed(&world, &sealkit).await;
    }
    let skew = sealkit.clock_skew().unwrap();
    assert_eq!((skew.ours_behind_ms, told()), (90_500, [1, 0]));
    assert!(heard().contains("90.5 s behind the API's") && heard().contains("NTP"), "{}", heard());
    assert_eq!(seen.last("sealkit_clock_skew_seconds"), Some(90.5));
    dated.set(world.now());
    for _ in 0..5 {
        refreshed(&world, &sealkit).await;
    }
    assert_eq!((sealkit.clock_skew().unwrap().ours_behind_ms, told()), (500, [1, 1]));
    assert_eq!(seen.last("sealkit_clock_skew_seconds"), Some(0.5));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_say_the_time_is_not_measured() {
    let world = World::new();
    session(&world.resolve(&world.expired()).await);
    assert_eq!(world.sealkit.clock_skew(), None);
}
