//! The real SDKs, unchanged, against the development provider, and their session cookies passed to and fro with sealkit.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod support {
    pub(crate) mod find;
    pub(crate) mod peer;
    pub(crate) mod python;
}

use sealkit::{
    Config, CookieAction, Reason, RefreshOptions, Sealkit, SignInRequest,
    api::RequestContext,
    sign_in::{OwnRoutes, ReturnTo},
};
use sealkit_devidp::{
    DevIdp, Endpoint, Membership, MintSession, Organization, Server, StepUp, StepUpRule, User,
};
use serde_json::{Value, json};
use support::peer::Peer;
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
        let mut peer = support::python::start("sdk.py")?;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_signs_in_by_password_and_sealkit_knows_the_session() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let answer = node.ask("signIn", zoe_by_password()).await;
        assert_eq!(answer["user"]["firstName"], "Zoë \"Z\"; Path=/", "{library}");
        assert_eq!(answer["user"]["emailVerified"], true, "{library}");
        assert_eq!(answer["organizationId"], "org_engines", "{library}");
        assert_eq!(answer["authenticationMethod"], "Password", "{library}");

        let sealed = text(&answer["sealedSession"]);
        let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
        assert_eq!(told["authenticated"], true, "{library}: {told}");
        assert_eq!(told["role"], "admin", "{library}");
        assert_eq!(told["roles"], json!(["admin", "member"]), "{library}");
        assert_eq!(told["permissions"], json!(["engines:read", "engines:write"]), "{library}");
        assert_eq!(told["entitlements"], json!(["audit-logs"]), "{library}");
        assert_eq!(told["featureFlags"], json!(["difference-engine"]), "{library}");

        let session = world.accepts(sealed).await;
        assert_eq!(session.id(), text(&told["sessionId"]), "{library}");
        assert_eq!(session.user_id(), world.zoe().id(), "{library}");
        assert_eq!(session.organization_id(), Some("org_engines"), "{library}");
        assert_eq!(session.claims().role(), Some("admin"), "{library}");
        assert!(session.claims().has_permission("engines:write"), "{library}");
        assert_eq!(session.claims().entitlements().collect::<Vec<_>>(), ["audit-logs"], "{library}");
        assert_eq!(session.claims().feature_flags().collect::<Vec<_>>(), ["difference-engine"], "{library}");
        assert_eq!(session.claims().issuer(), Some(world.idp.issuer().as_str()), "{library}");
        assert!(session.warnings().is_empty(), "{library}: {:?}", session.warnings());
        let user = session.user().unwrap();
        assert_eq!(user.last_name(), Some("O'Brien 🧑‍🚀"), "{library}");
        assert_eq!(user.external_id(), Some("crm-7"), "{library}");
        assert_eq!(user.locale(), Some("fr-CA"), "{library}");
        assert_eq!(user.metadata()["favorite_color"], "snake", "{library}");
        assert_eq!(user.metadata()["favoriteColor"], "camel", "{library}");

        let refused = node.refusal("signIn", password_of("zoe@example.com", "wrong")).await;
        assert_eq!(code_of(&refused), "invalid_credentials", "{library}");
        world.assert_nothing_leaked();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_from_node_to_sealkit_and_back_with_every_member() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let answer = node.ask("signIn", zoe_by_password()).await;
        let by_node = text(&answer["sealedSession"]).to_owned();
        let session_id = world.accepts(&by_node).await.id().to_owned();

        let by_sealkit = world.refreshed(&by_node, RefreshOptions::default()).await;
        assert_ne!(by_sealkit, by_node);
        let payload = node.ask("payload", json!({ "sealed": by_sealkit })).await;
        assert_ne!(payload["refreshToken"], answer["refreshToken"], "{library}: the tokens rotated");
        assert_kept(&world.members(&by_node), &world.members(&by_sealkit), library);
        let told = node.ask("authenticate", json!({ "sealed": by_sealkit })).await;
        assert_eq!((&told["authenticated"], text(&told["sessionId"])), (&json!(true), session_id.as_str()));
        assert_kept(&answer["user"], &told["user"], library);
        assert_eq!(told["authenticationMethod"], "Password", "{library}");

        let again = node.ask("refreshThenAuthenticate", json!({ "sealed": by_sealkit })).await;
        assert_eq!(again["refreshed"]["authenticated"], true, "{library}: {again}");
        assert_eq!(again["authenticated"]["authenticated"], true, "{library}: {again}");
        let by_node = text(&again["refreshed"]["sealedSession"]);
        assert_eq!(world.accepts(by_node).await.id(), session_id, "{library}");
        assert_kept(&world.members(by_node), &world.members(&by_sealkit), library);
        world.assert_nothing_leaked();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_s_own_members_survive_a_refresh_by_sealkit() {
    let world = World::new().await;
    let Some(mut node) = world.node("@workos-inc/node").await else { return };
    let answer = node.ask("signIn", zoe_by_password()).await;
    let mut payload = node.ask("payload", json!({ "sealed": answer["sealedSession"] })).await;
    payload["theme"] = json!({ "dark_mode": true, "list": [1, "ü", null] });
    payload["user"]["badge_number"] = json!(7);
    let own = world.sealkit.seal_payload(&payload.to_string()).unwrap();
    let sealed = world.refreshed(own.expose_secret(), RefreshOptions::default()).await;
    let after = node.ask("payload", json!({ "sealed": sealed })).await;
    assert_eq!(after["theme"].to_string(), payload["theme"].to_string());
    assert_eq!(after["user"]["badge_number"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_switches_organization_by_refreshing_and_sealkit_switches_back() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let answer = node.ask("signIn", zoe_by_password()).await;
        let asked = json!({ "sealed": answer["sealedSession"], "organizationId": "org_navy" });
        let switched = node.ask("refresh", asked).await;
        assert_eq!(switched["organizationId"], "org_navy", "{library}: {switched}");
        assert_eq!(switched["role"], "member", "{library}");
        let in_navy = text(&switched["sealedSession"]);
        let session = world.accepts(in_navy).await;
        assert_eq!(session.organization_id(), Some("org_navy"), "{library}");
        assert_eq!(session.unsealed().organization_id(), Some("org_navy"), "{library}");

        let back = RefreshOptions::default().with_organization("org_engines");
        let sealed = world.refreshed(in_navy, back).await;
        let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
        assert_eq!(told["organizationId"], "org_engines", "{library}");
        // Without a word about the organization the session stays where it is, whoever refreshes.
        let stayed = node.ask("refresh", json!({ "sealed": sealed })).await;
        assert_eq!(stayed["organizationId"], "org_engines", "{library}");
        let foreign = json!({ "sealed": stayed["sealedSession"], "organizationId": "org_unknown" });
        node.refusal("refresh", foreign).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_signs_in_by_code_with_pkce() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        for (operation, method) in
            [("signIn", "authenticateWithCode"), ("exchange", "authenticateWithCodeAndVerifier")]
        {
            let asked = json!({ "redirectUri": REDIRECT_URI, "loginHint": "alone@example.com" });
            let begun = node.ask("authorizationUrl", asked).await;
            let answer = node.ask("follow", json!({ "url": begun["url"] })).await;
            assert_eq!(answer["status"], 302, "{library}: {answer}");
            let back = text(&answer["location"]);
            assert!(back.starts_with(&format!("{REDIRECT_URI}?")), "{library}: {back}");
            assert_eq!(parameter(back, "state"), text(&begun["state"]), "{library}");
            let code = parameter(back, "code");
            let with = |verifier: &Value| json!({ "method": method, "options": { "code": code, "codeVerifier": verifier } });
            let signed_in = node.ask(operation, with(&begun["codeVerifier"])).await;
            assert_eq!(signed_in["user"]["email"], "alone@example.com", "{library}");
            assert_eq!(signed_in.get("organizationId"), None, "{library}: somebody without organization");
            let again = node.refusal(operation, with(&begun["codeVerifier"])).await;
            assert_eq!(again["oauth"], "invalid_grant", "{library}: a code is good once: {again}");
            if operation == "signIn" {
                let session = world.accepts(text(&signed_in["sealedSession"])).await;
                assert_eq!(session.organization_id(), None, "{library}");
            }
        }
        // The code is bound to its verifier.
        let begun = node.ask("authorizationUrl", json!({ "redirectUri": REDIRECT_URI })).await;
        let answer = node.ask("follow", json!({ "url": begun["url"] })).await;
        let options =
            json!({ "code": parameter(text(&answer["location"]), "code"), "codeVerifier": "x".repeat(43) });
        let refused =
            node.refusal("signIn", json!({ "method": "authenticateWithCode", "options": options })).await;
        assert_eq!(refused["oauth"], "invalid_grant", "{library}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_refreshed_by_either_side() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        for by_sealkit in [true, false] {
            let minted = world.idp.mint_session(MintSession::for_user("zoe@example.com").expired()).unwrap();
            let payload = json!({
                "user": { "id": world.zoe().id(), "email": "zoe@example.com" },
                "accessToken": minted.access_token, "refreshToken": minted.refresh_token,
            });
            let expired = world.sealkit.seal_payload(&payload.to_string()).unwrap();
            let expired = expired.expose_secret();
            assert_eq!(world.sealkit.authenticate(expired).await.reason(), Some(Reason::ExpiredJwt));
            let told = node.ask("authenticate", json!({ "sealed": expired })).await;
            assert_eq!(told["reason"], "invalid_jwt", "{library}: {told}");

            let sealed = if by_sealkit {
                world.refreshed(expired, RefreshOptions::default()).await
            } else {
                text(&node.ask("refresh", json!({ "sealed": expired })).await["sealedSession"]).to_owned()
            };
            assert_eq!(world.accepts(&sealed).await.id(), minted.session_id, "{library}");
            let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
            assert_eq!(told["sessionId"], minted.session_id.as_str(), "{library}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_signs_out_lists_sessions_and_revokes_them() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let first = node.ask("signIn", zoe_by_password()).await;
        let second = node.ask("signIn", zoe_by_password()).await;
        let id = world.accepts(text(&first["sealedSession"])).await.id().to_owned();
        let second_id = world.accepts(text(&second["sealedSession"])).await.id().to_owned();

        let zoe = json!({ "userId": world.zoe().id() });
        let listed = node.ask("sessions", zoe.clone()).await;
        let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|session| text(&session["id"])).collect();
        assert_eq!(ids.len(), 2, "{library}: {listed}");
        assert!(ids.contains(&id.as_str()) && ids.contains(&second_id.as_str()), "{library}: {listed}");
        let one = &listed[0];
        assert_eq!((&one["object"], &one["status"]), (&json!("session"), &json!("active")), "{library}");
        assert_eq!((&one["userId"], &one["authMethod"]), (&zoe["userId"], &json!("password")), "{library}");
        assert!(one["expiresAt"].is_string() && one["createdAt"].is_string(), "{library}: {one}");

        let revoke = json!({ "resource": "userManagement", "method": "revokeSession", "options": { "sessionId": second_id } });
        node.ask("call", revoke).await;
        let told = node.ask("refresh", json!({ "sealed": second["sealedSession"] })).await;
        assert_eq!(told["reason"], "invalid_grant", "{library}: {told}");
        let outcome = world.sealkit.refresh(text(&second["sealedSession"]), RefreshOptions::default()).await;
        assert_eq!(outcome.reason(), Some(Reason::InvalidGrant), "{library}");

        let return_to = Url::parse("http://localhost:3000/bye?x=1").unwrap();
        let asked = json!({ "sealed": first["sealedSession"], "returnTo": return_to.as_str() });
        let url = node.ask("logoutUrl", asked).await;
        let by_sealkit = world.sealkit.logout_url(&id, Some(&return_to)).unwrap();
        let (by_node, by_sealkit) = (Url::parse(text(&url)).unwrap(), by_sealkit);
        assert_eq!(by_node[..url::Position::AfterPath], by_sealkit[..url::Position::AfterPath], "{library}");
        assert!(by_node.query_pairs().eq(by_sealkit.query_pairs()), "{library}: {by_node} {by_sealkit}");
        let gone = node.ask("follow", json!({ "url": url })).await;
        assert_eq!(gone, json!({ "status": 302, "location": return_to.as_str() }), "{library}");
        let told = node.ask("refresh", json!({ "sealed": first["sealedSession"] })).await;
        assert_eq!(told["reason"], "invalid_grant", "{library}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impersonated_session_looks_the_same_to_both() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };
        let code =
            world.idp.impersonation_code("zoe@example.com", "support@example.com", Some("ticket 7")).unwrap();
        let signed_in = node
            .ask("signIn", json!({ "method": "authenticateWithCode", "options": { "code": code } }))
            .await;
        let expected = json!({ "email": "support@example.com", "reason": "ticket 7" });
        assert_eq!(signed_in["impersonator"], expected, "{library}");
        let by_node = text(&signed_in["sealedSession"]);
        let refreshed = world.refreshed(by_node, RefreshOptions::default()).await;
        for sealed in [by_node, &refreshed] {
            let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
            assert_eq!(told["impersonator"], expected, "{library}");
            let session = world.accepts(sealed).await;
            let impersonator = session.impersonator().expect("an impersonator");
            assert_eq!(impersonator.email, "support@example.com", "{library}");
            assert_eq!(impersonator.reason, Some("ticket 7"), "{library}");
            assert_eq!(session.claims().actor(), Some("support@example.com"), "{library}");
            assert!(session.warnings().is_empty(), "{library}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_signing_keys_are_found_by_both() {
    let world = World::new().await;
    let Some(mut node) = world.node("workos-node-11").await else { return };
    let old = node.ask("signIn", zoe_by_password()).await;
    world.idp.rotate_keys(true).unwrap();
    // jose asks for the key set at most every 30 s, so the new key is for a process that has not asked yet.
    let new = node.ask("signIn", zoe_by_password()).await;
    for signed_in in [old, new] {
        let sealed = json!({ "sealed": signed_in["sealedSession"] });
        assert_eq!(node.ask("authenticate", sealed).await["authenticated"], true);
        world.accepts(text(&signed_in["sealedSession"])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_completes_every_step_up_that_it_knows() {
    for library in NODE {
        let world = World::new().await;
        let Some(mut node) = world.node(library).await else { return };

        let refused = node.refusal("signIn", password_of("newcomer@example.com", "password 3")).await;
        assert_eq!(code_of(&refused), "email_verification_required", "{library}");
        let code = world.idp.one_time_code("newcomer@example.com").unwrap();
        let options = json!({ "code": code, "pendingAuthenticationToken": refused["rawData"]["pending_authentication_token"] });
        let asked = json!({ "method": "authenticateWithEmailVerification", "options": options });
        let signed_in = node.ask("signIn", asked).await;
        assert_eq!(signed_in["user"]["emailVerified"], true, "{library}");
        world.accepts(text(&signed_in["sealedSession"])).await;

        let rule = StepUpRule::new(StepUp::OrganizationSelection).once();
        world.idp.require_step_up("zoe@example.com", rule).unwrap();
        let refused = node.refusal("signIn", zoe_by_password()).await;
        assert_eq!(code_of(&refused), "organization_selection_required", "{library}");
        let organizations = refused["rawData"]["organizations"].as_array().unwrap();
        assert_eq!(organizations.len(), 2, "{library}: {refused}");
        let options = json!({
            "organizationId": "org_navy",
            "pendingAuthenticationToken": refused["rawData"]["pending_authentication_token"],
        });
        let asked = json!({ "method": "authenticateWithOrganizationSelection", "options": options });
        let signed_in = node.ask("signIn", asked).await;
        assert_eq!(signed_in["organizationId"], "org_navy", "{library}");

        let rule = StepUpRule::new(StepUp::MfaChallenge).once();
        world.idp.require_step_up("zoe@example.com", rule).unwrap();
        let refused = node.refusal("signIn", zoe_by_password()).await;
        assert_eq!(code_of(&refused), "mfa_challenge", "{library}");
        let factor = &refused["rawData"]["authentication_factors"][0]["id"];
        let resource = if library == "workos-node-8" { "mfa" } else { "multiFactorAuth" };
        let asked = json!({ "resource": resource, "method": "challengeFactor", "options": { "authenticationFactorId": factor } });
        let challenge = node.ask("call", asked).await;
        let options = json!({
            "code": world.idp.totp_code("zoe@example.com").unwrap(),
            "authenticationChallengeId": challenge["id"],
            "pendingAuthenticationToken": refused["rawData"]["pending_authentication_token"],
        });
        let signed_in =
            node.ask("signIn", json!({ "method": "authenticateWithTotp", "options": options })).await;
        assert_eq!(signed_in["user"]["id"], world.zoe().id(), "{library}");

        let asked = json!({ "resource": "userManagement", "method": "createMagicAuth", "options": { "email": "alone@example.com" } });
        let magic = node.ask("call", asked).await;
        let options = json!({ "email": "alone@example.com", "code": magic["code"] });
        let signed_in =
            node.ask("signIn", json!({ "method": "authenticateWithMagicAuth", "options": options })).await;
        assert_eq!(signed_in["authenticationMethod"], "MagicAuth", "{library}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_needs_single_sign_on_says_so_to_both() {
    let world = World::new().await;
    let Some(mut node) = world.node("workos-node-11").await else { return };
    let signed_in = node.ask("signIn", zoe_by_password()).await;
    let rule =
        StepUpRule::new(StepUp::SsoRequired { connection_ids: vec!["conn_1".to_owned()] }).on_refresh();
    world.idp.require_step_up("zoe@example.com", rule).unwrap();
    let told = node.ask("refresh", json!({ "sealed": signed_in["sealedSession"] })).await;
    assert_eq!(told["reason"], "sso_required", "{told}");
    let outcome = world.sealkit.refresh(text(&signed_in["sealedSession"]), RefreshOptions::default()).await;
    assert_eq!(outcome.reason(), Some(Reason::SsoRequired));
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
}

/// What a browser would send back of these `Set-Cookie` lines.
fn cookie_line<'a>(set_cookie: impl IntoIterator<Item = &'a str>) -> String {
    let pairs: Vec<&str> = set_cookie.into_iter().filter_map(|line| line.split(';').next()).collect();
    pairs.join("; ")
}

fn lines(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(text).collect()
}

/// The value of the session cookie in these lines; an iron seal needs no decoding.
fn session_cookie<'a>(set_cookie: &[&'a str]) -> &'a str {
    let line = set_cookie.iter().find_map(|line| line.strip_prefix("wos-session=")).unwrap();
    line.split(';').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_begun_by_authkit_session_or_by_sealkit_is_finished_by_either() {
    let world = World::new().await;
    let Some(mut authkit) = world.authkit().await else { return };
    let Some(mut node) = world.node("@workos-inc/node").await else { return };
    for begun_by_sealkit in [true, false] {
        for finished_by_sealkit in [true, false] {
            let case = format!("begun here {begun_by_sealkit}, finished here {finished_by_sealkit}");
            let (url, cookies) = if begun_by_sealkit {
                let request = SignInRequest::default()
                    .return_to(ReturnTo::sanitize("/inbox?q=1", &OwnRoutes::default()))
                    .custom_state("cart 7")
                    .login_hint("zoe@example.com");
                let start = world.sealkit.begin_sign_in(&request, [""; 0]).unwrap();
                let cookies = cookie_line(start.set_cookies.iter().map(|cookie| cookie.to_header_value()));
                (start.url.as_str().to_owned(), cookies)
            } else {
                let options = json!({ "returnPathname": "/inbox?q=1", "state": "cart 7", "loginHint": "zoe@example.com" });
                let start = authkit.ask("signIn", options).await;
                (text(&start["url"]).to_owned(), cookie_line(lines(&start["setCookie"])))
            };
            let answer = node.ask("follow", json!({ "url": url })).await;
            let back = Url::parse(text(&answer["location"])).unwrap();
            let sealed = if finished_by_sealkit {
                let context = RequestContext::default();
                let routes = OwnRoutes::default();
                let query = back.query().unwrap();
                let finished =
                    world.sealkit.complete_sign_in(query, [cookies.as_str()], &routes, &context).await;
                assert_eq!(finished.return_to.as_str(), "/inbox?q=1", "{case}");
                assert_eq!(finished.custom_state.as_deref(), Some("cart 7"), "{case}");
                assert!(finished.set_cookies.iter().all(|cookie| cookie.is_deletion()), "{case}");
                finished.result.unwrap().sealed.expose_secret().to_owned()
            } else {
                let asked = json!({
                    "cookie": cookies, "code": parameter(back.as_str(), "code"), "state": parameter(back.as_str(), "state"),
                });
                let finished = authkit.ask("callback", asked).await;
                assert_eq!(finished["returnPathname"], "/inbox?q=1", "{case}");
                assert_eq!(finished["customState"], "cart 7", "{case}");
                session_cookie(&lines(&finished["setCookie"])).to_owned()
            };
            let session = world.accepts(&sealed).await;
            assert_eq!(session.user_id(), world.zoe().id(), "{case}");
            let cookie = json!({ "cookie": format!("a=1; wos-session={sealed}") });
            let told = authkit.ask("withAuth", cookie).await;
            assert_eq!(told["auth"]["sessionId"], session.id(), "{case}: {told}");
            assert_eq!(told["auth"]["user"]["id"], world.zoe().id(), "{case}");
            assert_eq!(told["auth"]["organizationId"], "org_engines", "{case}");
            let told = node.ask("authenticate", json!({ "sealed": sealed })).await;
            assert_eq!(told["sessionId"], session.id(), "{case}");
        }
    }
    world.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn authkit_session_refreshes_switches_and_signs_out_and_sealkit_follows() {
    let world = World::new().await;
    let Some(mut authkit) = world.authkit().await else { return };
    let minted = world.idp.mint_session(MintSession::for_user("zoe@example.com").expired()).unwrap();
    let payload = json!({
        "accessToken": minted.access_token, "refreshToken": minted.refresh_token,
        "user": { "id": world.zoe().id(), "email": "zoe@example.com", "firstName": "Zoë" },
    });
    let sealed = world.sealkit.seal_payload(&payload.to_string()).unwrap();
    let cookie = |sealed: &str| json!({ "cookie": format!("wos-session={sealed}") });

    let told = authkit.ask("withAuth", cookie(sealed.expose_secret())).await;
    let by_authkit = text(&told["refreshedSessionData"]);
    assert_eq!(world.accepts(by_authkit).await.id(), minted.session_id);
    let by_sealkit = world.refreshed(by_authkit, RefreshOptions::default()).await;
    assert_kept(&world.members(by_authkit), &world.members(&by_sealkit), AUTHKIT_SESSION);
    let told = authkit.ask("withAuth", cookie(&by_sealkit)).await;
    assert_eq!(told["auth"]["user"]["lastName"], "O'Brien 🧑‍🚀");
    assert_eq!(told.get("refreshedSessionData"), None, "it is fresh");

    let mut asked = cookie(&by_sealkit);
    asked["organizationId"] = json!("org_navy");
    let switched = authkit.ask("switchOrganization", asked).await;
    assert_eq!(switched["auth"]["organizationId"], "org_navy");
    let session = world.accepts(text(&switched["encryptedSession"])).await;
    assert_eq!(session.organization_id(), Some("org_navy"));

    let gone = authkit.ask("signOut", json!({ "sessionId": session.id() })).await;
    assert_eq!(text(&gone["logoutUrl"]), world.sealkit.logout_url(session.id(), None).unwrap().as_str());
    world.assert_nothing_leaked();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_signs_in_by_password_refreshes_and_switches() {
    let world = World::new().await;
    let Some(mut python) = world.python().await else { return };
    let options = json!({ "email": "zoe@example.com", "password": "correct horse" });
    let signed_in =
        python.ask("sign_in", json!({ "method": "authenticate_with_password", "options": options })).await;
    assert_eq!(signed_in["user"]["first_name"], "Zoë \"Z\"; Path=/");
    assert_eq!(signed_in["user"]["metadata"], json!({ "favorite_color": "snake", "favoriteColor": "camel" }));
    assert_eq!(signed_in["organization_id"], "org_engines");
    let told = python.ask("authenticate", json!({ "sealed": signed_in["sealed_session"] })).await;
    assert_eq!(told["authenticated"], true, "{told}");
    assert_eq!(told["permissions"], json!(["engines:read", "engines:write"]));
    assert_eq!(told["feature_flags"], json!(["difference-engine"]));

    let again = python.ask("refresh", json!({ "sealed": signed_in["sealed_session"] })).await;
    assert_eq!(again["refreshed"]["authenticated"], true, "{again}");
    assert_eq!(again["refreshed"]["organization_id"], "org_engines");
    assert_eq!(again["authenticated"]["session_id"], told["session_id"], "{again}");
    let asked = json!({ "sealed": again["refreshed"]["sealed_session"], "organization_id": "org_navy" });
    let switched = python.ask("refresh", asked).await;
    assert_eq!(switched["authenticated"]["organization_id"], "org_navy", "{switched}");

    let options = json!({ "email": "zoe@example.com", "password": "wrong" });
    let refused = python
        .refusal("sign_in", json!({ "method": "authenticate_with_password", "options": options }))
        .await;
    assert_eq!(refused["code"], "invalid_credentials", "{refused}");
    world.assert_nothing_leaked();
}

/// The seals differ between Python and iron until sealkit reads Fernet; the tokens inside are the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_s_tokens_go_to_sealkit_and_back() {
    let world = World::new().await;
    let Some(mut python) = world.python().await else { return };
    let options = json!({ "email": "zoe@example.com", "password": "correct horse" });
    let signed_in =
        python.ask("sign_in", json!({ "method": "authenticate_with_password", "options": options })).await;
    let answer = sealkit::session::AuthResponse::from_json(signed_in.to_string().as_bytes()).unwrap();
    let sealed = world.sealkit.seal_session(&answer).unwrap();
    let session_id = world.accepts(sealed.expose_secret()).await.id().to_owned();

    let sealed = world.refreshed(sealed.expose_secret(), RefreshOptions::default()).await;
    let session = world.accepts(&sealed).await;
    let tokens = session.tokens();
    let by_python = python
        .ask(
            "seal",
            json!({
                "access_token": tokens.access_token(),
                "refresh_token": tokens.refresh_token().unwrap().expose_secret(),
                "user": signed_in["user"],
            }),
        )
        .await;
    let told = python.ask("authenticate", json!({ "sealed": by_python })).await;
    assert_eq!(told["session_id"], session_id.as_str(), "{told}");
    let told = python.ask("refresh", json!({ "sealed": by_python })).await;
    assert_eq!(told["authenticated"]["session_id"], session_id.as_str(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_signs_in_by_code_with_pkce() {
    let world = World::new().await;
    let Some(mut python) = world.python().await else { return };
    let asked = json!({ "redirect_uri": REDIRECT_URI, "login_hint": "alone@example.com" });
    let begun = python.ask("authorization_url", asked).await;
    let answer = python.ask("follow", json!({ "url": begun["url"] })).await;
    assert_eq!(answer["status"], 302, "{answer}");
    let back = text(&answer["location"]);
    assert_eq!(parameter(back, "state"), text(&begun["state"]));
    let options = json!({ "code": parameter(back, "code"), "code_verifier": begun["code_verifier"] });
    let asked = json!({ "method": "authenticate_with_code_pkce", "options": options });
    let signed_in = python.ask("sign_in", asked.clone()).await;
    assert_eq!(signed_in["user"]["email"], "alone@example.com");
    let refused = python.refusal("sign_in", asked).await;
    assert_eq!(refused["error"], "invalid_grant", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_signs_out_lists_and_revokes_and_completes_step_ups() {
    let world = World::new().await;
    let Some(mut python) = world.python().await else { return };
    let by_password = |email: &str, password: &str| json!({ "method": "authenticate_with_password", "options": { "email": email, "password": password } });
    let first = python.ask("sign_in", by_password("zoe@example.com", "correct horse")).await;
    let second = python.ask("sign_in", by_password("zoe@example.com", "correct horse")).await;
    let listed = python.ask("sessions", json!({ "user_id": world.zoe().id() })).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    assert_eq!(listed[0]["status"], "active", "{listed}");
    let told = python.ask("authenticate", json!({ "sealed": second["sealed_session"] })).await;
    python.ask("revoke", json!({ "session_id": told["session_id"] })).await;
    let told = python.ask("refresh", json!({ "sealed": second["sealed_session"] })).await;
    assert_eq!(told["refreshed"]["authenticated"], false, "{told}");
    let user = python.ask("user", json!({ "id": world.zoe().id() })).await;
    assert_eq!(user["external_id"], "crm-7");

    let asked = json!({ "sealed": first["sealed_session"], "return_to": "http://localhost:3000/bye" });
    let url = python.ask("logout_url", asked).await;
    let gone = python.ask("follow", json!({ "url": url })).await;
    assert_eq!(gone, json!({ "status": 302, "location": "http://localhost:3000/bye" }));
    let told = python.ask("refresh", json!({ "sealed": first["sealed_session"] })).await;
    assert_eq!(told["refreshed"]["authenticated"], false, "{told}");

    let refused = python.refusal("sign_in", by_password("newcomer@example.com", "password 3")).await;
    assert_eq!(refused["name"], "EmailVerificationRequiredError", "{refused}");
    let code = world.idp.one_time_code("newcomer@example.com").unwrap();
    let options =
        json!({ "code": code, "pending_authentication_token": refused["pending_authentication_token"] });
    let asked = json!({ "method": "authenticate_with_email_verification", "options": options });
    assert_eq!(python.ask("sign_in", asked).await["user"]["email_verified"], true);

    let rule = StepUpRule::new(StepUp::OrganizationSelection).once();
    world.idp.require_step_up("zoe@example.com", rule).unwrap();
    let refused = python.refusal("sign_in", by_password("zoe@example.com", "correct horse")).await;
    assert_eq!(refused["name"], "OrganizationSelectionRequiredError", "{refused}");
    let options = json!({
        "organization_id": "org_navy", "pending_authentication_token": refused["pending_authentication_token"],
    });
    let asked = json!({ "method": "authenticate_with_organization_selection", "options": options });
    assert_eq!(python.ask("sign_in", asked).await["organization_id"], "org_navy");

    let magic = python.ask("magic_auth", json!({ "email": "alone@example.com" })).await;
    let options = json!({ "email": "alone@example.com", "code": magic["code"] });
    let asked = json!({ "method": "authenticate_with_magic_auth", "options": options });
    assert_eq!(python.ask("sign_in", asked).await["authentication_method"], "MagicAuth");
    world.assert_nothing_leaked();
}
