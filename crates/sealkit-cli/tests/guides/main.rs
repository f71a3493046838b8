//! The guides in `docs/`, done as they say: every command of a page runs in one shell, from the first to the last, and prints
//! what stands there.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

#[path = "../support"]
mod support {
    pub(crate) mod find;
}

mod page;
mod shell;

use page::Page;
use shell::Shell;
use support::find;

/// Where the packages lie in `.peers`, and under which name a page has them in its folder.
const NODE: (&str, &str) = ("node/node_modules", "node_modules");
const PYTHON: (&str, &str) = ("python-10.8.0", "venv");

/// A folder with these parts in it; `None` skips the test.
fn shell(peers: &[(&str, &str)]) -> Option<Shell> {
    let shell = Shell::new();
    for (peer, name) in peers {
        find::or_skip(shell.link(peer, name), &format!(".peers/{peer}"))?;
    }
    Some(shell)
}

/// A page that takes its session from the demo.
fn follow_with_curl(page: &Page) {
    let Some(curl) = find::or_skip(find::program(&["curl"]), "curl") else { return };
    let mut shell = Shell::new();
    shell.path_of(&curl);
    shell.start_dev();
    shell.follow(page);
}

#[test]
fn a_session_is_shared_as_the_guide_says() {
    let page = Page::read("share-a-session.md");
    let Some(node) = find::or_skip(find::program(&["node"]), "Node") else { return };
    let Some(mut shell) = shell(&[NODE, PYTHON]) else { return };
    shell.path_of(&node);
    shell.use_venv(PYTHON.1);
    shell.copy("share");
    shell.start_dev();
    shell.follow(&page);
}

#[test]
fn the_password_is_rotated_as_the_guide_says() {
    follow_with_curl(&Page::read("rotate-the-password.md"));
}

#[test]
fn sessions_are_unsealed_and_sealed_as_the_guide_says() {
    follow_with_curl(&Page::read("sealed-and-unsealed.md"));
}

#[test]
fn workos_python_5_is_left_as_the_guide_says() {
    let page = Page::read("from-workos-python-5.md");
    let peers = [("python-5.46.0", "venv-5"), ("python-6.0.8", "venv-6"), ("python-10.8.0", "venv-10")];
    let Some(mut shell) = shell(&peers) else { return };
    shell.copy("python5");
    shell.start_dev();
    shell.follow(&page);
}
