//! One server process.

use super::{eventually, find, tls::Tls};
use redis::{FromRedisValue, RedisResult};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard},
};
use tempfile::TempDir;

/// A `redis-server` that keeps nothing on disk.
#[derive(Debug)]
pub(crate) struct Redis {
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
    tls: Option<Tls>,
    child: Mutex<Child>,
    // Last: the server is gone before its folder.
    folder: TempDir,
}

impl Redis {
    /// A server, once it answers. `None` where there is none to start.
    pub(crate) async fn start() -> Option<Self> {
        Self::spawn(|_, _| Vec::new(), None).await
    }

    /// A server that copies another, once it has its data.
    pub(crate) async fn replica_of(primary: &Self) -> Option<Self> {
        let primary = primary.port.to_string();
        let replica = Self::spawn(|_, _| words(&["--replicaof", "127.0.0.1", &primary]), None).await?;
        eventually("the replica has the data", async || {
            replica
                .query::<String>(&["INFO", "replication"])
                .await
                .is_ok_and(|text| text.contains("master_link_status:up"))
        })
        .await;
        Some(replica)
    }

    /// A server that also listens with TLS: [`Self::tls_url`], [`Self::ca`].
    pub(crate) async fn with_tls() -> Option<Self> {
        Self::spawn(|_, _| Vec::new(), Some(Tls::create()?)).await
    }

    /// A server with these arguments, which are made of its port and of its folder. Another port is tried when somebody else was
    /// faster.
    pub(super) async fn spawn(
        arguments: impl Fn(u16, &Path) -> Vec<String>,
        mut tls: Option<Tls>,
    ) -> Option<Self> {
        let program = find::program(&["redis-server", "valkey-server"])?;
        for _ in 0..20 {
            let port = free_port();
            let folder = tempfile::tempdir().unwrap();
            let mut arguments = arguments(port, folder.path());
            if let Some(tls) = &mut tls {
                tls.port = free_port();
                arguments.extend(tls.arguments());
            }
            let child = Mutex::new(launch(&program, port, folder.path(), &arguments));
            let mut server = Self { program: program.clone(), arguments, port, tls, child, folder };
            if server.answers().await {
                return Some(server);
            }
            tls = server.tls.take();
        }
        panic!("no server could be started");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Without TLS.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// With TLS, of a server that [has it](Self::with_tls).
    pub(crate) fn tls_url(&self) -> String {
        format!("rediss://localhost:{}", self.tls.as_ref().unwrap().port)
    }

    /// The file of the authority that signed the server's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.tls.as_ref().unwrap().ca()
    }

    /// Ends it at once, as a crash does. What it held is lost.
    pub(crate) fn kill(&self) {
        let mut child = self.child();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops it where it is: connections stay open, and nothing answers.
    pub(crate) fn pause(&self) {
        kill_process(Pid::from_child(&self.child()), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        kill_process(Pid::from_child(&self.child()), Signal::CONT).unwrap();
    }

    /// Forgets everything.
    pub(crate) async fn flush(&self) {
        self.query::<()>(&["FLUSHALL"]).await.unwrap();
    }

    /// Ends it, and starts an empty one in its place.
    pub(crate) async fn restart(&self) {
        self.kill();
        *self.child() = launch(&self.program, self.port, self.folder.path(), &self.arguments);
        assert!(self.answers().await, "somebody else has the port now");
    }

    /// Makes a replica a primary.
    pub(crate) async fn promote(&self) {
        self.query::<()>(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    }

    /// What the server says to a command, on a connection of its own.
    pub(crate) async fn query<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut connection).await
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until it answers; false when it has ended instead.
    async fn answers(&self) -> bool {
        let mut ended = false;
        eventually("the server answers", async || {
            ended = self.child().try_wait().unwrap().is_some();
            ended || self.query::<String>(&["PING"]).await.is_ok()
        })
        .await;
        // Whoever has the port may answer in its place.
        !ended && self.child().try_wait().unwrap().is_none()
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended already.
        let mut child = self.child();
        drop(child.kill());
        drop(child.wait());
    }
}

/// A port that nobody listens on at this moment.
pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn launch(program: &Path, port: u16, folder: &Path, arguments: &[String]) -> Child {
    let log = folder.join("log");
    let mut command = Command::new(program);
    // The file of a Sentinel comes first.
    let (file, arguments): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|argument| argument.ends_with(".conf"));
    command.args(file);
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--loglevel", "warning"]);
    command.args(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]);
    command.arg("--dir").arg(folder).arg("--logfile").arg(log).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}
