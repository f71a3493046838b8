//! A session as JSON, for a page's script.

use sealkit::Session;
use serde_json::{Value, json};

/// What a page may know of its session: user, organization, roles, when it ends. No tokens.
///
/// ```json
/// {"user": {"id": "user_…", "email": "…", …}, "session_id": "session_…", "organization_id": "org_…" | null,
///  "role": "admin" | null, "roles": [], "permissions": [], "entitlements": [], "feature_flags": [],
///  "impersonator": {"email": "…", "reason": "…" | null} | null,
///  "expires_at": 1750000000, "authentication_method": "Password" | null}
/// ```
///
/// `expires_at` is in seconds since 1970: the end of the access token, which a refresh puts off. Without a stored user, `user`
/// holds the id that the token proves.
#[must_use]
pub fn session_json(session: &Session) -> Value {
    let claims = session.claims();
    let user = match session.user() {
        Some(user) => serde_json::to_value(user).unwrap_or_default(),
        None => json!({ "object": "user", "id": session.user_id() }),
    };
    json!({
        "user": user,
        "session_id": session.id(),
        "organization_id": session.organization_id(),
        "role": claims.role(),
        "roles": claims.roles().collect::<Vec<_>>(),
        "permissions": claims.permissions().collect::<Vec<_>>(),
        "entitlements": claims.entitlements().collect::<Vec<_>>(),
        "feature_flags": claims.feature_flags().collect::<Vec<_>>(),
        "impersonator": session.impersonator().map(|by| json!({ "email": by.email, "reason": by.reason })),
        "expires_at": session.expires_at().as_secs(),
        "authentication_method": session.authentication_method(),
    })
}
