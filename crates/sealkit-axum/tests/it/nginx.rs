//! A real nginx before an application: up to which session size sign-in and refresh work at its defaults, and with the directives
//! that docs/axum.md names.

use crate::{
    find,
    world::{ADA, Browser, World},
};
use axum::{Router, routing};
use sealkit::{
    EncodingPolicy,
    cookie::{MAX_COOKIE_BYTES, WARN_COOKIE_BYTES},
    format::Format,
};
use sealkit_axum::Session;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, UnixStream},
    process::{Child, Command},
    task::JoinHandle,
};

/// A head of a response that fits into one memory page passes.
const PAGE: usize = 4096;

/// The page that names the directives.
const GUIDE: &str = include_str!("../../../../docs/axum.md");

/// nginx on a socket of its own, and an application behind it. Dropping it ends both.
struct Proxied {
    world: World,
    app: Router,
    socket: PathBuf,
    server: JoinHandle<std::io::Result<()>>,
    _nginx: Child,
    _folder: TempDir,
}

impl Drop for Proxied {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Proxied {
    /// `directives` stand in the `http` block. `None` without nginx: the test is skipped.
    async fn start(directives: &str) -> Option<Self> {
        Self::before(World::new(), directives).await
    }

    async fn before(world: World, directives: &str) -> Option<Self> {
        // Where it lies on Debian, which is not on everybody's path.
        let sbin = PathBuf::from("/usr/sbin/nginx");
        let nginx = find::program(&["nginx"]).or_else(|| sbin.is_file().then_some(sbin));
        let nginx = find::or_skip(nginx, "nginx")?;
        let page = |session: Session| async move { session.user_id().to_owned() };
        let layer = world.layer();
        let app = Router::new().route("/", routing::get(page)).merge(sealkit_axum::routes(&layer));
        let app = app.layer(layer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let served = app.clone();
        let server = tokio::spawn(async move { axum::serve(listener, served).await });

        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("nginx.sock");
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, configuration(folder.path(), &upstream.to_string(), directives)).unwrap();
        let mut process = Command::new(nginx)
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // It listens before it says how it waits for events.
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        loop {
            let line = log.next_line().await.unwrap().unwrap();
            if line.contains("event method") {
                break;
            }
            assert!(!line.contains("[emerg]"), "{line}");
        }
        // Read on, or it would stop at a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Some(Self { world, app, socket, server, _nginx: process, _folder: folder })
    }

    /// Makes Ada's metadata this large.
    fn weigh(&self, bytes: usize) {
        let ada = self.world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
        self.world.idp.put_user(ada.with_metadata("notes", "x".repeat(bytes))).unwrap();
    }

    /// A navigation of `browser` through nginx: the status, and the session's bytes that it sets (names and values).
    async fn go(&self, browser: &mut Browser, path: &str) -> (u16, usize, String) {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        let cookies = match browser.cookie_line() {
            line if line.is_empty() => line,
            line => format!("Cookie: {line}\r\n"),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:3000\r\nConnection: close\r\nSec-Fetch-Mode: navigate\r\n\
             Sec-Fetch-Dest: document\r\nAccept: text/html\r\n{cookies}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that rejects the head may close before all of it is read.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        let head = answer.split("\r\n\r\n").next().unwrap();
        let status = head.split(' ').nth(1).unwrap_or("0").parse().unwrap();
        let (mut bytes, mut location) = (0, String::new());
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "set-cookie" => {
                    let pair = value.split(';').next().unwrap();
                    if pair.starts_with("wos-session") && !pair.ends_with('=') {
                        bytes += pair.len() - 1;
                    }
                    browser.store(value);
                }
                "location" => value.clone_into(&mut location),
                _ => {}
            }
        }
        (status, bytes, location)
    }

    /// Signs in with metadata of this size: the callback's status, and the session's bytes.
    async fn sign_in(&self, notes: usize) -> (u16, usize, Browser) {
        self.weigh(notes);
        let mut browser = Browser::new(&self.world, &self.app);
        let (status, _, location) = self.go(&mut browser, "/login").await;
        assert_eq!(status, 302, "a sign-in can begin");
        let back = browser.at_provider(&location).await;
        let (status, bytes, _) = self.go(&mut browser, &back).await;
        (status, bytes, browser)
    }

    /// Signs in with a small session that grows at its refresh: the page's status, and the session's bytes.
    async fn refresh(&self, notes: usize) -> (u16, usize, Browser) {
        let (status, _, mut browser) = self.sign_in(0).await;
        assert_eq!(status, 303);
        self.weigh(notes);
        self.world.idp.advance(Duration::from_secs(3600));
        let (status, bytes, _) = self.go(&mut browser, "/").await;
        (status, bytes, browser)
    }
}

fn configuration(folder: &Path, upstream: &str, directives: &str) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|what| format!("{what}_temp_path {folder}/{what};\n"))
        .collect();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr notice;\n\
         events {{ worker_connections 64; }}\n\
         http {{\naccess_log off;\n{temporary}{directives}\n\
         server {{\nlisten unix:{folder}/nginx.sock;\n\
         location / {{ proxy_pass http://{upstream}; proxy_set_header Host $http_host; }}\n}}\n}}\n"
    )
}

/// The nginx directives that the guide names.
fn documented() -> &'static str {
    let block = GUIDE.split("```nginx\n").nth(1).unwrap();
    block.split("```").next().unwrap()
}

/// The largest session that `works`, and that the next larger one answers 502.
async fn limit(works: impl AsyncFn(usize) -> (u16, usize)) -> usize {
    let (mut fits, mut too_large) = (0, 4000);
    let mut largest = 0;
    assert_eq!(works(too_large).await.0, 502);
    while too_large - fits > 1 {
        let middle = usize::midpoint(fits, too_large);
        match works(middle).await {
            (502, _) => too_large = middle,
            (_, bytes) => (fits, largest) = (middle, bytes),
        }
    }
    largest
}

#[tokio::test]
async fn nginx_at_its_defaults_passes_sessions_below_the_warning() {
    let Some(proxied) = Proxied::start("").await else { return };
    let callback = limit(async |notes| {
        let (status, bytes, _) = proxied.sign_in(notes).await;
        (status, bytes)
    })
    .await;
    let refresh = limit(async |notes| {
        let (status, bytes, _) = proxied.refresh(notes).await;
        (status, bytes)
    })
    .await;
    // A head is one memory page, and the callback's has some 500 bytes beside name and value.
    assert!(WARN_COOKIE_BYTES <= callback, "the warning begins too late: {callback}");
    assert!((PAGE - 640..PAGE).contains(&callback), "sign-in works up to {callback} bytes");
    assert!((callback..PAGE).contains(&refresh), "a refresh works up to {refresh} bytes");
}

/// The layer deleted five pieces that were not there, 480 bytes, and this sign-in was 502.
#[tokio::test]
async fn session_of_react_router_signs_in_behind_nginx_at_its_defaults() {
    let policy = EncodingPolicy::writing(Format::RrCookie);
    let world = World::with(|idp| idp, |config| config.encoding(policy));
    let Some(proxied) = Proxied::before(world, "").await else { return };
    let (status, bytes, mut browser) = proxied.sign_in(0).await;
    assert_eq!(status, 303);
    assert!(bytes > PAGE - 480 - 640, "a session of {bytes} bytes proves nothing");
    assert_eq!(proxied.go(&mut browser, "/").await.0, 200);
    assert_eq!(proxied.refresh(0).await.0, 200);
}

#[tokio::test]
async fn nginx_with_the_documented_directives_passes_five_full_pieces() {
    let Some(proxied) = Proxied::start(documented()).await else { return };
    for notes in [0, 3000, 12_000] {
        let (status, bytes, mut browser) = proxied.sign_in(notes).await;
        assert_eq!(status, 303, "{notes}");
        assert!(bytes > notes);
        assert_eq!(proxied.go(&mut browser, "/").await.0, 200, "{notes}");
        let (status, refreshed, mut browser) = proxied.refresh(notes).await;
        assert_eq!((status, refreshed > notes), (200, true), "{notes}");
        assert_eq!(proxied.go(&mut browser, "/").await.0, 200, "{notes}");
    }
    let (_, bytes, _) = proxied.sign_in(12_000).await;
    assert!(bytes > 4 * MAX_COOKIE_BYTES, "{bytes} bytes are less than five pieces");
}

/// A larger response head alone is not enough: the browser sends the pieces in one line.
#[tokio::test]
async fn nginx_rejects_a_cookie_line_of_three_pieces_unless_its_buffers_are_raised() {
    let response_alone = documented().lines().filter(|line| line.starts_with("proxy_"));
    let directives: String = response_alone.map(|line| format!("{line}\n")).collect();
    let Some(proxied) = Proxied::start(&directives).await else { return };
    let (status, bytes, mut browser) = proxied.sign_in(3000).await;
    assert!(bytes < 2 * MAX_COOKIE_BYTES, "{bytes}");
    assert_eq!((status, proxied.go(&mut browser, "/").await.0), (303, 200));
    let (status, bytes, mut browser) = proxied.sign_in(6000).await;
    assert!(bytes > 2 * MAX_COOKIE_BYTES, "{bytes}");
    assert_eq!((status, proxied.go(&mut browser, "/").await.0), (303, 400));
}
