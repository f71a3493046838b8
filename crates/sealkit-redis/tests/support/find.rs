//! Finds the programs, and says what is skipped without them. A machine that must not skip says so with
//! `SEALKIT_REQUIRE_PEERS=1`.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

/// The first of these programs that `PATH` leads to, or the test is skipped: says so and gives `None`. With
/// `SEALKIT_REQUIRE_PEERS=1` it fails instead.
pub(super) fn program(names: &[&str]) -> Option<PathBuf> {
    let folders = variable("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    let found = names
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()));
    if found.is_none() {
        skipped(names.first().unwrap());
    }
    found
}

fn skipped(what: &str) {
    assert!(!must_not_skip(), "{what} not found, and SEALKIT_REQUIRE_PEERS is set: install it");
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let note = format!("skipped: {test}: {what} not found\n");
    // The harness captures what the macros print, and nobody would learn of it.
    drop(io::stderr().write_all(note.as_bytes()));
}

fn must_not_skip() -> bool {
    variable("SEALKIT_REQUIRE_PEERS").is_some_and(|value| !value.is_empty() && value != "0")
}

#[expect(clippy::disallowed_methods, reason = "tests ask where the machine keeps its programs")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
