//! Raw bytes over TCP to both servers of `sealkit dev`: odd hosts, odd heads, and clients that keep the servers waiting.

use super::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Far longer than anything here takes; a test that hangs shall end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The demo and the provider.
async fn both(limits: ServerLimits) -> [Server; 2] {
    let idp = DevIdp::builder().server_limits(limits).build().unwrap();
    let provider = idp.serve(loopback(0)).await.unwrap();
    let listener = TcpListener::bind(loopback(0)).await.unwrap();
    let demo_url = format!("http://{}", listener.local_addr().unwrap());
    let password = Format::Iron.key_shape().generate(&SystemRandom).unwrap();
    let sealkit = sealkit(&idp, &provider, &demo_url, &password).unwrap();
    let demo = Demo::new(idp, sealkit, &demo_url, &provider.url()).unwrap();
    [serve_demo(listener, limits, app::router(&demo).unwrap()).unwrap(), provider]
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.local_addr()).await.unwrap()
}

/// All that comes until the server closes the connection, which it must.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    let read = async {
        // A reset is an end, too.
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            answer.extend_from_slice(&chunk[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the server closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn exchange(server: &Server, request: &str) -> String {
    let mut stream = connect(server).await;
    // A server that has read enough may close before everything is written.
    let _ = stream.write_all(request.as_bytes()).await;
    rest(&mut stream).await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test]
async fn only_requests_that_name_this_machine_are_answered() {
    for server in both(ServerLimits::default()).await {
        let port = server.local_addr().port();
        let get =
            |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        for (request, expected) in [
            ("GET / HTTP/1.0\r\n\r\n".to_owned(), "421"),
            ("GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".to_owned(), "200"),
            (get("/", ""), "421"),
            (get("/", "Host:\r\n"), "421"),
            (get("/", "Host: 127.0.0.1\r\nHost: evil.test\r\n"), "421"),
            (get("/", "Host: evil.test\r\nHost: 127.0.0.1\r\n"), "421"),
            (get("/", "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n"), "421"),
            (get("http://evil.test/", "Host: 127.0.0.1\r\n"), "421"),
            (get("http://127.0.0.1/", "Host: evil.test\r\n"), "421"),
            (get("http://127.0.0.1@evil.test/", "Host: 127.0.0.1\r\n"), "421"),
            (get("http://127.0.0.1/", "Host: 127.0.0.1\r\n"), "200"),
            (get("/", "Host: 127.0.0.1:80@evil.test\r\n"), "421"),
            (get("/", "Host: evil.test@127.0.0.1\r\n"), "421"),
            (get("/", "Host: evil.test\r\n"), "421"),
            (get("/", "Host: 127.0.0.1.evil.test\r\n"), "421"),
            (get("/", "Host: localhost.evil.test\r\n"), "421"),
            (get("/", "Host: evil.test.\r\n"), "421"),
            (get("/", "Host: 192.168.1.2\r\n"), "421"),
            (get("/", "Host: 0.0.0.0\r\n"), "421"),
            (get("/", "Host: 127.0.0.1:port\r\n"), "421"),
            (get("/", "Host: 127.0.0.1, evil.test\r\n"), "421"),
            (get("/", "Host: 127.0.0.1#evil.test\r\n"), "421"),
            (get("/", "Host: localhost.\r\n"), "200"),
            (get("/", "Host: LOCALHOST\r\n"), "200"),
            (get("/", "Host: [::1]:1\r\n"), "200"),
            // A tunnel has a port of its own.
            (get("/", &format!("Host: 127.0.0.1:{}\r\n", port ^ 1)), "200"),
            (get("/", &format!("Host: localhost.:{port}\r\n")), "200"),
        ] {
            assert_eq!(status(&exchange(&server, &request).await), expected, "{port} {request}");
        }
    }
}

#[tokio::test]
async fn odd_heads_get_one_answer() {
    for server in both(ServerLimits::default()).await {
        let both_lengths = "POST /demo/refresh HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n";
        let answer = exchange(&server, both_lengths).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(status(&answer).starts_with('4'), "{answer}");
        let large = format!(
            "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {}\r\n\r\n",
            "wos-session=%zz; ".repeat(60_000)
        );
        let answer = exchange(&server, &large).await;
        assert!(matches!(status(&answer), "431" | "none"), "{answer}");
        let lines: String = (0..90).map(|line| format!("Cookie: a{line}=b\r\n")).collect();
        let many = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Connection: close\r\n\r\n");
        assert_eq!(status(&exchange(&server, &many).await), "200");
    }
}

#[tokio::test]
async fn client_that_keeps_the_server_waiting_is_disconnected() {
    let limits = ServerLimits::default().with_patience(Duration::from_millis(200));
    for server in both(limits).await {
        for (sent, expected) in [
            ("", "none"),
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", "none"),
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "200"),
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / HTTP/1.1\r\nHos", "200"),
            ("POST /demo/refresh HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nhalf", "408"),
            (
                "POST /demo/refresh HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf",
                "408",
            ),
        ] {
            assert_eq!(status(&exchange(&server, sent).await), expected, "{sent}");
        }
    }
}

#[tokio::test]
async fn client_over_the_bound_waits_for_another() {
    let limits = ServerLimits::default().with_patience(PATIENCE).with_connections(1);
    let request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    for server in both(limits).await {
        let (mut first, mut chunk) = (connect(&server).await, [0; 1 << 16]);
        first.write_all(request).await.unwrap();
        assert!(first.read(&mut chunk).await.unwrap() > 0);
        let mut second = connect(&server).await;
        second.write_all(request).await.unwrap();
        for _ in 0..20 {
            first.write_all(request).await.unwrap();
            assert!(first.read(&mut chunk).await.unwrap() > 0);
        }
        let early = second.try_read(&mut chunk).map_err(|error| error.kind());
        assert_eq!(early, Err(io::ErrorKind::WouldBlock), "the first is still open");
        drop(first);
        let late = tokio::time::timeout(PATIENCE, second.read(&mut chunk)).await;
        assert!(late.unwrap().unwrap() > 0);
    }
}
