//! The peer in Python.

use super::{
    find,
    peer::{self, Peer},
};
use tokio::process::Command;

/// A script of `tests/peers` on the Python of `.peers/python`; `None` skips the test.
pub(crate) fn start(script: &str) -> Option<Peer> {
    let python = peer::in_repository(".peers/python").map(|venv| venv.join("bin/python"));
    let python = find::or_skip(python.filter(|file| file.exists()), "Python with workos")?;
    let mut command = Command::new(python);
    command.arg("-I").arg(peer::script_path(script));
    Some(Peer::start(command))
}
