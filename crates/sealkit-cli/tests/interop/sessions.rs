//! Passwords and sessions that the formats have in common.

use sealkit::{Clock as _, KeyRing, SystemClock, UnixMillis};
use serde_json::{Map, Value, json};

/// ASCII of the shortest length, hex, base64, spaces and punctuation, two bytes a character, two UTF-16 units a character.
pub(crate) fn passwords() -> Vec<String> {
    vec![
        "0123456789abcdefghijklmnopqrstuv".to_owned(),
        "8f".repeat(32),
        "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80=".to_owned(),
        "correct horse; battery \"staple\" *~2 100% \\".to_owned(),
        "ß".repeat(32),
        "🔑".repeat(16),
    ]
}

pub(crate) fn password() -> String {
    passwords().swap_remove(0)
}

pub(crate) fn ring(password: &str) -> KeyRing {
    KeyRing::from_password(password).unwrap()
}

pub(crate) fn now() -> UnixMillis {
    SystemClock.now()
}

/// A token of the shape that the SDKs look into when they seal; nobody verifies it here.
pub(crate) fn access_token(organization_id: Option<&str>) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims = json!({ "sub": "user_1", "sid": "session_1", "org_id": organization_id });
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(json!({ "alg": "RS256", "kid": "key_1" })), part(claims))
}

/// Every character that ever broke a cookie, and keys that look like members.
fn difficult_metadata() -> Value {
    json!({
        "favorite_color": "1", "favoriteColor": "2", "FAVORITE_COLOR": "3", "favorite-color": "4",
        "access_token": "not a token", "accessToken": "neither", "user": "x", "impersonator": "y",
        "constructor": "c", "": "empty", "ключ": "значение",
    })
}

fn long_metadata() -> Value {
    (0..50).map(|n| (format!("key_{n}"), Value::from("ñ".repeat(100)))).collect::<Map<_, _>>().into()
}

const DIFFICULT_NAME: &str = "李 🧑‍🚀 \u{0} \u{1f} \u{2028} \u{feff} % %zz %3B + ~2 * \\ </script>";

/// Sessions in camelCase, each with the members in the order in which the Node SDK writes them.
pub(crate) fn camel_sessions() -> Vec<Value> {
    let session = |user: Value, more: Value| {
        let mut session = json!({
            "organizationId": "org_1",
            "user": user,
            "accessToken": access_token(Some("org_1")),
            "refreshToken": "refresh_token+/=;,\"\\",
            "authenticationMethod": "Password",
        });
        session.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        session
    };
    let plain =
        json!({ "object": "user", "id": "user_1", "email": "ada@example.com", "emailVerified": true });
    vec![
        session(plain, json!({})),
        session(
            json!({
                "id": "user_1",
                "firstName": "Zoë \"Z\" O'Brien; Path=/",
                "lastName": DIFFICULT_NAME,
                "profilePictureUrl": null,
                "lastSignInAt": "2026-01-01T00:00:00.000Z",
                "locale": "",
            }),
            json!({ "impersonator": { "email": "support@example.com", "reason": null } }),
        ),
        session(
            json!({
                "id": "user_1",
                "externalId": null,
                "metadata": difficult_metadata(),
                "madeUpLater": { "deep_er": [1, -2.5, true, null, { "camelCase": [] }] },
            }),
            json!({ "impersonator": { "email": "a@example.com", "reason": "", "extra_member": { "inOrder": 1 } } }),
        ),
        // Too large for one cookie, not for the reader.
        session(json!({ "id": "user_1", "metadata": long_metadata() }), json!({})),
    ]
}
