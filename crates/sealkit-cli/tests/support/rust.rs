//! The crate `workos`, in a program of its own.

use super::{find, peer::Peer, places};
use tokio::process::Command;

/// `None` skips the test.
pub(crate) fn start() -> Option<Peer> {
    let program = places::in_repository(".peers/rust/debug/sealkit-interop-workos");
    Some(Peer::start(Command::new(find::or_skip(program, "the crate workos")?)))
}
