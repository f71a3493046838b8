//! What may be seen: structure always, people's data on request, secrets never.

use serde_json::{Map, Value, json};

/// Claims that AuthKit itself writes and that name no person.
const OPEN_CLAIMS: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "sid",
    "jti",
    "org_id",
    "role",
    "roles",
    "permissions",
    "entitlements",
    "feature_flags",
    "client_id",
    "azp",
    "scope",
];

/// Members of a user that name no person.
const OPEN_USER: [&str; 11] = [
    "object",
    "id",
    "locale",
    "emailVerified",
    "email_verified",
    "createdAt",
    "created_at",
    "updatedAt",
    "updated_at",
    "lastSignInAt",
    "last_sign_in_at",
];

/// Members of the payload that may be shown.
const OPEN_SESSION: [&str; 4] =
    ["organizationId", "organization_id", "authenticationMethod", "authentication_method"];

/// Members that are secrets, wherever they stand in a session.
const SECRETS: [&str; 5] = ["accessToken", "access_token", "refreshToken", "refresh_token", "codeVerifier"];

/// A member of the payload.
pub(super) fn member(name: &str, value: &Value, reveal: bool) -> Value {
    match (name, value) {
        (name, value) if SECRETS.contains(&name) => secret(value),
        (_, Value::Null) => Value::Null,
        ("user", Value::Object(user)) => object(user, &OPEN_USER, reveal),
        ("oauthTokens" | "oauth_tokens", Value::Object(tokens)) => {
            object(tokens, &["provider", "scopes", "expiresAt", "expires_at"], reveal)
        }
        (name, value) if OPEN_SESSION.contains(&name) => value.clone(),
        (_, value) => person(value, reveal),
    }
}

/// The claims of a token.
pub(super) fn claims(claims: &Map<String, Value>, reveal: bool) -> Value {
    object(claims, &OPEN_CLAIMS, reveal)
}

fn object(members: &Map<String, Value>, open: &[&str], reveal: bool) -> Value {
    members
        .iter()
        .map(|(name, value)| {
            let shown = match value {
                value if SECRETS.contains(&name.as_str()) => secret(value),
                Value::Bool(_) | Value::Number(_) | Value::Null => value.clone(),
                value if open.contains(&name.as_str()) => value.clone(),
                value => person(value, reveal),
            };
            (name.clone(), shown)
        })
        .collect()
}

/// What may tell who somebody is.
fn person(value: &Value, reveal: bool) -> Value {
    if reveal {
        return without_secrets(value);
    }
    match value {
        Value::String(text) => match text.split_once('@') {
            Some((local, domain)) if !domain.contains('@') && !domain.is_empty() => {
                let first: String = local.chars().take(1).collect();
                json!(format!("{first}…@{domain}"))
            }
            _ => json!(format!("[{} characters]", text.chars().count())),
        },
        Value::Array(items) => json!(format!("[{} items]", items.len())),
        Value::Object(members) => json!(format!("[{} members]", members.len())),
        other => other.clone(),
    }
}

fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(members) => object(members, &[], true),
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        other => other.clone(),
    }
}

fn secret(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => json!(""),
        Value::String(text) => json!(format!("[secret, {} characters]", text.chars().count())),
        Value::Null => Value::Null,
        _ => json!("[secret]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload() -> Value {
        json!({
            "accessToken": "aaa.bbb.ccc",
            "refreshToken": "rt_secret",
            "organizationId": "org_1",
            "user": {"id": "user_1", "email": "ada@example.test", "firstName": "Ada", "emailVerified": true,
                     "metadata": {"favourite": "tea", "refresh_token": "rt_inner"}},
            "oauthTokens": {"provider": "GoogleOAuth", "accessToken": "ya29.secret", "refreshToken": "1//secret"},
            "note": "private"
        })
    }

    fn shown(reveal: bool) -> Value {
        payload()
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), member(name, value, reveal)))
            .collect()
    }

    #[test]
    fn people_are_hidden_by_default_and_secrets_always() {
        insta::assert_json_snapshot!(shown(false), @r#"
        {
          "accessToken": "[secret, 11 characters]",
          "refreshToken": "[secret, 9 characters]",
          "organizationId": "org_1",
          "user": {
            "id": "user_1",
            "email": "a…@example.test",
            "firstName": "[3 characters]",
            "emailVerified": true,
            "metadata": "[2 members]"
          },
          "oauthTokens": {
            "provider": "GoogleOAuth",
            "accessToken": "[secret, 11 characters]",
            "refreshToken": "[secret, 9 characters]"
          },
          "note": "[7 characters]"
        }
        "#);
        let revealed = shown(true).to_string();
        assert!(revealed.contains("ada@example.test") && revealed.contains("tea"), "{revealed}");
        for secret in ["rt_secret", "rt_inner", "ya29", "1//", "aaa.bbb"] {
            assert!(!revealed.contains(secret), "{secret}: {revealed}");
        }
    }
}
