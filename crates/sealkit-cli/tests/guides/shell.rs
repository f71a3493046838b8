//! A shell in a folder of its own, with the binary first in its path.

use super::{find, page::Page};
use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

pub(crate) struct Shell {
    folder: TempDir,
    paths: Vec<PathBuf>,
    /// `sealkit dev` in its other terminal.
    dev: Option<Child>,
}

impl Shell {
    pub(crate) fn new() -> Self {
        let folder_of = |program: &Path| program.parent().unwrap().to_owned();
        let paths = ["sh", "cat"].iter().map(|name| folder_of(&find::program(&[name]).unwrap()));
        let paths = [folder_of(Path::new(env!("CARGO_BIN_EXE_sealkit")))].into_iter().chain(paths).collect();
        Self { folder: tempfile::tempdir().unwrap(), paths, dev: None }
    }

    /// What lies in `.peers`, under this name; `None` when it is not there.
    pub(crate) fn link(&self, peer: &str, name: &str) -> Option<()> {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.peers").canonicalize().ok()?;
        let peer = Some(peers.join(peer)).filter(|peer| peer.exists())?;
        symlink(peer, self.folder.path().join(name)).unwrap();
        Some(())
    }

    /// The files of a folder beside this one.
    pub(crate) fn copy(&self, folder: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guides").join(folder);
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), self.folder.path().join(file.file_name())).unwrap();
        }
    }

    /// The folder of this program is one that the shell looks for programs in.
    pub(crate) fn path_of(&mut self, program: &Path) {
        self.paths.push(program.parent().unwrap().to_owned());
    }

    /// `python` is the one of this environment.
    pub(crate) fn use_venv(&mut self, name: &str) {
        self.paths.insert(0, self.folder.path().join(name).join("bin"));
    }

    /// What a page does in another terminal: `sealkit dev --json --auto-approve > dev.json`.
    pub(crate) fn start_dev(&mut self) {
        let mut dev = Command::new(env!("CARGO_BIN_EXE_sealkit"))
            .args(["dev", "--json", "--auto-approve", "--port", "0", "--idp-port", "0"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut announced = String::new();
        BufReader::new(dev.stdout.take().unwrap()).read_line(&mut announced).unwrap();
        fs::write(self.folder.path().join("dev.json"), announced).unwrap();
        self.dev = Some(dev);
    }

    /// Does what the page says.
    pub(crate) fn follow(&self, page: &Page) {
        let folder = self.folder.path();
        for (name, content) in &page.files {
            fs::write(folder.join(name), content).unwrap();
        }
        let outputs = tempfile::tempdir().unwrap();
        let output = |line: usize| outputs.path().join(line.to_string());
        let script: String = page
            .commands
            .iter()
            .map(|command| format!("{{ {}\n}} >'{}' 2>&1\n", command.text, output(command.line).display()))
            .collect();
        let status = Command::new("sh")
            .args(["-c", &script])
            .current_dir(folder)
            .env_clear()
            .env("PATH", env::join_paths(&self.paths).unwrap())
            .env("HOME", folder)
            .stdin(Stdio::null())
            .status();
        status.unwrap();
        let mut wrong = Vec::new();
        for command in &page.commands {
            let output = fs::read_to_string(output(command.line)).unwrap_or_default();
            if !command.printed(&output) {
                let (line, text, expected) = (command.line, &command.text, command.expected());
                wrong.push(format!(
                    "line {line}: $ {text}\n--- the page shows\n{expected}\n--- it prints\n{output}"
                ));
            }
        }
        assert!(wrong.is_empty(), "docs/{}\n{}", page.name, wrong.join("\n"));
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if let Some(dev) = &mut self.dev {
            let _ = dev.kill();
            let _ = dev.wait();
        }
    }
}
