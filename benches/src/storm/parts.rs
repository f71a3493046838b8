//! The programs that a storm is made of besides this one.

use super::options::Options;
use std::path::{Path, PathBuf};

/// What is on this machine.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) redis: Option<PathBuf>,
    pub(crate) node: Option<PathBuf>,
    pub(crate) peers: PathBuf,
}

impl Parts {
    pub(crate) fn find(options: &Options) -> Self {
        let installed =
            |_: &PathBuf| options.peers.join("node/node_modules/@workos/authkit-session").is_dir();
        Self {
            redis: program(&["redis-server", "valkey-server"]),
            node: program(&["node"]).filter(installed),
            peers: options.peers.clone(),
        }
    }

    /// The Node server's script.
    pub(crate) fn node_script() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/storm/node/server.mjs"))
    }
}

/// The first of these that `PATH` leads to.
fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}
