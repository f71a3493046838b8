//! The real SDKs, unchanged, against the development provider, and their session cookies passed to and fro with sealkit.

mod authkit;
mod node;
mod node_sign_in;
mod python;
mod rust;

use crate::support::{self, peer::Peer};
use sealkit::{Config, CookieAction, RefreshOptions, Sealkit};
use sealkit_devidp::{DevIdp, Endpoint, Membership, MintedSession, Organization, Server, User};
use serde_json::{Value, json};
use url::Url;

const NODE: [&str; 3] = ["@workos-inc/node", "workos-node-11", "workos-node-8"];
const AUTHKIT_SESSION: &str = "@workos/authkit-session";
const REDIRECT_URI: &str = "http://localhost:3000/callback";
/// Base64 of 32 bytes: what every SDK takes.
const COOKIE_PASSWORD: &str = "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80=";

/// A provider on loopback with people to sign in, and a sealkit that trusts it as an application would.
struct World {
    idp: DevIdp,
    server: Server,
    sealkit: Sealkit,
}

impl World {
    async fn new() -> Self {
        let engines = Organization::new("org_engines", "Engines");
        let navy = Organization::new("org_navy", "Navy");
        let zoe = User::new("zoe@example.com")
            .with_name("Zoë \"Z\"; Path=/", "O'Brien 🧑‍🚀")
            .with_password("correct horse")
            .with_external_id("crm-7")
            .with_locale("fr-CA")
            .with_profile_picture_url("https://example.com/zoe.png?a=1&b=2")
            .with_metadata("favorite_color", "snake")
            .with_metadata("favoriteColor", "camel")
            .with_membership(
                Membership::new(&engines)
                    .with_roles(["admin", "member"])
                    .with_permissions(["engines:read", "engines:write"])
                    .with_entitlements(["audit-logs"])
                    .with_feature_flags(["difference-engine"]),
            )
            .with_membership(Membership::new(&navy).with_roles(["member"]));
        let alone = User::new("alone@example.com").with_password("password 2");
        let newcomer = User::new("newcomer@example.com").with_password("password 3").with_unverified_email();
        let idp = DevIdp::builder().users([zoe, alone, newcomer]).auto_approve(true).build().unwrap();
        let server = idp.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let config = Config::builder()
            .client_id(idp.client_id())
            .api_key(idp.api_key())
            .api_base(server.url())
            .cookie_password(COOKIE_PASSWORD)
            .redirect_uri(REDIRECT_URI)
            .build()
            .unwrap();
        Self { sealkit: Sealkit::builder(config).build().unwrap(), idp, server }
    }

    async fn node(&self, library: &str) -> Option<Peer> {
        self.connected(Peer::node("sdk.mjs", library)?).await
    }

    async fn authkit(&self) -> Option<Peer> {
        self.connected(Peer::node("authkit.mjs", AUTHKIT_SESSION)?).await
    }

    async fn connected(&self, mut peer: Peer) -> Option<Peer> {
        let address = self.server.local_addr();
        let settings = json!({
            "apiKey": self.idp.api_key().expose_secret(), "clientId": self.idp.client_id(), "port": address.port(),
            "issuer": self.idp.issuer(), "password": COOKIE_PASSWORD, "redirectUri": REDIRECT_URI,
        });
        peer.ask("connect", settings).await;
        Some(peer)
    }

    async fn python(&self) -> Option<Peer> {
        let mut peer = support::python::start("sdk.py", support::python::NEWEST)?;
        let settings = json!({
            "apiKey": self.idp.api_key().expose_secret(), "clientId": self.idp.client_id(),
            "baseUrl": self.server.url(), "issuer": self.idp.issuer(), "password": COOKIE_PASSWORD,
        });
        peer.ask("connect", settings).await;
        Some(peer)
    }

    fn zoe(&self) -> User {
        self.user("zoe@example.com")
    }

    fn user(&self, email: &str) -> User {
        self.idp.users().into_iter().find(|user| user.email() == email).unwrap()
    }

    /// A session of Zoë's with her data as the SDKs in snake_case store it.
    fn snake_payload(&self, minted: &MintedSession) -> Value {
        json!({
            "access_token": minted.access_token,
            "refresh_token": minted.refresh_token,
            "user": {
                "object": "user", "id": self.zoe().id(), "email": "zoe@example.com", "email_verified": true,
                "first_name": "Zoë \"Z\"; Path=/", "last_name": "O'Brien 🧑‍🚀", "metadata": { "favoriteColor": "camel" },
                "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
            },
        })
    }

    /// The members of a session cookie that are no tokens and no times, as an application sees them.
    fn members(&self, sealed: &str) -> Value {
        let (unsealed, _) = self.sealkit.unseal(sealed).unwrap();
        let mut members: Value = serde_json::from_str(unsealed.expose_text()).unwrap();
        for token in ["accessToken", "refreshToken"] {
            let token = &mut members[token];
            assert!(token.as_str().is_some_and(|token| !token.is_empty()));
            *token = Value::from("…");
        }
        members
    }

    /// Authenticates in sealkit; a cookie that is not accepted as it is fails the test.
    async fn accepts(&self, sealed: &str) -> sealkit::Session {
        let outcome = self.sealkit.authenticate(sealed).await;
        assert_eq!(outcome.reason(), None, "{outcome:?}");
        outcome.session().unwrap().clone()
    }

    async fn refreshed(&self, sealed: &str, options: RefreshOptions) -> String {
        let outcome = self.sealkit.refresh(sealed, options).await;
        assert_eq!(outcome.reason(), None, "{outcome:?}");
        let CookieAction::Set(sealed) = outcome.cookie() else { panic!("nothing to set: {outcome:?}") };
        sealed.expose_secret().to_owned()
    }

    /// Nothing that any client sent holds a seal or the password that makes one.
    fn assert_nothing_leaked(&self) {
        assert!(self.idp.count(Endpoint::Authenticate) > 0);
        assert!(self.idp.leaking_requests().is_empty(), "{:?}", self.idp.leaking_requests());
        for request in self.idp.requests() {
            let body = String::from_utf8_lossy(request.body()).into_owned();
            assert!(!format!("{body}{:?}{:?}", request.query(), request.headers()).contains(COOKIE_PASSWORD));
        }
    }
}

/// Every member of `before` is in `after`, same value, same order; `after` may hold more, as newer libraries write more.
fn assert_kept(before: &Value, after: &Value, case: &str) {
    assert_eq!(like(after, before).to_string(), before.to_string(), "{case}");
}

/// What of `value` has a counterpart in `pattern`.
fn like(value: &Value, pattern: &Value) -> Value {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => value
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), like(value, pattern.get(name)?))))
            .collect(),
        _ => value.clone(),
    }
}

/// The code of an API error. The SDK has a property for it since version 10.
fn code_of(refused: &Value) -> &str {
    refused["code"]
        .as_str()
        .or_else(|| refused["rawData"]["code"].as_str())
        .unwrap_or_else(|| panic!("{refused}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).unwrap_or_else(|| panic!("{name} in {url}")).1.into_owned()
}

fn password_of(email: &str, password: &str) -> Value {
    json!({ "method": "authenticateWithPassword", "options": { "email": email, "password": password } })
}

fn zoe_by_password() -> Value {
    password_of("zoe@example.com", "correct horse")
}
