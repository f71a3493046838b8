//! A server in a process of its own, driven over its stdin: settings as a line of JSON, then milliseconds to advance its clock by.
//! It says its address, then `ok` each time, and ends when stdin does: it never outlives the driver.

use serde::{Deserialize, Serialize};
use std::{io, net::SocketAddr, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// What a server needs to know. Every secret in it is the development provider's, or made for the run.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Settings {
    pub(crate) client_id: String,
    pub(crate) api_key: String,
    pub(crate) provider: String,
    pub(crate) password: String,
    pub(crate) redirect_uri: String,
    pub(crate) webhook_secret: String,
    pub(crate) redis: Option<String>,
}

/// A running server; it is killed when this is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Server {
    /// Starts it, and waits until it listens.
    pub(crate) async fn start(mut command: Command, settings: &Settings) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a server without pipes"));
        };
        stdin.write_all(format!("{}\n", serde_json::to_string(settings)?).as_bytes()).await?;
        let mut lines = BufReader::new(stdout).lines();
        let address = said(&mut lines).await?.parse().map_err(io::Error::other)?;
        Ok(Self { address, stdin, lines, _child: child })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Moves its clock, and waits until that is done.
    pub(crate) async fn advance(&mut self, by: Duration) -> io::Result<()> {
        self.stdin.write_all(format!("{}\n", by.as_millis()).as_bytes()).await?;
        said(&mut self.lines).await.map(drop)
    }
}

async fn said(lines: &mut Lines<BufReader<ChildStdout>>) -> io::Result<String> {
    lines.next_line().await?.ok_or_else(|| io::Error::other("a server ended early"))
}
