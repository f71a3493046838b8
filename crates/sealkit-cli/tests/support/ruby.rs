//! The peer in Ruby: a script of ours on the distribution's interpreter.

use super::{find, peer::Peer, places};
use tokio::process::Command;

/// Reads and writes this format; `None` skips the test.
pub(crate) fn start(format: &str) -> Option<Peer> {
    let mut command = Command::new(find::or_skip(find::program(&["ruby"]), "Ruby")?);
    command.arg("-EUTF-8:UTF-8").arg(places::script_path("seal.rb")).arg(format);
    Some(Peer::start(command))
}
