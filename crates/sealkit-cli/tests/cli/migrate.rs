//! `sealkit migrate --plan` from outside: the order, and settings that a configuration takes.
use crate::common::{Ran, sealkit};
use sealkit::{Config, format::Format};
use serde_json::Value;
use std::collections::HashMap;

fn plan(arguments: &[&str]) -> Ran {
    let fixed = ["migrate", "--plan", "--now", "2026-01-01T00:00:00Z"];
    let ran = sealkit(fixed.iter().chain(arguments).copied()).run();
    assert_eq!(ran.code, 0, "{ran}");
    ran
}

fn steps(plan: &Value) -> Vec<&str> {
    plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect()
}

/// What a step tells a service.
fn action<'p>(plan: &'p Value, step: &str, service: &str) -> &'p Value {
    let steps = plan["steps"].as_array().unwrap();
    let step = steps.iter().find(|one| one["id"] == step).unwrap();
    step["actions"].as_array().unwrap().iter().find(|action| action["service"] == service).unwrap()
}

fn settings(action: &Value) -> HashMap<String, String> {
    let lines = action["settings"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    lines
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.contains(' '))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn readers_come_before_writers_and_the_old_goes_last() {
    let ran = plan(&[
        "--json",
        "--service",
        "web=next",
        "--service",
        "api=sealkit",
        "--reader",
        "jobs=python",
        "--to",
        "python-fernet",
    ]);
    let plan = ran.json();
    assert_eq!(steps(&plan), ["passwords", "readers", "writers", "wait", "drop"]);
    assert!(action(&plan, "readers", "web")["what"].as_str().unwrap().contains("sealkit must stand between"));
    assert!(action(&plan, "readers", "jobs")["what"].as_str().unwrap().contains("by itself"));
    assert!(action(&plan, "writers", "web")["what"].as_str().unwrap().contains("must not set the cookie"));
    let (readers, writers) =
        (settings(action(&plan, "readers", "api")), settings(action(&plan, "writers", "api")));
    assert_eq!(readers["SEALKIT_FORMATS_READ"], "iron,python-fernet");
    assert_eq!(
        (&*readers["SEALKIT_FORMAT_WRITE"], &*writers["SEALKIT_FORMAT_WRITE"]),
        ("iron", "python-fernet")
    );
    assert_eq!(settings(action(&plan, "drop", "api"))["SEALKIT_FORMATS_READ"], "python-fernet");
    let today = plan["today"][0].as_str().unwrap();
    assert!(today.contains("jobs") && today.contains("reject it (`invalid_session_cookie`)"), "{plan}");
    let lost: Vec<&str> =
        plan["losses"].as_array().unwrap().iter().map(|loss| loss["member"].as_str().unwrap()).collect();
    assert_eq!(lost, ["organization_id", "authentication_method", "oauth_tokens"]);
}

/// What an SDK does with a cookie that it cannot read is not the same for all.
#[test]
fn unreadable_cookie_is_told_by_what_its_reader_does() {
    let arguments = ["--service", "web=next", "--service", "app=kotlin", "--service", "rr=react-router"];
    let plan = plan(&[&["--json"], &arguments[..], &["--to", "iron"]].concat()).json();
    let today: Vec<&str> =
        plan["today"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    let of = |name: &str, format: &str| {
        let start = format!("{name} (");
        let cannot = format!("cannot read {format},");
        let found = today.iter().find(|note| note.starts_with(&start) && note.contains(&cannot));
        found.unwrap_or_else(|| panic!("{name}, {format}: {today:#?}"))
    };
    assert!(of("app", "iron").contains("answer 500 to every request of that browser, sign-out included"));
    assert!(of("app", "rr-cookie").contains("reject it"));
    assert!(of("web", "rr-cookie").contains("take the user for a stranger"));
    assert!(of("rr", "kotlin-iron").contains("take the user for a stranger"));
    let what = action(&plan, "readers", "app")["what"].as_str().unwrap();
    assert!(what.contains("once iron is written, such readers throw"), "{what}");
}

#[test]
fn every_setting_of_every_plan_is_one_that_sealkit_takes() {
    let passwords = format!("base64={}=\nhex={}\nbytes={}", "A".repeat(43), "ab".repeat(32), "x".repeat(32));
    for from in Format::ALL {
        for to in Format::ALL.iter().filter(|to| *to != from) {
            let service = format!("app=sealkit:{from}");
            // One call in three is enough to see every format on either side several times.
            if (from.id().len() + to.id().len()) % 3 != 0 {
                continue;
            }
            let plan =
                plan(&["--json", "--service", &service, "--reader", "jobs=sealkit", "--to", to.id()]).json();
            for step in ["readers", "writers", "drop"] {
                for service in
                    ["app", "jobs"].iter().filter(|service| step != "writers" || **service == "app")
                {
                    let mut settings = settings(action(&plan, step, service));
                    assert!(
                        settings.contains_key("SEALKIT_FORMAT_WRITE"),
                        "{from} to {to}, {step}: {settings:?}"
                    );
                    settings.insert("WORKOS_CLIENT_ID".into(), "client_1".into());
                    settings.insert("SEALKIT_COOKIE_PASSWORDS".into(), passwords.clone());
                    let config = Config::from_env(|name| settings.get(name).cloned());
                    assert!(config.is_ok(), "{from} to {to}, {step} of {service}: {config:?}");
                }
            }
        }
    }
}

#[test]
fn unsealed_cookies_get_an_end_and_are_never_sealed_as_they_are() {
    let arguments = ["--service", "app=sealkit:b64url-json", "--to", "sealed", "--max-age", "30d"];
    let ran = plan(&[&["--json"], &arguments[..]].concat());
    let writer = action(&ran.json(), "writers", "app").clone();
    assert_eq!(settings(&writer)["SEALKIT_UNSEALED_UNTIL"], "2026-01-31T00:00:00Z");
    assert!(
        writer.to_string().contains("WORKOS_SESSION_ENCODING_READ=both WORKOS_SESSION_ENCODING_WRITE=sealed")
    );
    let text = plan(&arguments).stdout;
    assert!(text.contains("never sealed as they are") && !text.contains("sealkit convert"), "{text}");
    assert!(text.contains("Drop b64url-json"), "{text}");
    let open = plan(&["--service", "app=sealkit", "--to", "unsealed"]).stdout;
    assert!(open.contains("is not sealed: whoever holds the cookie reads both tokens"), "{open}");
}

#[test]
fn passwords_of_different_shapes_are_told_as_a_conflict() {
    let text =
        plan(&["--service", "a=rust", "--service", "b=sealkit:rust-gcm", "--to", "python-fernet"]).stdout;
    assert!(text.contains("no one password fits all"), "{text}");
    let text = plan(&["--service", "a=next", "--service", "b=sealkit", "--to", "php-secretbox"]).stdout;
    assert!(text.contains("one password fits all of iron, php-secretbox"), "{text}");
}

#[test]
fn nothing_to_do_is_said_and_nonsense_refused() {
    let nothing =
        plan(&["--json", "--service", "web=next", "--service", "api=sealkit", "--to", "iron"]).json();
    assert_eq!(steps(&nothing), Vec::<&str>::new());
    assert!(nothing["notes"][0].as_str().unwrap().contains("nothing to migrate"));
    for (arguments, message) in [
        (&["--service", "web=next", "--to", "iron"][..], "--plan"),
        (&["--plan", "--to", "iron"], "no service given"),
        (&["--plan", "--service", "web=perl", "--to", "iron"], "no such SDK; known: next"),
        (&["--plan", "--service", "web=python:iron", "--to", "iron"], "does not write"),
        (&["--plan", "--service", "web=next", "--to", "x"], "no such format"),
        (&["--plan", "--service", "web=next", "--to", "iron", "--max-age", "x"], "400d"),
    ] {
        let ran = sealkit(["migrate"].iter().chain(arguments).copied()).run();
        assert_eq!(ran.code, 2, "{ran}");
        assert!(ran.stderr.contains(message), "{message}: {ran}");
    }
}
