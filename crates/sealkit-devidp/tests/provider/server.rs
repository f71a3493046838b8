//! The provider on a real socket.

use sealkit_devidp::{DevIdp, Endpoint, Fault, MintSession, ServeError, Server};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const ANYWHERE: &str = "127.0.0.1:0";

async fn serve(idp: &DevIdp) -> Server {
    idp.serve(ANYWHERE.parse().unwrap()).await.unwrap()
}

/// Sends these bytes and reads until the connection ends, however it does.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        answer.extend_from_slice(chunk.get(..read).unwrap());
    }
    String::from_utf8(answer).unwrap()
}

fn jwks(idp: &DevIdp, host: &str) -> String {
    format!("GET /sso/jwks/{} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n", idp.client_id())
}

#[tokio::test]
async fn only_loopback_is_served() {
    let idp = DevIdp::builder().build().unwrap();
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let refused = idp.serve(address.parse().unwrap()).await.unwrap_err();
        assert!(matches!(refused, ServeError::NotLoopback(_)), "{address}");
    }
}

#[tokio::test]
async fn the_base_url_and_the_issuer_follow_the_server() {
    let idp = DevIdp::builder().build().unwrap();
    let server = serve(&idp).await;
    assert_eq!(idp.base_url(), server.url());
    assert!(idp.issuer().starts_with(&server.url()));
    let answer = exchange(server.local_addr(), &jwks(&idp, "localhost")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"alg\":\"RS256\""), "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_host_that_is_not_this_machine_is_refused() {
    let idp = DevIdp::builder().build().unwrap();
    let server = serve(&idp).await;
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
        let answer = exchange(server.local_addr(), &jwks(&idp, host)).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{host}: {answer}");
    }
    let absolute = jwks(&idp, "localhost").replace("GET /", "GET http://evil.example/");
    assert!(exchange(server.local_addr(), &absolute).await.starts_with("HTTP/1.1 421"));
    assert_eq!(idp.requests().len(), 0);
}

#[tokio::test]
async fn a_cut_is_a_cut() {
    let idp = DevIdp::builder().build().unwrap();
    let server = serve(&idp).await;
    idp.fault(Endpoint::Jwks, Fault::cut_connection());
    assert_eq!(exchange(server.local_addr(), &jwks(&idp, "localhost")).await, "");

    idp.fault(Endpoint::Jwks, Fault::cut_mid_body());
    let answer = exchange(server.local_addr(), &jwks(&idp, "localhost")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let promised: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert_eq!(body.len(), promised / 2);
    assert!(body.starts_with("{\"keys\""), "{body}");
}

#[tokio::test]
async fn a_server_that_was_shut_down_or_dropped_answers_no_more() {
    let idp = DevIdp::builder().build().unwrap();
    let server = serve(&idp).await;
    let address = server.local_addr();
    server.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn webhooks_are_posted_to_a_loopback_url() {
    let receiver = TcpListener::bind(ANYWHERE).await.unwrap();
    let url = format!("http://{}/hooks?x=1", receiver.local_addr().unwrap());
    let idp = DevIdp::builder().webhook_url(url).build().unwrap();
    idp.mint_session(MintSession::for_user("ada@example.com")).unwrap();
    let (mut stream, _) = receiver.accept().await.unwrap();
    let mut request = String::new();
    let mut chunk = [0; 4096];
    while !request.contains("session.created") {
        let read = stream.read(&mut chunk).await.unwrap();
        request.push_str(std::str::from_utf8(chunk.get(..read).unwrap()).unwrap());
    }
    assert!(request.starts_with("POST /hooks?x=1 HTTP/1.1\r\n"), "{request}");
    let webhook = idp.webhooks().remove(0);
    let signature = webhook.headers.get("workos-signature").unwrap().to_str().unwrap();
    assert!(request.contains(&format!("workos-signature: {signature}\r\n")));
}
