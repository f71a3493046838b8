//! The peer in Python.

use super::{
    find,
    peer::{self, Peer},
};
use tokio::process::Command;

/// The major versions of `workos` in `.peers`, from the oldest.
pub(crate) const VERSIONS: [&str; 3] = ["5", "6", "10"];

/// A script of `tests/peers` on the Python that has this version of `workos`; `None` skips the test.
pub(crate) fn start(script: &str, version: &str) -> Option<Peer> {
    let venv = peer::in_repository(".peers").map(|peers| peers.join(format!("python-{version}")));
    let python = venv.map(|venv| venv.join("bin/python")).filter(|file| file.exists());
    let python = find::or_skip(python, &format!("Python with workos {version}"))?;
    let mut command = Command::new(python);
    // Nothing of its own into the repository.
    command.args(["-I", "-B"]).arg(peer::script_path(script));
    Some(Peer::start(command))
}
