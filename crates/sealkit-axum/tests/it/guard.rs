//! Event streams and WebSockets end with their session: a server on loopback, and clients that speak to it over TCP.
//!
//! Time is paused, so that timers go off as soon as nobody has anything to do; the sessions' clock is moved by hand.

use crate::world::{ADA, Kind, World, request, send};
use axum::{
    Router,
    extract::ws::{Message, WebSocketUpgrade},
    response::sse::{Event, Sse},
    routing::get,
};
use futures_util::{SinkExt as _, StreamExt as _, stream};
use http::{StatusCode, header};
use sealkit::{SessionEnd, revocation::Denial};
use sealkit_axum::{Session, SessionEnded, SessionGuard, SessionHandle};
use std::{convert::Infallible, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self,
        client::IntoClientRequest as _,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// An application with everything that outlives a request, served.
struct House {
    world: World,
    app: Router,
    address: SocketAddr,
    cookie: String,
    /// Makes the handler of `/push` send.
    push: tokio::sync::watch::Sender<u32>,
    /// What handlers found at the end.
    told: mpsc::UnboundedReceiver<String>,
}

async fn house() -> House {
    let world = World::new();
    let (tell, told) = mpsc::unbounded_channel::<String>();
    let push = tokio::sync::watch::Sender::new(0);
    let echo = {
        let tell = tell.clone();
        move |guard: SessionGuard, upgrade: WebSocketUpgrade| async move {
            upgrade.on_upgrade(async move |socket| {
                let mut socket = guard.socket(socket);
                while let Some(Ok(message)) = socket.recv().await {
                    if socket.send(message).await.is_err() {
                        break;
                    }
                }
                let end = socket.session_end().map_or("hung up", SessionEnd::as_str);
                tell.send(end.to_owned()).unwrap();
            })
        }
    };
    // Only sends, and only when it is told to.
    let pushing = {
        let (tell, mut pushes) = (tell.clone(), push.subscribe());
        move |handle: SessionHandle, upgrade: WebSocketUpgrade| async move {
            let guard = handle.guard().await.unwrap();
            upgrade.on_upgrade(async move |socket| {
                let mut socket = guard.socket(socket);
                while pushes.changed().await.is_ok() {
                    let number = *pushes.borrow_and_update();
                    if let Err(error) = socket.send(Message::text(number.to_string())).await {
                        let shown = error.to_string();
                        let ended = error.into_inner().downcast::<SessionEnded>().unwrap();
                        tell.send(format!("{shown}/{}", ended.end())).unwrap();
                        break;
                    }
                }
            })
        }
    };
    // Two halves in two tasks; the writing one is the last that touches the socket.
    let split = {
        let tell = tell.clone();
        move |guard: SessionGuard, upgrade: WebSocketUpgrade| async move {
            upgrade.on_upgrade(async move |socket| {
                let (mut writer, mut reader) = guard.socket(socket).split();
                let reading = tokio::spawn(async move {
                    let mut received = 0;
                    while let Some(Ok(_)) = reader.next().await {
                        received += 1;
                    }
                    received
                });
                tokio::task::yield_now().await;
                writer.send(Message::text("hello")).await.unwrap();
                tell.send(format!("received {}", reading.await.unwrap())).unwrap();
            })
        }
    };
    let events = |guard: SessionGuard| async move {
        let hello =
            stream::iter([Ok::<_, Infallible>(Event::default().data("hello"))]).chain(stream::pending());
        Sse::new(guard.end(hello).with_last(|end| Ok(Event::default().event("over").data(end.public_str()))))
    };
    let app = Router::new()
        .route("/echo", get(echo))
        .route("/push", get(pushing))
        .route("/split", get(split))
        .route("/events", get(events))
        .route("/page", get(|session: Session| async move { session.user_id().to_owned() }))
        .route("/leave", get(|handle: SessionHandle| async move { drop(handle.sign_out().await) }))
        .layer(world.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app.clone()).into_future());
    let cookie = world.cookie();
    House { world, app, address, cookie, push, told }
}

type Client = WebSocketStream<TcpStream>;

impl House {
    async fn connect(&self, path: &str) -> Client {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        request.headers_mut().insert(header::COOKIE, self.cookie.parse().unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        client_async(request, stream).await.unwrap().0
    }

    /// An event stream whose first event has come.
    async fn listen(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "GET /events HTTP/1.1\r\nhost: localhost:3000\r\nconnection: close\r\naccept: text/event-stream\r\ncookie: {}\r\n\r\n",
            self.cookie
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let begun = read_until(&mut stream, "data: hello\n\n").await;
        assert!(begun.starts_with("HTTP/1.1 200") && !begun.contains("event: over"), "{begun}");
        stream
    }

    /// Another request of the same browser.
    async fn go(&mut self, path: &str) -> StatusCode {
        let reply = send(&self.app, request(Kind::Fetch, path, Some(&self.cookie))).await;
        if let Some(line) = reply.session_lines().first() {
            self.cookie = line.split(';').next().unwrap().to_owned();
        }
        reply.status
    }

    async fn session_id(&self) -> String {
        let value = self.cookie.strip_prefix("wos-session=").unwrap();
        let sealed = sealkit::cookie::decode_value(value).unwrap().into_owned();
        self.world.sealkit.authenticate(&sealed).await.session().unwrap().id().to_owned()
    }

    /// Lets every guard look at the clock.
    async fn wake_the_guards(&self) {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(61)).await;
        }
    }
}

/// Reads until this has come; everything so far.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let (mut read, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        let length = stream.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8(read.clone()).unwrap();
        assert!(length > 0 || text.contains(end), "the stream ended without {end:?}: {text:?}");
        if text.contains(end) {
            return text;
        }
    }
}

/// What comes until the server hangs up, after a whole body.
async fn last_event(stream: &mut TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    rest
}

async fn echoed(client: &mut Client, text: &str) {
    client.send(text.into()).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap().to_text().unwrap(), text);
}

/// The close frame, after which nothing comes.
async fn closed(client: &mut Client) -> CloseFrame {
    let tungstenite::Message::Close(Some(frame)) = client.next().await.unwrap().unwrap() else {
        panic!("no close frame");
    };
    assert!(!matches!(client.next().await, Some(Ok(_))));
    assert_eq!(frame.code, CloseCode::Policy);
    frame
}

#[tokio::test(start_paused = true)]
async fn whatever_ends_the_session_closes_its_sockets_and_streams() {
    for (how, reason) in [
        ("sign-out", "revoked"),
        ("revocation", "revoked"),
        ("change of the user", "revoked"),
        ("expiry", "expired"),
    ] {
        let mut house = house().await;
        let (mut socket, mut events) = (house.connect("/echo").await, house.listen().await);
        echoed(&mut socket, "one").await;
        let list = house.world.sealkit.deny_list().clone();
        list.deny(Denial::session("session_of_somebody_else")).await;
        echoed(&mut socket, "two").await;
        match how {
            "sign-out" => assert_eq!(house.go("/leave").await, 200),
            "revocation" => list.deny(Denial::session(house.session_id().await)).await,
            "change of the user" => {
                let user =
                    house.world.idp.users().iter().find(|user| user.email() == ADA).unwrap().id().to_owned();
                house.world.idp.advance(Duration::from_secs(1));
                list.deny(Denial::user(user, house.world.sealkit.clock().now())).await;
            }
            _ => house.world.idp.advance(Duration::from_secs(300)),
        }
        assert_eq!(closed(&mut socket).await.reason.as_str(), format!("session ended: {reason}"), "{how}");
        let over = last_event(&mut events).await;
        assert!(over.contains(&format!("event: over\ndata: {reason}\n\n")), "{how}: {over}");
        let told = house.told.recv().await.unwrap();
        let expected = if how == "change of the user" { "overruled" } else { reason };
        assert_eq!(told, expected, "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_by_an_ordinary_request_keeps_them_open() {
    let mut house = house().await;
    let (mut socket, mut events) = (house.connect("/echo").await, house.listen().await);
    for round in 1..=3 {
        house.world.idp.advance(Duration::from_secs(270));
        let old = house.cookie.clone();
        assert_eq!(house.go("/page").await, 200);
        assert_ne!(house.cookie, old, "it was refreshed");
        // The token before is over, and the guards know.
        house.world.idp.advance(Duration::from_secs(60));
        house.wake_the_guards().await;
        echoed(&mut socket, "still here").await;
        assert_eq!(house.world.grants(), round);
    }
    // They were open until now, or they would say "expired".
    assert_eq!(house.go("/leave").await, 200);
    assert_eq!(closed(&mut socket).await.reason.as_str(), "session ended: revoked");
    assert!(last_event(&mut events).await.contains("data: revoked"));
}

#[tokio::test(start_paused = true)]
async fn two_halves_in_two_tasks_both_learn_of_the_end() {
    let mut house = house().await;
    let mut socket = house.connect("/split").await;
    assert_eq!(socket.next().await.unwrap().unwrap().to_text().unwrap(), "hello");
    // Nothing comes that would wake the reader but the end.
    house.go("/leave").await;
    assert_eq!(closed(&mut socket).await.reason.as_str(), "session ended: revoked");
    assert_eq!(house.told.recv().await.unwrap(), "received 0");
}

#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_is_sent_any_more() {
    let mut house = house().await;
    let mut socket = house.connect("/push").await;
    house.push.send_replace(1);
    assert_eq!(socket.next().await.unwrap().unwrap().to_text().unwrap(), "1");
    house.go("/leave").await;
    house.push.send_replace(2);
    assert_eq!(closed(&mut socket).await.reason.as_str(), "session ended: revoked");
    assert_eq!(house.told.recv().await.unwrap(), "session ended: revoked/revoked");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_say_goodbye_holds_nothing_up() {
    let mut house = house().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let request = format!(
        "GET /echo HTTP/1.1\r\nhost: localhost:3000\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ncookie: {}\r\n\r\n",
        house.cookie
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    house.go("/leave").await;
    assert_eq!(house.told.recv().await.unwrap(), "revoked");
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_first_is_let_go() {
    let mut house = house().await;
    let mut socket = house.connect("/echo").await;
    socket.close(None).await.unwrap();
    assert_eq!(house.told.recv().await.unwrap(), "hung up");
}

#[tokio::test(start_paused = true)]
async fn without_a_session_there_is_no_guard() {
    let house = house().await;
    for (path, kind) in [("/echo", Kind::WebSocket), ("/events", Kind::EventStream)] {
        let reply = send(&house.app, request(kind, path, None)).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["error"]),
            (401, &"unauthenticated".into()),
            "{path}"
        );
    }
}
