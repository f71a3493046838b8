//! The peer in PHP: a script of ours on the distribution's interpreter.

use super::{find, peer::Peer, places};
use tokio::process::Command;

/// Reads and writes this format; `None` skips the test.
pub(crate) fn start(format: &str) -> Option<Peer> {
    let mut command = Command::new(find::or_skip(find::program(&["php"]), "PHP")?);
    // A warning among the answers would be one of them.
    command.args(["-d", "display_errors=stderr"]).arg(places::script_path("seal.php")).arg(format);
    Some(Peer::start(command))
}
