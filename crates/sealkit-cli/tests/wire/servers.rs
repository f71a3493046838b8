//! The peers' web servers: one process for each language, on ports of their own choice, which it prints.

use crate::{
    support::{
        find,
        places::{in_repository, script_path},
        toolchain,
    },
    world::World,
};
use serde_json::Value;
use std::{collections::HashMap, path::PathBuf, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Go compiles its standard library at the first start.
const PATIENCE: Duration = Duration::from_secs(300);

/// The process and where its servers listen. Dropping it ends it; so does the end of this process, by its standard input.
#[derive(Debug)]
pub(crate) struct Servers {
    urls: HashMap<String, String>,
    _process: Child,
    /// For what it builds and unpacks.
    _folder: TempDir,
}

impl Servers {
    /// The URL of one of its servers.
    pub(crate) fn url(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.urls))
    }

    /// The same, if it is one of them.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.urls.get(name).map(String::as_str)
    }

    /// express and React Router; `None` skips the test.
    pub(crate) async fn node(world: &World) -> Option<Self> {
        let node = find::program(&["node"]);
        let packages = in_repository(".peers/node/node_modules/express");
        let (node, _) = find::or_skip(node.zip(packages), "Node with express")?;
        let mut command = Command::new(node);
        command.arg("--no-warnings").arg(script_path("web/web.mjs"));
        Some(Self::started(command, world).await)
    }

    /// Starlette, FastAPI, Flask, Django and the standard library.
    pub(crate) async fn python(world: &World) -> Option<Self> {
        let python = in_repository(".peers").map(|peers| peers.join("python-web-10.8.0/bin/python"));
        let python = python.filter(|file| file.exists());
        let mut command = Command::new(find::or_skip(python, "Python with its web frameworks")?);
        // Nothing of its own into the repository.
        command.args(["-I", "-B"]).arg(script_path("web/web.py"));
        Some(Self::started(command, world).await)
    }

    /// Rack on Puma.
    pub(crate) async fn ruby(world: &World) -> Option<Self> {
        let found = find::program(&["ruby"]).zip(find::program(&["puma"]));
        let (ruby, _) = find::or_skip(found, "Ruby with Rack and Puma")?;
        let mut command = Command::new(ruby);
        command.arg("-EUTF-8:UTF-8").arg(script_path("web/web.rb"));
        Some(Self::started(command, world).await)
    }

    /// PHP's built-in server: `php/FORMAT`.
    pub(crate) async fn php(world: &World) -> Option<Self> {
        let mut command = Command::new(find::or_skip(find::program(&["php"]), "PHP")?);
        command.args(["-S", "127.0.0.1:0", "-d", "display_errors=stderr"]).arg(script_path("web/web.php"));
        command.stderr(Stdio::piped());
        let folder = TempDir::new().unwrap();
        let mut process = Self::spawned(command, world, &folder);
        let mut log = process.stderr.take().unwrap();
        // … PHP 8.2.0 Development Server (http://127.0.0.1:1234) started
        let line = first_line(&mut log).await;
        let (_, url) = line.split_once("Development Server (").unwrap_or_else(|| panic!("{line}"));
        let url = url.split(')').next().unwrap().to_owned();
        // PHP logs every request, and blocks when the pipe is full.
        tokio::spawn(async move { tokio::io::copy(&mut log, &mut tokio::io::sink()).await });
        Some(Self { urls: HashMap::from([("php".to_owned(), url)]), _process: process, _folder: folder })
    }

    /// `net/http`, for a password of any text and for one of 64 hexadecimal digits.
    pub(crate) async fn go(world: &World) -> Option<Self> {
        let go = toolchain::or_skip(find::program(&["go"]), "Go")?;
        let folder = TempDir::new().unwrap();
        let program = folder.path().join("web");
        let mut build = Command::new(go);
        build.arg("build").arg("-o").arg(&program).arg(script_path("web/web.go"));
        // Only the standard library, which Go's cache keeps compiled.
        build
            .env("GO111MODULE", "off")
            .env("GOTOOLCHAIN", "local")
            .env("CGO_ENABLED", "0")
            .kill_on_drop(true);
        let built = timeout(PATIENCE, build.status()).await.expect("Go compiles in time").unwrap();
        assert!(built.success(), "go build: {built}");
        Some(Self::started_in(folder, Command::new(program), world).await)
    }

    /// Tomcat and the JDK's own server.
    pub(crate) async fn java(world: &World) -> Option<Self> {
        // `java` compiles the source file when it starts, which takes a JDK.
        toolchain::or_skip(find::program(&["javac"]), "a JDK")?;
        let java = toolchain::or_skip(find::program(&["java"]), "a JDK")?;
        let jars: Option<PathBuf> = in_repository(".peers/java/lib");
        let jars = if find::program(&["mvn"]).is_some() || jars.is_some() {
            find::or_skip(jars, "the Kotlin SDK with Tomcat")?
        } else {
            toolchain::or_skip(jars, "Maven, which fetches the Kotlin SDK,")?
        };
        let mut command = Command::new(java);
        command.arg("-cp").arg(jars.join("*")).arg(script_path("web/Web.java"));
        Some(Self::started(command, world).await)
    }

    async fn started(command: Command, world: &World) -> Self {
        Self::started_in(TempDir::new().unwrap(), command, world).await
    }

    async fn started_in(folder: TempDir, mut command: Command, world: &World) -> Self {
        command.stdout(Stdio::piped());
        let mut process = Self::spawned(command, world, &folder);
        let line = first_line(process.stdout.take().unwrap()).await;
        let ports: HashMap<String, u16> = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let urls = ports.into_iter().map(|(name, port)| (name, format!("http://127.0.0.1:{port}"))).collect();
        Self { urls, _process: process, _folder: folder }
    }

    fn spawned(mut command: Command, world: &World, folder: &TempDir) -> Child {
        let settings: Value = world.settings();
        command
            .env_clear()
            .env("SEALKIT_PEERS", in_repository(".peers").unwrap_or_default())
            .env("SEALKIT_FOLDER", folder.path())
            .env("SEALKIT_WEB", settings.to_string())
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }
}

async fn first_line(output: impl AsyncRead + Unpin) -> String {
    let mut lines = BufReader::new(output).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.expect("the peer starts in time").unwrap();
    line.expect("the peer starts")
}
