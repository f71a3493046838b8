//! One visitor with one jar, between an axum application and a peer.

use crate::{
    jar::{Answer, Jar},
    readers::WireForm,
    world::{App, EMAIL, FIRST_NAME, Members, World},
};
use serde_json::{Value, json};

/// The whole visit: axum signs in, the peer sets a session of its own, both refresh, axum signs out. After each step the other one
/// reads the cookie. `peer` is the URL of the peer's routes. `None` skips the test.
pub(crate) async fn share(
    world: &World,
    app: &App,
    peer: &str,
    members: Members,
    wire: WireForm,
) -> Option<()> {
    let visit = Visit { jar: Jar::new()?, app, peer, wire };
    visit.begun_by_axum(world).await;
    visit.signed_out().await;
    visit.begun_by_the_peer(world, members).await;
    Some(())
}

/// A session that fills one cookie when nothing is escaped: the peer cannot read pieces.
pub(crate) async fn share_a_large_one(world: &World, app: &App, peer: &str, wire: WireForm) -> Option<()> {
    let visit = Visit { jar: Jar::new()?, app, peer, wire };
    visit.sign_in(world).await;
    let room = WANTED - visit.session_cookie().len();
    // Base64 makes four characters of three bytes.
    world.grow(room * 3 / 4);
    for (service, path) in
        [(app.url.as_str(), "/refresh"), (peer, "/who"), (peer, "/refresh"), (&app.url, "/who")]
    {
        visit.reads(service, path).await;
        let length = visit.session_cookie().len();
        assert!((3_600..=4_080).contains(&length), "{visit}: {length}");
    }
    Some(())
}

/// The length from which escapes would split the value.
const WANTED: usize = 3_900;

struct Visit<'a> {
    jar: Jar,
    app: &'a App,
    peer: &'a str,
    wire: WireForm,
}

impl std::fmt::Display for Visit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {} with {}", self.app.format, self.app.url, self.peer)
    }
}

impl Visit<'_> {
    async fn begun_by_axum(&self, world: &World) {
        let signed_in = self.sign_in(world).await;
        let read = self.reads(self.peer, "/who").await;
        assert_eq!(read, signed_in, "{self}: the peer reads what the sign-in wrote");

        let refreshed = self.reads(&self.app.url, "/refresh").await;
        assert_ne!(refreshed["access_token"], signed_in["access_token"], "{self}");
        let read = self.reads(self.peer, "/who").await;
        assert_eq!(read, refreshed, "{self}: the peer reads what the refresh wrote");

        let refreshed = self.reads(self.peer, "/refresh").await;
        assert_ne!(refreshed["access_token"], read["access_token"], "{self}");
        let read = self.reads(&self.app.url, "/who").await;
        assert_eq!(read, refreshed, "{self}: axum reads what the peer's refresh wrote");
        let refreshed = self.reads(&self.app.url, "/refresh").await;
        let read = self.reads(self.peer, "/who").await;
        assert_eq!(read, refreshed, "{self}: the peer reads what was its own");
        assert_eq!(read["session_id"], signed_in["session_id"], "{self}");
    }

    async fn signed_out(&self) {
        let gone = self.jar.post(&format!("{}/logout", self.app.url), &json!({})).await;
        assert!((200..400).contains(&gone.status) && gone.sets, "{self}: {gone:?}");
        let nobody = self.jar.get(&format!("{}/who", self.peer)).await;
        assert_eq!(nobody.status, 401, "{self}: {nobody:?}");
        assert_eq!(self.jar.cookies(), [], "{self}");
    }

    /// The peer's own seal around an expired token: axum reads and refreshes it at once.
    async fn begun_by_the_peer(&self, world: &World, members: Members) {
        let (minted, payload) = world.expired_session(members);
        let set = self.jar.post(&format!("{}/set", self.peer), &payload).await;
        assert_eq!((set.status, set.sets), (200, true), "{self}: {set:?}");
        let answer = self.jar.get(&format!("{}/who", self.app.url)).await;
        assert!(answer.sets, "{self}: {answer:?}");
        let refreshed = self.session_in(answer);
        assert_eq!(refreshed["session_id"], minted.session_id.as_str(), "{self}");
        assert_ne!(refreshed["access_token"], minted.access_token.as_str(), "{self}");
        let read = self.reads(self.peer, "/who").await;
        assert_eq!(read, refreshed, "{self}: the peer reads its session after our refresh");
    }

    async fn sign_in(&self, world: &World) -> Value {
        let answer = self.jar.sign_in(world, self.app).await;
        let session = self.session_in(answer);
        self.wire.assert(&self.session_cookie(), &self.to_string());
        session
    }

    /// The session that the service reads. It sets a cookie if, and only if, it is asked to refresh.
    async fn reads(&self, service: &str, path: &str) -> Value {
        let answer = self.jar.get(&format!("{service}{path}")).await;
        let by_axum = service == self.app.url;
        assert_eq!(answer.sets, path == "/refresh", "{self}: {service}{path}: {answer:?}");
        if by_axum && answer.sets {
            self.wire.assert(&self.session_cookie(), &self.to_string());
        }
        self.session_in(answer)
    }

    fn session_in(&self, answer: Answer) -> Value {
        let Answer { status, body: Value::Object(mut session), .. } = answer else {
            panic!("{self}: {answer:?}")
        };
        assert_eq!(status, 200, "{self}: {session:?}");
        assert_eq!(session["email"], EMAIL, "{self}");
        assert_eq!(session["first_name"], FIRST_NAME, "{self}");
        // The order is each peer's own. Whether it refreshed is asserted by the cookie.
        session.shift_remove("refreshed");
        session.sort_keys();
        Value::Object(session)
    }

    /// The one cookie of the session, as it is on the wire.
    fn session_cookie(&self) -> String {
        let cookies = self.jar.cookies();
        let [(name, value)] = &cookies[..] else { panic!("{self}: {cookies:?}") };
        assert_eq!(name, "wos-session", "{self}");
        value.clone()
    }
}
