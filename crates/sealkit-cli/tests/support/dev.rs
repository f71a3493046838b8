//! `sealkit dev` as a person starts it.

use serde_json::Value;
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// The first start makes an RSA key, which may take its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process and what it announced. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Dev {
    announced: Value,
    _process: Child,
}

impl Dev {
    pub(crate) async fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_sealkit"))
            .args(["dev", "--json", "--port", "0", "--idp-port", "0"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("it announces itself in time").unwrap();
        let announced = serde_json::from_str(&line.expect("it announces itself")).unwrap();
        Self { announced, _process: process }
    }

    /// The provider's origin.
    pub(crate) fn idp(&self) -> &str {
        self.told("idp_url")
    }

    /// A text that it announced.
    pub(crate) fn told(&self, member: &str) -> &str {
        self.announced[member].as_str().unwrap()
    }

    /// One of those who can sign in: e-mail and password.
    pub(crate) fn user(&self, index: usize) -> (&str, &str) {
        let user = &self.announced["users"][index];
        (user["email"].as_str().unwrap(), user["password"].as_str().unwrap())
    }
}
