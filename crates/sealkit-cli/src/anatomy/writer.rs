//! Who wrote a payload: SDK and version range, as far as members and their order tell. A hint for people.
//!
//! Versions are those in which a member came, from the SDKs' sources; what an SDK passes through as it is tells nothing.

use sealkit::format::Format;
use serde_json::{Map, Value};

/// A payload's members, their names in order.
#[derive(Debug)]
pub(super) struct Payload<'a> {
    pub(super) names: Vec<&'a str>,
    pub(super) members: &'a Map<String, Value>,
    /// The seal has an end of its own.
    pub(super) ends: bool,
}

impl Payload<'_> {
    fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    fn user(&self) -> Option<&Map<String, Value>> {
        self.members.get("user")?.as_object()
    }

    fn user_has(&self, name: &str) -> bool {
        self.user().is_some_and(|user| user.contains_key(name))
    }

    fn only(&self, known: &[&str]) -> bool {
        self.names.iter().all(|name| known.contains(name))
    }
}

/// Who wrote it; `None` where the format says all there is to say.
pub(super) fn of(format: Format, payload: &Payload<'_>) -> Option<String> {
    Some(match format {
        Format::Iron => return javascript(payload),
        Format::RrCookie if payload.has("headers") => {
            beneath("the callback route of authkit-react-router or authkit-remix", payload)
        }
        Format::RrCookie => beneath("authkit-react-router or authkit-remix", payload),
        Format::PythonFernet => python(payload).to_owned(),
        Format::RubyV6 => ruby(payload).to_owned(),
        Format::GoGcm | Format::RustGcm => go_or_rust(format, payload).to_owned(),
        Format::DotnetGcm if payload.only(&["access_token", "refresh_token"]) => {
            "workos.net 3.0 and later, SealSessionFromAuthResponse".to_owned()
        }
        Format::DotnetGcm => {
            "workos.net 3.0 and later, SealData with members of the application's choice".to_owned()
        }
        _ => return None,
    })
}

/// Node writes what the API answers in its own order; the framework libraries begin with the tokens.
fn javascript(payload: &Payload<'_>) -> Option<String> {
    if payload.names.first() != Some(&"accessToken") {
        return node(payload);
    }
    Some(if payload.has("authenticationMethod") {
        beneath("authkit-nextjs 4.0.1 and later", payload)
    } else {
        beneath("authkit-session or authkit-nextjs", payload)
    })
}

fn beneath(library: &str, payload: &Payload<'_>) -> String {
    match node(payload) {
        Some(node) => format!("{library}, on {node}"),
        None => library.to_owned(),
    }
}

/// The range of `@workos-inc/node` that makes such a session; none made one whose members contradict each other.
fn node(payload: &Payload<'_>) -> Option<String> {
    let since: [(bool, (u32, u32)); 7] = [
        (payload.user_has("name"), (10, 1)),
        (payload.has("authenticationMethod"), (7, 78)),
        (payload.user_has("locale"), (7, 71)),
        (payload.user_has("metadata"), (7, 43)),
        (payload.user_has("externalId"), (7, 40)),
        (payload.user_has("lastSignInAt"), (7, 39)),
        (payload.has("organizationId"), (7, 22)),
    ];
    let (major, minor) = since.into_iter().find(|(found, _)| *found).map_or((7, 15), |(_, version)| version);
    // These are written with null or {} where the API sends nothing, so that their absence tells, too.
    let lacks = |name: &str| payload.user().is_some() && !payload.user_has(name);
    let before: [(bool, (u32, u32)); 4] = [
        // 7.35.1 wrote the first seal without an end.
        (payload.ends, (7, 36)),
        (lacks("externalId"), (7, 40)),
        (lacks("metadata"), (7, 43)),
        (lacks("name"), (10, 1)),
    ];
    let range = format!("@workos-inc/node {major}.{minor} and later");
    match before.into_iter().find(|(found, _)| *found) {
        None => Some(range),
        Some((_, end)) if end <= (major, minor) => None,
        Some((_, (major, minor))) => Some(format!("{range}, before {major}.{minor}")),
    }
}

fn ruby(payload: &Payload<'_>) -> &'static str {
    if ["external_id", "locale", "last_sign_in_at"].iter().any(|name| payload.user_has(name)) {
        "workos (Ruby) after 5.10, up to 6.x"
    } else {
        "workos (Ruby) 5.7 to 6.x, with the user members of 5.10"
    }
}

/// Version 5 seals the whole answer of the API, later ones four members.
fn python(payload: &Payload<'_>) -> &'static str {
    if !payload.only(&["access_token", "refresh_token", "user", "impersonator"]) {
        "workos (PyPI) 5.10 to 5.x, the API's answer as it came"
    } else if payload.user_has("name") {
        "workos (PyPI) 6.0 and later (its `to_dict()` has `name` since after 6.0.8)"
    } else {
        "workos (PyPI) 6.0 and later"
    }
}

fn go_or_rust(format: Format, payload: &Payload<'_>) -> &'static str {
    let has_null = payload.user().is_some_and(|user| user.values().any(Value::is_null));
    let empty = payload.user().and_then(|user| user.get("metadata")).and_then(Value::as_object);
    if format == Format::GoGcm {
        "workos-go 7.0 and later, with a passphrase"
    } else if has_null {
        "workos-go 7.0 and later, which writes members that are null"
    } else if empty.is_some_and(Map::is_empty) {
        "the crate workos 3.x, which writes metadata that is empty"
    } else {
        "the crate workos 3.x or workos-go 7.0 and later"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn writer(format: Format, names: &[&str], payload: &Value, ends: bool) -> String {
        let members = payload.as_object().unwrap();
        of(format, &Payload { names: names.to_vec(), members, ends }).unwrap()
    }

    #[test]
    fn the_range_of_node_follows_from_members_that_are_there_and_not() {
        let user = json!({"id": "u", "externalId": null, "metadata": {}});
        let payload = json!({"organizationId": "o", "user": user, "accessToken": "a"});
        let node = |payload: &Value, ends| writer(Format::Iron, &["organizationId"], payload, ends);
        assert_eq!(node(&payload, false), "@workos-inc/node 7.43 and later, before 10.1");
        let payload = json!({"organizationId": "o", "user": {"id": "u"}, "accessToken": "a"});
        assert_eq!(node(&payload, false), "@workos-inc/node 7.22 and later, before 7.40");
        assert_eq!(node(&payload, true), "@workos-inc/node 7.22 and later, before 7.36");
        let payload = json!({"user": {"id": "u"}, "accessToken": "a"});
        assert_eq!(node(&payload, false), "@workos-inc/node 7.15 and later, before 7.40");
        let members = json!({"user": {"metadata": {}}});
        let contradicts = Payload { names: vec!["user"], members: members.as_object().unwrap(), ends: false };
        assert_eq!(of(Format::Iron, &contradicts), None, "metadata came after externalId");
    }

    #[test]
    fn tokens_first_are_a_framework_librarys() {
        let user = json!({"name": null, "externalId": null, "metadata": {}});
        let mut payload = json!({"accessToken": "a", "user": user});
        let of = |payload: &Value| writer(Format::Iron, &["accessToken"], payload, false);
        assert_eq!(of(&payload), "authkit-session or authkit-nextjs, on @workos-inc/node 10.1 and later");
        payload["authenticationMethod"] = json!("SSO");
        assert_eq!(of(&payload), "authkit-nextjs 4.0.1 and later, on @workos-inc/node 10.1 and later");
    }

    #[test]
    fn a_raw_answer_is_pythons_version_5() {
        let payload = json!({"access_token": "a", "organization_id": null});
        let of = |names: &[&str]| writer(Format::PythonFernet, names, &payload, false);
        assert!(of(&["access_token", "organization_id"]).contains("5.10 to 5.x"));
        assert_eq!(of(&["access_token"]), "workos (PyPI) 6.0 and later");
    }

    #[test]
    fn members_that_are_null_are_gos() {
        let of = |user: Value| writer(Format::RustGcm, &["user"], &json!({ "user": user }), false);
        assert!(of(json!({"last_name": null})).starts_with("workos-go"));
        assert!(of(json!({"metadata": {}})).starts_with("the crate workos 3.x, which"));
        assert_eq!(of(json!({})), "the crate workos 3.x or workos-go 7.0 and later");
    }
}
