//! A certificate for `localhost`, signed by an authority that nobody knows.

use super::find;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// Certificates, and the port that shows them.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) port: u16,
    folder: TempDir,
}

const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

impl Tls {
    /// New certificates by `openssl`. `None` where it is not.
    pub(super) fn create() -> Option<Self> {
        let openssl = find::program(&["openssl"])?;
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| run(&openssl, folder.path(), arguments);
        std::fs::write(
            folder.path().join("names"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n",
        )
        .unwrap();
        let mut authority = vec!["req", "-x509", "-days", "2", "-subj", "/CN=authority of a test"];
        authority.extend(NEW_KEY);
        authority.extend(["-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.crt"]);
        run(&authority);
        let mut request = vec!["req", "-subj", "/CN=localhost"];
        request.extend(NEW_KEY);
        request.extend(["-keyout", "key", "-out", "request"]);
        run(&request);
        run(&[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            "request",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-extfile",
            "names",
            "-out",
            "crt",
        ]);
        Some(Self { port: 0, folder })
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let file = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let port = self.port.to_string();
        let mut arguments: Vec<String> =
            ["--tls-port", &port, "--tls-auth-clients", "no"].map(str::to_owned).into();
        for (option, name) in
            [("--tls-cert-file", "crt"), ("--tls-key-file", "key"), ("--tls-ca-cert-file", "ca.crt")]
        {
            arguments.extend([option.to_owned(), file(name)]);
        }
        arguments
    }
}

fn run(openssl: &Path, folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(openssl);
    let status =
        command.args(arguments).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success(), "openssl {arguments:?}");
}
