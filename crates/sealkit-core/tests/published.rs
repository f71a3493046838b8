//! Test cases that other projects publish, read from beside the repository (`../shared/published`, with their sources and
//! licences in its README).
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use base64_simd::URL_SAFE_NO_PAD;
use sealkit_core::{
    EncodingPolicy, KeyRing, Reason, SystemRandom, UnixMillis,
    cookie::{CookieSettings, Presence, values},
    format::{Format, FormatSet, Wire, iron},
    session::{Judgement, SessionReader},
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::Path,
};

const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);

/// A file of the folder; `None` skips the test, which is an error with `SEALKIT_REQUIRE_PEERS=1`.
fn published(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/published").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(!must_not_skip(), "{} not found, and SEALKIT_REQUIRE_PEERS is set", path.display());
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let note = format!("skipped: {test}: {} not found\n", path.display());
        // The harness captures what the macros print.
        drop(io::stderr().write_all(note.as_bytes()));
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "tests ask whether the machine may skip them")]
fn must_not_skip() -> bool {
    std::env::var("SEALKIT_REQUIRE_PEERS").is_ok_and(|value| !value.is_empty() && value != "0")
}

fn reader() -> SessionReader {
    let ring = KeyRing::from_password("a-cookie-password-of-the-tests-0123456789").unwrap();
    SessionReader::new(ring, TokenPolicy::new(IssuerPolicy::Any))
        .with_encoding(EncodingPolicy::default().with_read(FormatSet::all()))
}

/// How far a token gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It is not a JWT that the verifier takes.
    Structure,
    Algorithm,
    Key,
    Signature,
    /// The signature holds; what was signed is not a session.
    Claims,
    Authenticated,
}

struct Verifier {
    reader: SessionReader,
    keys: KeySet,
}

impl Verifier {
    fn rejection(&self, token: &str) -> Option<Reason> {
        let payload = json!({ "accessToken": token, "refreshToken": "r", "user": { "id": "user_1" } });
        match self.reader.judge(&payload.to_string(), &self.keys, NOW) {
            Judgement::Valid { .. } | Judgement::Expired(_) => None,
            Judgement::UnknownKey { .. } => Some(Reason::UnknownSigningKey),
            Judgement::Rejected(failure) => Some(failure.reason()),
            other => panic!("{other:?}"),
        }
    }

    fn stage(&self, token: &str) -> Stage {
        match self.rejection(token) {
            None => Stage::Authenticated,
            Some(Reason::InvalidJwtAlgorithm) => Stage::Algorithm,
            Some(Reason::UnknownSigningKey) => Stage::Key,
            Some(Reason::InvalidJwtSignature) => Stage::Signature,
            // One reason before the signature and after it. A changed signature tells which.
            Some(_) if self.rejection(&changed(token)) == Some(Reason::InvalidJwtSignature) => Stage::Claims,
            Some(_) => Stage::Structure,
        }
    }
}

/// The token with one character of its signature changed.
fn changed(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let mut signature: Vec<char> = signature.chars().collect();
    let middle = signature.len() / 2;
    if let Some(character) = signature.get_mut(middle) {
        *character = if *character == 'A' { 'B' } else { 'A' };
    }
    format!("{signed}.{}", signature.into_iter().collect::<String>())
}

/// `alg` of the header; empty if the header is not base64url of JSON.
fn algorithm(token: &str) -> String {
    let header = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode_to_vec(header).unwrap_or_default();
    let header: Value = serde_json::from_slice(&header).unwrap_or_default();
    header["alg"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn wycheproof_tokens_get_as_far_as_they_may() {
    let Some(file) = published("wycheproof_jws.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    let mut seen: BTreeMap<(bool, Stage), usize> = BTreeMap::new();
    let mut weak_but_signed = Vec::new();
    for case in cases {
        let name = format!("{} {}", case["file"].as_str().unwrap(), case["tc"]);
        let (token, valid) = (case["jws"].as_str().unwrap(), case["result"] == "valid");
        let keys = KeySet::parse(case["jwks"].to_string().as_bytes()).unwrap();
        let verifier = Verifier { reader: reader(), keys };
        let stage = verifier.stage(token);
        *seen.entry((valid, stage)).or_default() += 1;
        match (valid, algorithm(token).as_str()) {
            (false, _) if stage == Stage::Claims => weak_but_signed.push(name),
            (false, _) => assert!(stage <= Stage::Signature, "{name}: {stage:?}"),
            (true, "RS256") => {
                assert_eq!(stage, Stage::Claims, "{name}");
                assert_eq!(verifier.rejection(&changed(token)), Some(Reason::InvalidJwtSignature), "{name}");
            }
            (true, "") => {
                assert_eq!(name, "json_web_signature_test.json 372", "its header is not base64url");
                assert_eq!(verifier.rejection(token), Some(Reason::InvalidJwt));
            }
            (true, _) => assert_eq!(stage, Stage::Algorithm, "{name}"),
        }
    }
    // Both are signed well by a key of the weak ROCA kind, which the Node SDK's library accepts, too.
    assert_eq!(weak_but_signed, ["json_web_crypto_test.json 46", "json_web_key_test.json 7"]);
    let all = |valid: bool| seen.iter().filter(|((own, _), _)| *own == valid).map(|(_, count)| count).sum();
    assert_eq!((all(true), all(false)), (57_usize, 447_usize), "{seen:?}");
}

/// The lines of a browser's jar, each with a session before and behind it, in one line and in a line of its own.
#[test]
fn session_beside_any_browser_line_is_found() {
    let Some(file) = published("http_state_cookie_lines.json") else { return };
    let reader = reader();
    let sealed = iron::seal(br#"{"accessToken":"a.b.c"}"#, reader.ring(), None, &SystemRandom).unwrap();
    let settings = CookieSettings::builder().build().unwrap();
    let [cookie] = &settings.writes(&sealed, Wire::Token, Presence::default()).unwrap()[..] else {
        panic!("one cookie")
    };
    let session = format!("{}={}", cookie.name(), cookie.encoded_value()).into_bytes();
    let (mut requests, mut lost) = (0, Vec::new());
    for (name, line) in file.as_object().unwrap() {
        // A character stands for a byte.
        let line: Vec<u8> = line.as_str().unwrap().chars().map(|byte| u8::try_from(byte).unwrap()).collect();
        for lines in [
            vec![[&session[..], b"; ", &line].concat()],
            vec![[&line[..], b"; ", &session].concat()],
            vec![session.clone(), line.clone()],
            vec![line.clone(), session.clone()],
        ] {
            requests += 1;
            let mut found = values(lines.iter().map(Vec::as_slice), cookie.name(), usize::MAX);
            let opened = found.next().map(|value| reader.unseal(&value, NOW).map(|(_, seal)| seal.format));
            if opened != Some(Ok(Format::Iron)) || found.next().is_some() {
                lost.push(name);
            }
        }
    }
    assert_eq!((requests, lost.len()), (540, 0), "{lost:?}");
}
