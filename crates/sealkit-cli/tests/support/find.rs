//! Finds what a test drives for real. Whoever has not installed it skips those tests, and is told; a machine that must not
//! skip says so with `SEALKIT_REQUIRE_PEERS=1`.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

/// `found`, or the test is skipped: says so and gives `None`. With `SEALKIT_REQUIRE_PEERS=1` it fails instead.
pub(crate) fn or_skip<T>(found: Option<T>, what: &str) -> Option<T> {
    assert!(
        found.is_some() || !must_not_skip(),
        "{what} not found, and SEALKIT_REQUIRE_PEERS is set: run tools/install-peers"
    );
    if found.is_none() {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let note = format!("skipped: {test}: {what} not found (run tools/install-peers)\n");
        // The harness captures what the macros print, and nobody would learn of it.
        drop(io::stderr().write_all(note.as_bytes()));
    }
    found
}

/// The first of these programs that `PATH` leads to.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    let path = variable("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

fn must_not_skip() -> bool {
    variable("SEALKIT_REQUIRE_PEERS").is_some_and(|value| !value.is_empty() && value != "0")
}

#[expect(clippy::disallowed_methods, reason = "tests ask where the machine keeps its programs")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
