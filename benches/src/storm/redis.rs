//! A `redis-server` of our own, on a free port, that keeps nothing.

use std::{io, net::TcpListener, path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
};

/// Becomes the server that is named behind it, with a watcher beside it: also a driver that is killed leaves no server behind.
const ENDS_WITH_STDIN: &str =
    r#"exec 3<&0; { read -r _ <&3; kill -KILL $$; } 2>/dev/null & exec "$0" "$@" 3<&-"#;

/// It is killed when this is dropped.
pub(crate) struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    /// Starts one, and waits until it answers. Somebody else may take the port first: then another is tried.
    pub(crate) async fn start(program: &PathBuf) -> io::Result<Self> {
        for _ in 0..20 {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let child = Command::new("sh")
                .args(["-c", ENDS_WITH_STDIN])
                .arg(program)
                .args([
                    "--port",
                    &port.to_string(),
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                ])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()?;
            let mut redis = Self { port, child };
            if redis.answers().await {
                return Ok(redis);
            }
        }
        Err(io::Error::other("redis-server does not answer"))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn answers(&mut self) -> bool {
        for _ in 0..200 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return false;
            }
            if self.ping().await.is_ok_and(|pong| pong) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        false
    }

    async fn ping(&self) -> io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut pong = [0; 5];
        stream.read_exact(&mut pong).await?;
        Ok(&pong == b"+PONG")
    }
}
