//! `library FIXTURE PORT`: what the library costs on a given session, one JSON line per operation.
//!
//! FIXTURE is a folder with `meta.json` (`passwordHex`, `fernetKey`, `clientId`, `sub`, `sid`), `jwks.json`, one session in
//! every format that is measured (`cookie.FORMAT.txt`, and in a whole Cookie header `header.FORMAT.txt`) with its payload
//! (`session.camel.json`, `session.snake.json`), and iron cookies of other sizes (`size.1k.iron.txt` to `size.16k.iron.txt`);
//! PORT is a loopback server that answers `/sso/jwks/<client>` and counts its requests at `/hits`. Every operation checks its
//! own result before it is timed.

mod measure;

use measure::measure;
use sealkit::{
    Clock as _, CookieAction, KeyRing, Outcome, SystemClock, SystemRandom, UnixMillis, cookie,
    format::{Format, detect},
    session::{Judgement, Session, SessionReader, payload_in},
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use std::fs;
use url::Url;

/// What is measured: its name in the fixture and in the lines, the format, the member of `meta.json` with its password, and
/// the payload that is in it.
const MEASURED: [(&str, Format, &str, &str); 4] = [
    ("iron", Format::Iron, "passwordHex", "session.camel.json"),
    ("fernet", Format::PythonFernet, "fernetKey", "session.snake.json"),
    ("gcm-rust", Format::RustGcm, "passwordHex", "session.snake.json"),
    ("gcm-ruby", Format::RubyV7, "passwordHex", "session.snake.json"),
];

/// Sizes of iron cookies in KB.
const SIZES: [&str; 6] = ["1", "2", "3", "4", "8", "16"];

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
    let now = SystemClock.now();
    let issuers = IssuerPolicy::derived(&Url::parse("https://api.workos.com").unwrap(), text("clientId"));
    let keys = KeySet::parse(read("jwks.json").as_bytes()).unwrap();

    for (name, format, password, payload) in MEASURED {
        let measured = Measured {
            name,
            format,
            cookie: read(&format!("cookie.{name}.txt")),
            header: read(&format!("header.{name}.txt")),
            payload: read(payload),
            ring: KeyRing::from_password(text(password)).unwrap(),
            now,
        };
        measured.container();
        measured.session(&keys, &issuers, (text("sub"), text("sid")));
    }
    let ring = KeyRing::from_password(text("passwordHex")).unwrap();
    for size in SIZES {
        let cookie = read(&format!("size.{size}k.iron.txt"));
        let mut plaintext = Vec::with_capacity(cookie.len());
        let mut open = || Format::Iron.open(&cookie, &ring, now, &mut plaintext).is_ok();
        assert!(open());
        measure("iron", &format!("unseal({size}k)"), open);
    }

    facade(&port, text("clientId"), text("passwordHex"), text("sub"), &read("cookie.iron.txt"));
}

/// One session in one format.
struct Measured {
    name: &'static str,
    format: Format,
    cookie: String,
    header: String,
    payload: String,
    ring: KeyRing,
    now: UnixMillis,
}

impl Measured {
    /// The container alone.
    fn container(&self) {
        let Self { name, format, cookie, payload, ring, now, .. } = self;
        let mut plaintext = Vec::with_capacity(cookie.len());
        format.open(cookie, ring, *now, &mut plaintext).unwrap();
        assert_eq!(plaintext, payload.as_bytes());
        measure(name, "unseal", || format.open(cookie, ring, *now, &mut plaintext).is_ok());
        let seal = || format.seal(payload.as_bytes(), ring, *now, &SystemRandom).unwrap();
        format.open(&seal(), ring, *now, &mut plaintext).unwrap();
        assert_eq!(plaintext, payload.as_bytes());
        measure(name, "seal", seal);
        assert!(detect(cookie).iter().any(|shape| shape == *format));
        measure(name, "detect", || detect(cookie));
    }

    /// From the header to the session, of one's own and of somebody else's password.
    fn session(&self, keys: &KeySet, issuers: &IssuerPolicy, (user_id, session_id): (&str, &str)) {
        let reader = |ring: KeyRing| SessionReader::new(ring, TokenPolicy::new(issuers.clone()));
        let own = reader(self.ring.clone());
        let authenticate = || -> Session {
            let value = cookie::candidates([self.header.as_str()], "wos-session").next().unwrap();
            match own.judge(&value, keys, self.now) {
                Judgement::Valid { session, .. } => session,
                other => panic!("{other:?}"),
            }
        };
        let session = authenticate();
        assert_eq!((session.user_id(), session.id()), (user_id, session_id));
        assert_eq!((session.user().unwrap().id(), session.seal().format), (Some(user_id), self.format));
        assert!(session.claims().permissions().len() == 10 && session.user().unwrap().metadata().len() == 3);
        measure(self.name, "authenticate", || {
            authenticate().user().and_then(|user| user.email().map(str::len))
        });

        let (unsealed, _) = own.unseal(&self.cookie, self.now).unwrap();
        let other = if self.format == Format::Iron { Format::PythonFernet } else { Format::Iron };
        assert_ne!(*payload_in(&unsealed, other).payload, self.payload);
        measure(self.name, "convert", || payload_in(&unsealed, other).payload);

        // Of every shape, so that no candidate is passed over for want of a key.
        let foreign = KeyRing::builder()
            .password("hexadecimal", "0123456789abcdef".repeat(4).as_str())
            .password("base64", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        for (operation, ring) in [
            ("refuse-foreign", KeyRing::from_password(self.stranger()).unwrap()),
            ("refuse-foreign(2 passwords)", foreign.build().unwrap()),
        ] {
            let stranger = reader(ring);
            let refuse = || matches!(stranger.judge(&self.cookie, keys, self.now), Judgement::Rejected(_));
            assert!(refuse());
            measure(self.name, operation, refuse);
        }
    }

    /// Somebody else's password, of the same shape.
    const fn stranger(&self) -> &'static str {
        match self.format {
            Format::PythonFernet => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            _ => "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        }
    }
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
