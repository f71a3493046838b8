//! A mixed fleet: axum and one other service share one jar. A visitor sends random requests while tokens expire every few seconds.
//! Each service refreshes what it finds expired, and neither rejects a request.
//!
//! `SEALKIT_FLEET_SECONDS` is the duration: 3 by default, 12 in full, with tokens of three seconds. `SEALKIT_FLEET_SEED` repeats the
//! sequence of a printed seed.

use crate::{
    jar::Jar,
    servers::Servers,
    support::find,
    world::{App, World},
};
use sealkit::format::Format;
use sealkit_devidp::DevIdp;
use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    io::{self, Write as _},
    time::Duration,
};
use tokio::time::Instant;

const QUICK_SECONDS: u64 = 3;
/// A busy machine needs longer: a run ends when both services have refreshed.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn axum_and_python_reject_no_request() {
    let world = world().await;
    let Some(servers) = Servers::python(&world).await else { return };
    let app = world.app(Format::PythonFernet).await;
    run("starlette", &world, &app, servers.url("starlette")).await;
}

#[tokio::test]
async fn axum_and_go_reject_no_request() {
    let world = world().await;
    let Some(servers) = Servers::go(&world).await else { return };
    let app = world.app(Format::GoGcm).await;
    run("go", &world, &app, servers.url("go")).await;
}

#[tokio::test]
async fn axum_and_tomcat_reject_no_request() {
    let world = world().await;
    let Some(servers) = Servers::java(&world).await else { return };
    let app = world.app(Format::KotlinIron).await;
    run("tomcat", &world, &app, servers.url("tomcat")).await;
}

/// Tokens live for a quarter of the run. Two seconds are the least: the provider counts whole ones.
async fn world() -> World {
    World::of(DevIdp::builder().token_lifetime(Duration::from_secs((seconds() / 4).max(2)))).await
}

async fn run(name: &str, world: &World, app: &App, peer: &str) {
    let Some(jar) = Jar::new() else { return };
    let seed = number("SEALKIT_FLEET_SEED").unwrap_or_else(|| RandomState::new().hash_one(name));
    let mut random = SplitMix(seed);
    let mut counts = Counts::default();
    jar.sign_in(world, app).await;

    let mut server = peer;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds())
        || (counts.rejections.is_empty() && counts.is_inconclusive())
    {
        assert!(begun.elapsed() < PATIENCE, "{counts:?}");
        // A visitor stays with one of them for a while, so that each finds expired tokens.
        server = if server == peer { &app.url } else { peer };
        for _ in 0..=random.below(10) {
            // A service refreshes before the token expires, too: a role may have changed.
            let path = if random.below(25) == 0 { "/refresh" } else { "/who" };
            let answer = jar.get(&format!("{server}{path}")).await;
            counts.count(server == peer, answer.sets);
            if answer.status != 200 {
                counts.rejections.push(format!("{server}{path}: {} {}", answer.status, answer.body));
            }
        }
    }
    let note = format!("fleet: axum and {name}: {counts:?} (SEALKIT_FLEET_SEED={seed})\n");
    // The harness captures what the macros print.
    drop(io::stderr().write_all(note.as_bytes()));
    assert!(counts.rejections.is_empty(), "{note}");
}

#[derive(Debug, Default)]
struct Counts {
    requests_to_axum: usize,
    requests_to_peer: usize,
    refreshes_by_axum: usize,
    refreshes_by_peer: usize,
    rejections: Vec<String>,
}

impl Counts {
    /// One of the two has not been asked, or has not refreshed.
    fn is_inconclusive(&self) -> bool {
        self.requests_to_axum == 0
            || self.requests_to_peer == 0
            || self.refreshes_by_axum == 0
            || self.refreshes_by_peer == 0
    }

    fn count(&mut self, peer: bool, sets: bool) {
        let (requests, refreshes) = if peer {
            (&mut self.requests_to_peer, &mut self.refreshes_by_peer)
        } else {
            (&mut self.requests_to_axum, &mut self.refreshes_by_axum)
        };
        *requests += 1;
        *refreshes += usize::from(sets);
    }
}

fn seconds() -> u64 {
    number("SEALKIT_FLEET_SECONDS").unwrap_or(QUICK_SECONDS)
}

fn number(name: &str) -> Option<u64> {
    find::variable(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// The same sequence for the same seed.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
