//! The real transport against a server on loopback that behaves badly. No TLS provider is installed in this process.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use bytes::Bytes;
use http::{HeaderMap, Request};
use sealkit::{
    SystemClock,
    api::{
        ApiBase, ApiClient, ApiErrorKind, ClientId, Grant, HttpTransport, Purpose, RefreshTokenGrant,
        RequestContext, ReqwestTransport, TimeLimit, TransportError, TransportErrorKind,
    },
};
use sealkit_core::Reason;
use std::{env::current_exe, error::Error as StdError, process::Command, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

const OK_BODY: &str = r#"{"user":{"id":"user_1"},"access_token":"a.b.c","refresh_token":"rt_2"}"#;

/// What the server does once it has read a request's head.
#[derive(Clone)]
enum Act {
    /// Writes this, then closes.
    Say(Vec<u8>),
    /// Writes this, then nothing more, and keeps the connection.
    Stall(Vec<u8>),
    /// Writes this when it is told to, then closes.
    Wait(Arc<Notify>, Vec<u8>),
}

/// A server that treats every connection alike, and tells the head of each request.
async fn server(act: Act) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (heads, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, act.clone(), heads.clone()));
        }
    });
    (base, seen)
}

async fn serve(mut stream: TcpStream, act: Act, heads: mpsc::UnboundedSender<String>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(length) => head.extend(piece.iter().take(length)),
        }
    }
    let _ = heads.send(String::from_utf8_lossy(&head).into_owned());
    if let Act::Wait(told, _) = &act {
        told.notified().await;
    }
    match act {
        Act::Say(bytes) | Act::Wait(_, bytes) => {
            // The client may hang up first; that is its right.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Act::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

fn get(base: &str) -> Request<Bytes> {
    Request::get(format!("{base}/sso/jwks/client_1")).body(Bytes::new()).unwrap()
}

async fn error_of(act: Act) -> TransportError {
    let (base, _seen) = server(act).await;
    let transport = ReqwestTransport::builder().attempt_timeout(Duration::from_secs(60)).build().unwrap();
    transport.send(get(&base)).await.unwrap_err()
}

fn client(base: &str, attempt: Duration) -> ApiClient {
    let base: ApiBase = base.parse().unwrap();
    let transport = ReqwestTransport::builder().for_base(&base).attempt_timeout(attempt).build().unwrap();
    ApiClient::new(base, ClientId::new("client_1").unwrap(), None, Arc::new(transport), Arc::new(SystemClock))
}

async fn refresh(client: &ApiClient) -> Result<String, sealkit::api::ApiError> {
    let grant = Grant::from(RefreshTokenGrant::new("rt_1"));
    let reply = client.authenticate(&grant, &RequestContext::default()).await?;
    Ok(reply.body().refresh_token().expose_secret().to_owned())
}

#[tokio::test]
async fn an_ordinary_answer_comes_back_whole() {
    let (base, mut seen) = server(Act::Say(answer("200 OK", "x-request-id: req_1\r\n", OK_BODY))).await;
    let client = client(&base, Duration::from_secs(60));
    assert_eq!(refresh(&client).await.unwrap(), "rt_2");
    let head = seen.recv().await.unwrap().to_lowercase();
    assert!(head.starts_with("post /user_management/authenticate http/1.1\r\n"), "{head}");
    assert_eq!(head.matches("user-agent:").count(), 1, "{head}");
    assert!(head.contains(concat!("user-agent: sealkit/", env!("CARGO_PKG_VERSION"))), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let (elsewhere, mut visits) = server(Act::Say(answer("200 OK", "", OK_BODY))).await;
    let location = format!("location: {elsewhere}/user_management/authenticate\r\n");
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let (base, _seen) = server(Act::Say(answer(status, &location, ""))).await;
        let error = refresh(&client(&base, Duration::from_secs(60))).await.unwrap_err();
        assert!(matches!(error.kind(), ApiErrorKind::Status(300..400)), "{error:?}");
        let failure = error.to_failure(Purpose::Refresh);
        assert_eq!(failure.reason(), Reason::InvalidResponse);
        assert!(failure.hint().unwrap().contains("redirect"));
    }
    assert!(visits.try_recv().is_err());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    for said in
        ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":"]
    {
        let (base, mut seen) = server(Act::Stall(said.as_bytes().to_vec())).await;
        let error = refresh(&client(&base, Duration::from_millis(200))).await.unwrap_err();
        assert_eq!(error.kind(), ApiErrorKind::Transport(TransportErrorKind::Timeout), "{said:?}");
        assert_eq!(error.reason(Purpose::Refresh), Reason::Timeout);
        assert!(error.may_have_been_sent() && error.is_replayable());
        assert!(seen.recv().await.is_some());
    }
}

#[tokio::test]
async fn a_request_with_a_limit_of_its_own_outlives_those_without() {
    let told = Arc::new(Notify::new());
    let (patient, mut seen) = server(Act::Wait(Arc::clone(&told), answer("200 OK", "", "late"))).await;
    let (silent, _seen) = server(Act::Stall(Vec::new())).await;
    let transport = ReqwestTransport::builder().attempt_timeout(Duration::from_millis(200)).build().unwrap();
    let mut request = get(&patient);
    request.extensions_mut().insert(TimeLimit::new(Duration::from_secs(60)));
    assert_eq!(TimeLimit::of(&request), Some(Duration::from_secs(60)));
    let first = transport.clone();
    let first = tokio::spawn(async move { first.send(request).await });
    seen.recv().await.unwrap();
    // Sent later and given up already: the transport's own limit is over for both.
    let given_up = transport.send(get(&silent)).await.unwrap_err();
    assert_eq!(given_up.kind(), TransportErrorKind::Timeout);
    told.notify_one();
    assert_eq!(first.await.unwrap().unwrap().body(), "late");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_interrupted() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"acc\r\n",
    ] {
        let error = error_of(Act::Say(cut.as_bytes().to_vec())).await;
        assert_eq!(error.kind(), TransportErrorKind::Interrupted, "{error:?}");
        assert_eq!(error.status().unwrap(), 200);
        assert!(error.may_have_been_sent());
    }
}

#[tokio::test]
async fn a_connection_that_closes_without_a_word_may_have_carried_the_request() {
    let error = error_of(Act::Say(Vec::new())).await;
    assert_eq!(error.kind(), TransportErrorKind::Other, "{error:?}");
    assert!(error.may_have_been_sent() && error.status().is_none());
}

#[tokio::test]
async fn something_that_is_no_http_is_an_error() {
    let error = error_of(Act::Say(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec())).await;
    assert_eq!(error.kind(), TransportErrorKind::Other, "{error:?}");
}

#[tokio::test]
async fn answers_beyond_the_limit_are_not_read() {
    let over = vec![b' '; 1024 * 1024 + 1];
    let mut announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", over.len()).into_bytes();
    announced.extend(&over);
    let mut chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n", over.len()).into_bytes();
    chunked.extend(&over);
    for endless in [announced, chunked] {
        let error = error_of(Act::Stall(endless)).await;
        assert_eq!(error.kind(), TransportErrorKind::TooLarge, "{error:?}");
    }
}

#[tokio::test]
async fn the_limit_itself_is_read() {
    let (base, _seen) = server(Act::Say(answer("200 OK", "", "0123456789"))).await;
    let exact = ReqwestTransport::builder().max_body(10).build().unwrap();
    assert_eq!(exact.send(get(&base)).await.unwrap().body(), "0123456789");
    let short = ReqwestTransport::builder().max_body(9).build().unwrap();
    assert_eq!(short.send(get(&base)).await.unwrap_err().kind(), TransportErrorKind::TooLarge);
}

#[tokio::test]
async fn a_refusal_that_is_cut_off_is_not_sent_again() {
    let cut = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\n{\"error\":\"inv".to_vec();
    let (base, _seen) = server(Act::Say(cut)).await;
    let error = refresh(&client(&base, Duration::from_secs(60))).await.unwrap_err();
    assert_eq!(error.kind(), ApiErrorKind::Status(400));
    assert_eq!(error.reason(Purpose::Refresh), Reason::RefreshRejected);
    assert!(!error.is_replayable());
}

#[tokio::test]
async fn garbage_with_a_good_status_is_an_invalid_response() {
    let (base, _seen) =
        server(Act::Say(answer("200 OK", "content-type: text/html\r\n", "<html>captive portal</html>")))
            .await;
    let error = refresh(&client(&base, Duration::from_secs(60))).await.unwrap_err();
    assert_eq!(error.kind(), ApiErrorKind::Unusable);
    assert_eq!(error.reason(Purpose::Refresh), Reason::InvalidResponse);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = refresh(&client(&base, Duration::from_secs(60))).await.unwrap_err();
    assert_eq!(error.kind(), ApiErrorKind::Transport(TransportErrorKind::Connect));
    assert_eq!(error.reason(Purpose::Refresh), Reason::NetworkError);
    assert!(!error.may_have_been_sent() && error.is_replayable());
}

#[tokio::test]
async fn plain_http_leaves_this_machine_under_no_circumstances() {
    let transport = ReqwestTransport::new().unwrap();
    for url in ["http://192.0.2.1/", "http://api.workos.com/", "http://localhost.example/"] {
        let error = transport.send(Request::get(url).body(Bytes::new()).unwrap()).await.unwrap_err();
        assert!(!error.may_have_been_sent(), "{error:?}");
        assert_eq!(error.source().unwrap().to_string(), "only https, or http to a loopback host");
    }
}

/// The environment of a process cannot be changed safely while it runs, so the test runs itself again with a proxy in it.
#[tokio::test]
async fn the_environments_proxy_is_not_asked_unless_wanted() {
    let (proxy, mut seen) = server(Act::Say(answer("200 OK", "", "from the proxy"))).await;
    let child = tokio::task::spawn_blocking(move || {
        Command::new(current_exe().unwrap())
            .args(["--ignored", "--exact", "behind_a_proxy"])
            .env("HTTP_PROXY", &proxy)
            .env("http_proxy", &proxy)
            .env_remove("REQUEST_METHOD")
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .unwrap()
    });
    let output = child.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(seen.try_recv().unwrap().starts_with("GET http://127.0.0.1:"));
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
#[ignore = "run by the_environments_proxy_is_not_asked_unless_wanted, with a proxy in its environment"]
async fn behind_a_proxy() {
    let (base, _seen) = server(Act::Say(answer("200 OK", "", "direct"))).await;
    let direct = ReqwestTransport::new().unwrap();
    assert_eq!(direct.send(get(&base)).await.unwrap().body(), "direct");
    let proxied = ReqwestTransport::builder().proxy_from_environment(true).build().unwrap();
    assert_eq!(proxied.send(get(&base)).await.unwrap().body(), "from the proxy");
}

#[tokio::test]
async fn tls_to_a_server_that_speaks_none_is_no_connection() {
    let (base, _seen) = server(Act::Say(answer("200 OK", "", "{}"))).await;
    for transport in [
        ReqwestTransport::new().unwrap(),
        ReqwestTransport::builder().for_base(&base.parse().unwrap()).build().unwrap(),
    ] {
        let error = transport.send(get(&base.replace("http:", "https:"))).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Connect, "{error:?}");
    }
}

#[tokio::test]
async fn no_error_repeats_address_or_headers() {
    let (base, _seen) = server(Act::Say(Vec::new())).await;
    let mut request = get(&base);
    *request.headers_mut() =
        HeaderMap::from_iter([(http::header::AUTHORIZATION, "Bearer sk_secret".parse().unwrap())]);
    let error = ReqwestTransport::new().unwrap().send(request).await.unwrap_err();
    let mut shown = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown = format!("{shown} {cause} {cause:?}");
        source = cause.source();
    }
    assert!(
        !shown.contains("sk_secret") && !shown.contains("jwks") && !shown.contains("127.0.0.1"),
        "{shown}"
    );
}
