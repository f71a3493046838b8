//! The coordinator secret is changed, as the guide says: the new one second, then first, then alone.

use crate::world::{Replica, World, refreshed, replica};
use sealkit::refresh::{CoordinatorSecret, CoordinatorSecrets};
use std::{collections::HashSet, time::Duration};

const OLD: &str = "the old secret of them all";
const NEW: &str = "the new secret of them all";

/// A process with these secrets: the first writes, all read.
async fn with(world: &World, secrets: &[&str]) -> Replica {
    let mut secrets = secrets.iter().map(|text| CoordinatorSecret::new(text.as_bytes()).unwrap());
    let secrets = CoordinatorSecrets::new(secrets.next().unwrap(), secrets);
    replica(&world.idp, world.settings(), |config| config.coordinator_secrets(secrets)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_moment_of_a_rotation_three_replicas_make_one_grant() {
    let Some(world) = World::strict().await else { return };
    let (old, second, first, new) = (
        with(&world, &[OLD]).await,
        with(&world, &[OLD, NEW]).await,
        with(&world, &[NEW, OLD]).await,
        with(&world, &[NEW]).await,
    );
    // Others of the same kind: they find each other by what is in the store alone.
    let (also_second, also_first) = (with(&world, &[OLD, NEW]).await, with(&world, &[NEW, OLD]).await);
    let moments = [
        [&old, &second, &also_second],
        [&second, &first, &also_second],
        [&second, &first, &also_first],
        [&first, &also_first, &new],
    ];
    let mut grants = 0;
    for replicas in moments {
        for round in 0..15 {
            let cookie = world.expired(replicas[0]);
            let requests: Vec<_> = (0..6).map(|i| replicas[(round + i) % 3].request(&cookie)).collect();
            let mut tokens = HashSet::new();
            for request in requests {
                tokens.insert(refreshed(&request.await.unwrap()));
            }
            grants += 1;
            assert_eq!((world.grants(), tokens.len()), (grants, 1));
        }
    }
}

#[tokio::test]
async fn a_result_under_either_secret_is_found_minutes_later_by_whoever_reads_both() {
    let Some(world) = World::strict().await else { return };
    let (old, second) = (with(&world, &[OLD]).await, with(&world, &[OLD, NEW]).await);
    let (first, new) = (with(&world, &[NEW, OLD]).await, with(&world, &[NEW]).await);
    let pairs = [(&old, &second), (&second, &first), (&first, &second), (&first, &new), (&new, &first)];
    for (round, (writer, reader)) in (1..).zip(pairs) {
        let cookie = world.expired(writer);
        let token = refreshed(&writer.navigate(&cookie).await);
        world.idp.clock().advance(Duration::from_secs(300));
        // A process that has just been started knows nothing by itself.
        assert_eq!(refreshed(&reader.navigate(&cookie).await), token);
        assert_eq!((world.grants(), world.places().await.len()), (round, usize::try_from(round).unwrap()));
    }
}
