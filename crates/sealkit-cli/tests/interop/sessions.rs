//! Passwords and sessions that the formats have in common, and sealkit as the other side of each library.

use sealkit::{
    Clock as _, Detail, KeyRing, SystemClock, SystemRandom, UnixMillis, UnsealedSession, format::Format,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

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

/// What sealkit writes.
pub(crate) fn seal(format: Format, payload: &str, password: &str) -> String {
    let plaintext = format.wrap(payload, now(), Duration::ZERO);
    format.seal(plaintext.as_bytes(), &ring(password), now(), &SystemRandom).unwrap()
}

/// What sealkit reads.
pub(crate) fn open(format: Format, sealed: &str, password: &str) -> Result<UnsealedSession, Detail> {
    let mut plaintext = Vec::new();
    format.open(sealed, &ring(password), now(), &mut plaintext)?;
    UnsealedSession::read(plaintext, format)
}

pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
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

/// Sessions in snake_case with everything that an SDK with a fixed `user` asks for.
pub(crate) fn snake_sessions() -> Vec<Value> {
    let session = |user: Value, more: Value| {
        let mut whole = json!({
            "object": "user", "id": "user_1", "email": "ada@example.com", "email_verified": true,
            "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-02T03:04:05.678Z",
        });
        whole.as_object_mut().unwrap().extend(user.as_object().unwrap().clone());
        let mut session = json!({
            "access_token": access_token(Some("org_1")),
            "refresh_token": "refresh_token+/=;,\"\\",
            "user": whole,
        });
        session.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        session
    };
    vec![
        session(json!({}), json!({ "organization_id": "org_1", "authentication_method": "Password" })),
        session(
            json!({
                "first_name": "Zoë \"Z\" O'Brien; Path=/", "last_name": DIFFICULT_NAME, "name": null,
                "profile_picture_url": "https://example.com/a.png?a=1&b=<2>", "locale": "",
            }),
            json!({ "impersonator": { "email": "support@example.com", "reason": null } }),
        ),
        session(
            json!({ "external_id": "crm-7", "metadata": difficult_metadata(), "made_up_later": [1, -2.5, null, {}] }),
            json!({
                "impersonator": { "email": "a@example.com", "reason": "ticket; \"7\"" },
                "made_up_later": { "deepEr": "1" },
            }),
        ),
        session(json!({ "metadata": long_metadata() }), json!({ "organization_id": null })),
    ]
}
