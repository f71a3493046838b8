//! `library FIXTURE PORT`: what the library costs on a given session, one JSON line per operation.
//!
//! FIXTURE is a folder with `meta.json` (`passwordHex`, `clientId`, `sub`, `sid`), `jwks.json`, `cookie.iron.txt`,
//! `header.iron.txt` (a whole Cookie header) and `session.camel.json`; PORT is a loopback server that answers
//! `/sso/jwks/<client>` and counts its requests at `/hits`. Every operation checks its own result before it is timed.

mod measure;

use measure::measure;
use sealkit::{
    Clock as _, CookieAction, KeyRing, Outcome, SystemClock, SystemRandom, cookie,
    format::iron,
    session::{Judgement, SessionReader},
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use std::fs;
use url::Url;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(fixture), Some(port)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: library FIXTURE PORT");
        std::process::exit(2);
    };
    let read = |file: &str| {
        fs::read_to_string(format!("{fixture}/{file}")).unwrap_or_else(|e| panic!("{file}: {e}"))
    };
    let meta: serde_json::Value = serde_json::from_str(&read("meta.json")).unwrap();
    let text = |member: &str| meta[member].as_str().unwrap();
    let (cookie, header, plain) =
        (read("cookie.iron.txt"), read("header.iron.txt"), read("session.camel.json"));
    let now = SystemClock.now();

    let ring = KeyRing::from_password(text("passwordHex")).unwrap();
    let foreign = KeyRing::from_password("another-password-of-at-least-32-characters").unwrap();
    let keys = KeySet::parse(read("jwks.json").as_bytes()).unwrap();
    let issuers = IssuerPolicy::derived(&Url::parse("https://api.workos.com").unwrap(), text("clientId"));
    let reader = SessionReader::new(ring.clone(), TokenPolicy::new(issuers.clone()));
    let stranger = SessionReader::new(foreign, TokenPolicy::new(issuers));

    let mut plaintext = Vec::with_capacity(cookie.len());
    iron::open(&cookie, &ring, now, &mut plaintext).unwrap();
    assert_eq!(plaintext, plain.as_bytes());
    measure("iron", "unseal", || iron::open(&cookie, &ring, now, &mut plaintext).is_ok());
    measure("iron", "seal", || iron::seal(plain.as_bytes(), &ring, None, &SystemRandom).unwrap());

    let authenticate = || {
        let value = cookie::candidates([header.as_str()], "wos-session").next().unwrap();
        match reader.judge(&value, &keys, now) {
            Judgement::Valid { session, .. } => session,
            other => panic!("{other:?}"),
        }
    };
    let session = authenticate();
    assert_eq!((session.user_id(), session.id()), (text("sub"), text("sid")));
    assert_eq!(session.user().unwrap().id(), Some(text("sub")));
    assert!(session.claims().permissions().len() == 10 && session.user().unwrap().metadata().len() == 3);
    measure("iron", "authenticate", || authenticate().user().and_then(|user| user.email().map(str::len)));
    assert!(matches!(stranger.judge(&cookie, &keys, now), Judgement::Rejected(_)));
    measure("iron", "refuse-foreign", || {
        matches!(stranger.judge(&cookie, &keys, now), Judgement::Rejected(_))
    });

    facade(&port, text("clientId"), text("passwordHex"), text("sub"), &cookie);
}

/// The whole library as an application calls it, and a thousand cold requests at once.
fn facade(port: &str, client_id: &str, password: &str, user_id: &str, cookie: &str) {
    let variable = |name: &str| {
        Some(match name {
            "WORKOS_API_KEY" => "sk_test_bench".to_owned(),
            "WORKOS_CLIENT_ID" => client_id.to_owned(),
            "WORKOS_COOKIE_PASSWORD" => password.to_owned(),
            "WORKOS_BASE_URL" => format!("http://127.0.0.1:{port}"),
            "WORKOS_ISSUER" => format!("https://api.workos.com/user_management/{client_id}"),
            _ => return None,
        })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let sealkit = sealkit::Sealkit::builder(sealkit::Config::from_env(variable).unwrap()).build().unwrap();
    let hits = || -> u64 { runtime.block_on(get(port, "/hits")).parse().unwrap() };

    let before = hits();
    runtime.block_on(async {
        let requests: Vec<_> = (0..1000)
            .map(|_| {
                let (sealkit, cookie) = (sealkit.clone(), cookie.to_owned());
                tokio::spawn(async move {
                    matches!(sealkit.authenticate(&cookie).await, Outcome::Authenticated { .. })
                })
            })
            .collect();
        for request in requests {
            assert!(request.await.unwrap());
        }
    });
    let fetches = hits() - before;
    println!(
        "{}",
        serde_json::json!({"peer": "sealkit", "version": env!("CARGO_PKG_VERSION"), "format": "iron", "lang": "rust",
            "op": "key-set-fetches-for-1000-cold-requests", "fetches": fetches})
    );

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    measure("iron", "authenticate(facade)", || {
        let outcome = runtime.block_on(sealkit.authenticate(cookie));
        assert_eq!(outcome.session().map(|session| session.user_id()), Some(user_id));
        assert_eq!(*outcome.cookie(), CookieAction::Keep);
    });
}

/// `GET path`, the body as text.
async fn get(port: &str, path: &str) -> String {
    let port = port.parse().unwrap();
    tokio::task::spawn_blocking({
        let path = path.to_owned();
        move || {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).unwrap();
            reply.split("\r\n\r\n").nth(1).unwrap_or_default().trim().to_owned()
        }
    })
    .await
    .unwrap()
}
