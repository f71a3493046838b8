//! Every diagnosis of `inspect`: given where it belongs, and its nearest wrong neighbour not given.

mod containers;
mod notes;
mod passwords;
mod texts;
mod tokens;
mod writers;

use crate::common::{PASSWORD, Ran, Sealkit, in_parallel, sealkit, vectors};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs};

/// A moment at which the tokens of the public vectors are judged.
const NOW: &str = "2026-01-01T00:00:00Z";

/// Later than every seal of the vectors.
const LATER: &str = "2027-01-01T00:00:00Z";

const CLIENT_ID: &str = "client_01FAKEPUBLICCLIENT00000000";

/// A password that sealed nothing.
const ANOTHER: &str = "another-cookie-password-for-tests-0123456789";

/// A call, the diagnosis that it must give, and those that it must not.
struct Case {
    code: &'static str,
    not: &'static [&'static str],
    call: Sealkit,
}

const fn case(code: &'static str, not: &'static [&'static str], call: Sealkit) -> Case {
    Case { code, not, call }
}

/// `sealkit inspect --json` at [`NOW`].
fn inspect() -> Sealkit {
    sealkit(["inspect", "--json", "--now", NOW])
}

/// The same with the vectors' usual password.
fn with_password() -> Sealkit {
    inspect().password(PASSWORD)
}

/// The same with the vectors' keys and issuers.
fn with_keys() -> Sealkit {
    let keys = format!("{}/../../vectors/jwks.json", env!("CARGO_MANIFEST_DIR"));
    with_password().arg("--jwks", keys).env("WORKOS_CLIENT_ID", CLIENT_ID)
}

fn vector(set: &str, id: &str) -> Value {
    let found = vectors(set).into_iter().find(|vector| vector["id"] == id);
    found.unwrap_or_else(|| panic!("no vector {id}"))
}

/// The cookie of a vector.
fn cookie(set: &str, id: &str) -> String {
    vector(set, id)["cookie_value"].as_str().unwrap().to_owned()
}

/// A vector's cookie with the vector's password, at the vector's time.
fn of_vector(set: &str, id: &str) -> Sealkit {
    let vector = vector(set, id);
    let millis = vector["now_ms"].as_u64().unwrap_or(1_796_600_000_000);
    sealkit(["inspect", "--json"])
        .arg("--now", format!("{}.{:03}", millis / 1000, millis % 1000))
        .password(vector["password"].as_str().unwrap_or(PASSWORD))
        .input(cookie(set, id))
}

/// An iron cookie that works.
fn good() -> String {
    cookie("jwt", "jwt-valid")
}

/// Seals with the command.
fn sealed(format: &str, password: &str, payload: &Value) -> String {
    sealed_with(&["--format", format], password, payload)
}

fn sealed_with(flags: &[&str], password: &str, payload: &Value) -> String {
    let call = sealkit(["seal", "--json", "--now", NOW].iter().chain(flags).copied());
    let ran = call.password(password).input(payload.to_string()).run();
    assert_eq!(ran.code, 0, "{ran}");
    ran.json()["cookie"].as_str().unwrap().to_owned()
}

/// A token that nobody signed, valid otherwise, with these claims over the usual ones.
fn token(claims: &Value) -> String {
    let mut all = json!({
        "iss": "https://api.workos.com", "sub": "user_1", "sid": "session_1", "exp": 1_767_229_200,
        "auth_time": 1_767_225_600,
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let header = json!({"alg": "RS256", "kid": "key_1"}).to_string();
    [header, all.to_string(), "signature".to_owned()].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// A session in camel case, with these members over the usual ones.
fn session(members: &Value) -> Value {
    let mut all = json!({"accessToken": token(&json!({})), "refreshToken": "r", "user": {"id": "user_1"}});
    for (name, value) in members.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// The same as the other SDKs name its members.
fn snake() -> Value {
    json!({"access_token": token(&json!({})), "refresh_token": "r", "user": {"id": "user_1"}})
}

fn codes(ran: &Ran) -> Vec<String> {
    let answer = ran.json();
    let diagnoses = answer["diagnoses"].as_array().unwrap_or_else(|| panic!("no diagnoses: {ran}"));
    diagnoses.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

/// Code and weight of every diagnosis, from the page that the binary prints.
fn table() -> Vec<(String, String)> {
    let page = sealkit(["inspect", "--codes"]).run().stdout;
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
    })
    .collect()
}

fn all_cases() -> Vec<Case> {
    [texts::cases(), containers::cases(), passwords::cases(), tokens::cases(), notes::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Given only where audiences are configured, which the command has no setting for: judged by a unit test.
const NOT_ON_THE_COMMAND_LINE: &str = "token_audience";

#[test]
fn every_diagnosis_is_given_and_its_nearest_wrong_neighbour_is_not() {
    let table = table();
    let weight = |code: &str| {
        let row = table.iter().find(|(known, _)| known == code);
        row.unwrap_or_else(|| panic!("{code} is no code")).1.clone()
    };
    let failures = std::sync::Mutex::new(Vec::new());
    in_parallel(&all_cases(), |Case { code, not, call }| {
        let ran = call.clone().run();
        let found = codes(&ran);
        let has = |code: &str| found.iter().any(|found| found == code);
        // A note stands beside a verdict; everything else is the verdict.
        let (given, exit) = match &*weight(code) {
            "note" => (has(code), ran.code),
            "answer" => (found.first().is_some_and(|first| first == code), 0),
            _ => (found.first().is_some_and(|first| first == code), 1),
        };
        let wrong: Vec<_> = not.iter().filter(|code| has(code) || weight(code).is_empty()).collect();
        if !given || !wrong.is_empty() || ran.code != exit || not.is_empty() {
            failures.lock().unwrap().push(format!("{code}: gave {found:?}, must not give {wrong:?}: {ran}"));
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_code_has_a_case_and_there_are_many() {
    let known: BTreeSet<String> = table().into_iter().map(|(code, _)| code).collect();
    let mut judged: BTreeSet<String> = all_cases().iter().map(|case| case.code.to_owned()).collect();
    judged.insert(NOT_ON_THE_COMMAND_LINE.to_owned());
    assert_eq!(known, judged);
    assert!(known.len() >= 80, "{}", known.len());
}

#[test]
fn the_page_of_diagnoses_is_what_the_command_prints() {
    let path = format!("{}/../../docs/diagnoses.md", env!("CARGO_MANIFEST_DIR"));
    let file = fs::read_to_string(path).unwrap();
    let page = sealkit(["inspect", "--codes"]).run().stdout;
    assert!(file == page, "run: sealkit inspect --codes > docs/diagnoses.md");
}

#[test]
fn the_verdict_is_the_first_diagnosis_and_no_case_shows_a_secret() {
    in_parallel(&all_cases(), |Case { code, call, .. }| {
        let ran = call.clone().run();
        let answer = ran.json();
        assert_eq!(answer["verdict"]["summary"], answer["diagnoses"][0]["says"], "{code}");
        let shown = ran.to_string();
        for secret in [PASSWORD, ANOTHER, "fake_refresh_public", "sk_test_derived"] {
            assert!(!shown.contains(secret), "{code} shows {secret}: {shown}");
        }
    });
}
