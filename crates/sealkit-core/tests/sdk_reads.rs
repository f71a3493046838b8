//! The loss report, judged by what seven real SDKs do with 244 payloads (`vectors/sdk_reads.json`): row by row, each SDK against
//! the format that it reads.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use sealkit_core::{
    UnsealedSession,
    format::Format,
    session::{Effect, Loss, payload_in},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// The measured SDKs, their formats, and the names by which losses name them.
const SDKS: [(&str, Format, &str); 7] = [
    ("node 11.0.0", Format::Iron, "node"),
    ("authkit-session 0.7.1", Format::Iron, "authkit-session"),
    ("python 10.8.0", Format::PythonFernet, "python"),
    ("python 8.0.0", Format::PythonFernet, "python"),
    ("kotlin 7.2.0", Format::KotlinIron, "kotlin"),
    ("go 10.1.1", Format::GoGcm, "go"),
    ("rust 3.5.0", Format::RustGcm, "rust"),
];

/// Their refreshes were measured, and differ by the payload.
const REFRESHES: [&str; 3] = ["node 11.0.0", "authkit-session 0.7.1", "python 10.8.0"];

fn file() -> Value {
    let path = format!("{}/../../vectors/sdk_reads.json", env!("CARGO_MANIFEST_DIR"));
    // One SDK saw an address that no Rust string can hold.
    let text = fs::read_to_string(path).unwrap().replace(r"a\udc00b", "a\u{fffd}b");
    serde_json::from_str(&text).unwrap()
}

/// The JSON text of a member's value in this case.
fn value(case: &Value) -> Option<String> {
    if let Some(repeat) = case.get("repeat") {
        let text = |name: &str| repeat.get(name).and_then(Value::as_str).unwrap_or_default();
        let times = usize::try_from(repeat["times"].as_u64().unwrap()).unwrap();
        return Some([text("before"), &text("text").repeat(times), text("after")].concat());
    }
    let text = case.get("text").map(|text| text.as_str().unwrap().to_owned());
    text.or_else(|| case.get("value").map(Value::to_string))
}

/// `object` with the member at `path` as the case has it, as JSON text: members in order, and one that stands twice is written
/// twice.
fn with(object: &Value, path: &[&str], case: &Value) -> String {
    let [name, rest @ ..] = path else { return object.to_string() };
    let again = case.get("again").is_some();
    let mut members: Vec<(String, String)> =
        object.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let at = members.iter().position(|(own, _)| own == name);
    let new = if rest.is_empty() { value(case) } else { Some(with(&object[*name], rest, case)) };
    match (at, new) {
        (Some(at), Some(new)) if !again || !rest.is_empty() => members[at].1 = new,
        (_, Some(new)) => members.push(((*name).to_owned(), new)),
        (Some(at), None) => drop(members.remove(at)),
        (None, None) => {}
    }
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

fn payload(file: &Value, case: &Value) -> String {
    let path = case["path"].as_str().unwrap();
    let mut base = file["base"].clone();
    if path.starts_with("impersonator.") {
        base["impersonator"] = file["impersonator"].clone();
    }
    let path: Vec<&str> = match path {
        "" => Vec::new(),
        // A name may be empty, and none has a dot.
        path => path.split('.').collect(),
    };
    with(&base, &path, case)
}

fn list(of: Option<&Value>) -> BTreeSet<String> {
    of.and_then(Value::as_array).into_iter().flatten().map(|path| path.as_str().unwrap().to_owned()).collect()
}

/// What the report says that the SDK does not do, or the way in which it is wrong.
fn judge(losses: &[&Loss], row: &Value, base: &Value, measures_refresh: bool) -> Result<(), String> {
    let of = |effects: &[Effect]| -> BTreeSet<String> {
        losses.iter().filter(|loss| effects.contains(&loss.effect)).map(|loss| loss.member.clone()).collect()
    };
    let opens = row["reads"] == "ok" || row["opens"] == true;
    let needed = of(&[Effect::Needed]);
    if opens != needed.is_empty() {
        return Err(format!("opens: {opens}, told needed: {needed:?}"));
    }
    let dropped = of(&[Effect::NotKept, Effect::NullLeftOut, Effect::Collides]);
    if opens && row["drops"].is_array() && dropped != list(row.get("drops")) {
        return Err(format!("drops {}, told {dropped:?}", row["drops"]));
    }
    let changed = of(&[Effect::Changed]);
    let changes: BTreeSet<String> =
        list(row.get("changes")).union(&list(base.get("changes"))).cloned().collect();
    if opens && row["drops"].is_array() && !changed.is_subset(&changes) {
        return Err(format!("changes {changes:?}, told {changed:?}"));
    }
    let not_refreshed = of(&[Effect::NotRefreshed]);
    if opens && measures_refresh && row.get("refresh").is_some() == not_refreshed.is_empty() {
        return Err(format!("refresh: {:?}, told {not_refreshed:?}", row.get("refresh")));
    }
    Ok(())
}

#[test]
fn report_agrees_with_every_sdk() {
    let file = file();
    let cases = file["cases"].as_array().unwrap();
    let case = |id: &str| cases.iter().find(|case| case["id"] == id).unwrap();
    let mut wrong = Vec::new();
    let mut pairs = 0;
    for row in cases {
        let text = payload(&file, row);
        let session = UnsealedSession::parse_as(text.clone().into_bytes(), Format::PythonFernet);
        for (sdk, format, name) in SDKS {
            pairs += 1;
            let is_typed = [Format::GoGcm, Format::RustGcm, Format::KotlinIron].contains(&format);
            // The writer changes this value, and the changed one counts.
            let counts = match row["id"].as_str().unwrap() {
                "user.metadata=empty_array" if is_typed => case("user.metadata=empty_object"),
                "user.object=absent" | "user.object=null" if format == Format::RustGcm => case("base"),
                _ => row,
            };
            let said = &counts["sdks"][sdk];
            let outcome = match &session {
                // What is not converted is right where the SDK has no session of it either.
                Err(_) if said["reads"] == "ok" => Err("not converted".to_owned()),
                Err(_) => Ok(()),
                // A member that stands twice is written once: nothing that the crate refuses is left of it.
                Ok(_) if format == Format::RustGcm && row.get("again").is_some() => Ok(()),
                Ok(session) => {
                    let losses = payload_in(session, format).losses;
                    let of_it: Vec<&Loss> =
                        losses.iter().filter(|loss| loss.sdk.is_none_or(|sdk| sdk == name)).collect();
                    judge(&of_it, said, &case("base")["sdks"][sdk], REFRESHES.contains(&sdk))
                }
            };
            if let Err(why) = outcome {
                wrong.push(format!("{} {sdk}: {why}", row["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {pairs} pairs are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(pairs, 244 * 7);
}

/// A session with these members at the top, before and after the base's, and in its user.
fn told(format: Format, more: &str, in_user: &str) -> Vec<String> {
    let text = format!(
        r#"{{"access_token":"a.b.c","refresh_token":"r","user":{{"object":"user","id":"u","email":"e","email_verified":true,
        "created_at":"2024-01-01T00:00:00Z","updated_at":"2024-01-01T00:00:00Z"{in_user}}}{more}}}"#
    );
    let session = UnsealedSession::parse_as(text.into_bytes(), Format::PythonFernet).unwrap();
    payload_in(&session, format).losses.iter().map(ToString::to_string).collect()
}

/// What no row has, by the same rules.
#[test]
fn rules_hold_beyond_the_rows() {
    let needed = "missing or of another type, so that the SDK does not open the session";
    let starts = |losses: &[String], start: &str| losses.iter().any(|loss| loss.starts_with(start));
    let go = |more: &str, in_user: &str| told(Format::GoGcm, more, in_user);
    assert!(go("", "").is_empty());
    assert_eq!(go(r#","User":"pro""#, ""), [format!("User: {needed}; it takes it for user")]);
    assert_eq!(
        go(r#","ACCESS_TOKEN":"x""#, ""),
        [format!("ACCESS_TOKEN: {needed}; it takes it for access_token")]
    );
    // The same token under both names is the same session.
    assert!(!starts(&go(r#","ACCESS_TOKEN":"a.b.c""#, ""), &format!("ACCESS_TOKEN: {needed}")));
    assert!(!starts(&go(r#","ACCESS_TOKEN":null"#, ""), &format!("ACCESS_TOKEN: {needed}")));
    assert!(starts(
        &go(r#","USER":{"metadata":{"n":1}}"#, ""),
        &format!("USER.metadata: {needed}; it takes it for user.metadata")
    ));
    assert!(starts(&go("", r#","name":"Ada","NAME":null"#), "user.name: the SDK does not keep it"));
    assert!(starts(&go("", r#","Metadata":{"plan":"pro"}"#), "user.metadata: the SDK reads it as another"));
    assert!(go("", r#","name":"Ada""#).iter().all(|loss| loss.ends_with("(workos-go 7.0 to 9.1)")));

    let kotlin = |more: &str, in_user: &str| told(Format::KotlinIron, more, in_user);
    assert!(kotlin("", "").is_empty());
    for (in_user, opens) in [
        (r#","last_sign_in_at":"2024-02-29T00:00:00+0530""#, true),
        (r#","last_sign_in_at":"2023-02-29T00:00:00Z""#, false),
        (r#","metadata":{"a":1,"b":null,"c":true}"#, true),
        (r#","metadata":{"a":{}}"#, false),
        (r#","metadata":"""#, false),
        (r#","metadata":[]"#, true),
        (r#","locale":[]"#, false),
        (r#","locale":7"#, true),
    ] {
        let refuses = kotlin("", in_user).iter().any(|loss| loss.contains(needed));
        assert_ne!(refuses, opens, "{in_user}");
    }

    // Of an impersonator nothing is changed, so that a member that stands twice is still there twice.
    let twice = r#","impersonator":{"email":"a","email":"b"}"#;
    assert_eq!(told(Format::RustGcm, twice, ""), [format!("impersonator.email: {needed}")]);
    assert!(kotlin(twice, "").is_empty());
    assert_eq!(
        told(Format::RustGcm, "", r#","metadata":{"\ud83d":"x"}"#),
        [format!("user.metadata: {needed}")]
    );

    let iron = told(Format::Iron, r#","organization_id":"org_1","plan":1"#, "");
    assert_eq!(
        iron,
        [
            "plan: the SDK does not keep it when it re-seals the session",
            "organization_id: the SDK does not keep it when it re-seals the session (authkit-session)"
        ]
    );
}
