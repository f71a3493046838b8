//! The client's address at a sign-in, over real connections: the peer's, or what a trusted proxy says.

use crate::{
    log::Log,
    world::{Browser, World},
};
use axum::Router;
use sealkit_devidp::Endpoint;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An application that listens on this machine.
struct Served {
    world: World,
    address: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Served {
    async fn new(proxies: &[&str], connect_info: bool, radar_decides: bool) -> Self {
        let proxies: Vec<String> = proxies.iter().map(|network| (*network).to_owned()).collect();
        let world = World::with(
            |idp| idp.radar_decision_mode(radar_decides),
            |config| config.trusted_proxies(proxies).development(true),
        );
        let layer = world.layer();
        let app: Router = Router::new().merge(sealkit_axum::routes(&layer)).layer(layer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = if connect_info {
            let service = app.into_make_service_with_connect_info::<SocketAddr>();
            tokio::spawn(async move { axum::serve(listener, service).await })
        } else {
            tokio::spawn(async move { axum::serve(listener, app).await })
        };
        Self { world, address, server }
    }

    /// A navigation with these header lines. The answer, head and body.
    async fn get(&self, path: &str, lines: &[String]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:3000\r\nConnection: close\r\nUser-Agent: a browser\r\n\
             Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nAccept: text/html\r\n"
        );
        for line in lines {
            request.push_str(line);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Signs in with these lines at the callback. Its answer, and what the provider was sent.
    async fn sign_in(&self, lines: &[&str]) -> (String, Value) {
        let start = self.get("/login?return_to=/me", &[]).await;
        let values = |name: &'static str| {
            start
                .lines()
                .filter_map(move |line| line.strip_prefix(name))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let [location] = &values("location: ")[..] else { panic!("{start}") };
        let [verifier] = &values("set-cookie: ")[..] else { panic!("{start}") };
        let back = Browser::new(&self.world, &Router::new()).at_provider(location).await;
        let mut sent: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        sent.push(format!("Cookie: {}", verifier.split(';').next().unwrap()));
        let answer = self.get(&back, &sent).await;
        (answer, self.world.idp.requests_to(Endpoint::Authenticate).pop().unwrap().json())
    }

    /// The address that the provider was told.
    async fn told(&self, lines: &[&str]) -> Value {
        let (answer, grant) = self.sign_in(lines).await;
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        assert_eq!(grant["user_agent"], "a browser");
        grant["ip_address"].clone()
    }
}

#[tokio::test]
async fn peer_is_the_client_and_claims_count_for_nothing() {
    let served = Served::new(&[], true, true).await;
    for lines in [
        &[][..],
        &["X-Forwarded-For: 203.0.113.9"],
        &["X-Forwarded-For: 10.0.0.1", "X-Real-IP: 203.0.113.9", "Forwarded: for=203.0.113.9"],
        &["X-Forwarded-For: junk"],
    ] {
        assert_eq!(served.told(lines).await, "127.0.0.1", "{lines:?}");
    }
    // A proxy that is trusted, and not the one that asks.
    let served = Served::new(&["10.0.0.0/8"], true, true).await;
    assert_eq!(served.told(&["X-Forwarded-For: 203.0.113.9, 10.0.0.1"]).await, "127.0.0.1");
}

#[tokio::test]
async fn trusted_proxy_names_the_client() {
    let served = Served::new(&["127.0.0.0/8", "10.0.0.0/8"], true, true).await;
    for (lines, client) in [
        (&["X-Forwarded-For: 203.0.113.9"][..], "203.0.113.9"),
        (&["X-Forwarded-For: 203.0.113.9:4711, 10.0.0.1"], "203.0.113.9"),
        (&["X-Forwarded-For: [2001:db8::1]:80"], "2001:db8::1"),
        (&["X-Forwarded-For: ::ffff:203.0.113.9"], "203.0.113.9"),
        // The client's own line comes first, and the proxies' behind it.
        (
            &[
                "X-Forwarded-For: 198.18.0.1, 10.0.0.7",
                "X-Forwarded-For: 203.0.113.9",
                "x-forwarded-for: 10.0.0.1",
            ],
            "203.0.113.9",
        ),
        (&["X-Forwarded-For: junk, 203.0.113.9"], "203.0.113.9"),
        (&[], "127.0.0.1"),
    ] {
        assert_eq!(served.told(lines).await, client, "{lines:?}");
    }
}

#[tokio::test]
async fn without_connect_info_nothing_is_sent() {
    for proxies in [&[][..], &["127.0.0.0/8"]] {
        let served = Served::new(proxies, false, false).await;
        assert_eq!(served.told(&["X-Forwarded-For: 203.0.113.9"]).await, Value::Null, "{proxies:?}");
    }
    // Nor where the proxy itself does not know its client.
    let served = Served::new(&["127.0.0.0/8"], true, false).await;
    assert_eq!(served.told(&["X-Forwarded-For: 203.0.113.9, unknown"]).await, Value::Null);
}

#[tokio::test]
async fn demanded_address_is_named_in_the_log() {
    let (log, _listening) = Log::listen();
    for (connect_info, missing) in
        [(false, "into_make_service_with_connect_info"), (true, "sent an X-Forwarded-For without one")]
    {
        let served = Served::new(&["127.0.0.0/8"], connect_info, true).await;
        let (answer, grant) = served.sign_in(&["X-Forwarded-For: unknown"]).await;
        assert_eq!(grant["ip_address"], Value::Null);
        assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("wos-session="), "{answer}");
        let text = log.text();
        let line = text.lines().rfind(|line| line.contains("ip_address_required")).unwrap();
        assert!(line.contains(" ERROR ") && line.contains("SEALKIT_TRUSTED_PROXIES"), "{line}");
        assert!(line.contains(missing), "{line}");
    }
}
