//! The peer in Python.

use super::{find, peer::Peer, places};
use tokio::process::Command;

/// The versions of `workos` in `.peers`, from the oldest.
pub(crate) const VERSIONS: [&str; 5] = ["5.46.0", "6.0.8", "8.0.0", "10.7.0", NEWEST];

/// The newest of them.
pub(crate) const NEWEST: &str = "10.8.0";

/// True for the versions that seal whatever they are given; the later ones seal four members.
pub(crate) fn seals_whole(version: &str) -> bool {
    version.starts_with("5.")
}

/// A script of `tests/peers` on the Python that has this version of `workos`; `None` skips the test.
pub(crate) fn start(script: &str, version: &str) -> Option<Peer> {
    let venv = places::in_repository(".peers").map(|peers| peers.join(format!("python-{version}")));
    let python = venv.map(|venv| venv.join("bin/python")).filter(|file| file.exists());
    let python = find::or_skip(python, &format!("Python with workos {version}"))?;
    let mut command = Command::new(python);
    // Nothing of its own into the repository.
    command.args(["-I", "-B"]).arg(places::script_path(script));
    Some(Peer::start(command))
}
