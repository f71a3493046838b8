//! Tokens of every kind, compared claim by claim with the table of kinds, and answers that carry a wrong one.

use crate::common::{build, claims, decoded, frozen, get, grant, header, password, refresh};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sealkit_devidp::{
    AgentKind, DevIdp, Endpoint, Fault, IdpError, IssuerForm, MintSession, TokenOptions, TokenShape,
};
use serde_json::{Value, json};
use std::time::Duration;

const ADA: &str = "ada@example.com";
const ALAN: &str = "alan@example.com";
const ANALYTICAL: &str = "org_01JGFANALYT1CALENG1NES0000";
const RESOURCE: &str = "https://mcp.example.com/mcp";
const SCOPES: [&str; 1] = ["widgets:users-table:manage"];

fn plain() -> TokenOptions {
    TokenOptions::new()
}

/// Whether a key of this set signed the token, by another implementation.
fn signed_by(set: &Value, token: &str) -> bool {
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(set.clone()).unwrap();
    let Some(jwk) = set.find(header(token)["kid"].as_str().unwrap()) else { return false };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).is_ok()
}

/// Compares every claim; those that differ from run to run are given as prefixes (`session_…`).
#[track_caller]
fn has_exactly(token: &str, lifetime: u64, expected: &Value) {
    let mut actual = claims(token);
    let members = actual.as_object_mut().unwrap();
    let (iat, exp) = (members.shift_remove("iat").unwrap(), members.shift_remove("exp").unwrap());
    assert_eq!(exp.as_u64().unwrap() - iat.as_u64().unwrap(), lifetime, "lifetime");
    for (name, value) in expected.as_object().unwrap() {
        let Some(prefix) = value.as_str().and_then(|text| text.strip_suffix('…')) else { continue };
        let member = members.get_mut(name).unwrap();
        assert!(member.as_str().unwrap().starts_with(prefix), "{name}: {member}");
        *member = value.clone();
    }
    assert_eq!(actual, *expected);
}

fn id_of(idp: &DevIdp, email: &str) -> String {
    idp.users().iter().find(|user| user.email() == email).unwrap().id().to_owned()
}

#[test]
fn delegated_agent_names_its_user_as_actor() {
    let idp = frozen();
    let agent = idp.mint_agent(&AgentKind::delegated(ADA), &plain()).unwrap();
    has_exactly(
        &agent.token,
        300,
        &json!({
            "iss": idp.issuer(), "sub": agent.instance_id, "sub_profile": "ai_agent", "sid": agent.session_id,
            "jti": "…",
            "org_id": ANALYTICAL, "permissions": ["engines:read", "engines:write", "users:manage"],
            "intent": { "text": "Draft outreach" }, "act": { "sub": id_of(&idp, ADA), "sub_profile": "user" },
            "auth_time": idp.clock().now().as_secs(), "aud": idp.client_id(),
        }),
    );
    assert!(agent.instance_id.starts_with("agent_") && agent.session_id.starts_with("agent_session_"));
    assert_eq!(header(&agent.token), json!({ "alg": "RS256", "kid": idp.kid(), "typ": "at+jwt" }));
    assert!(signed_by(&idp.jwks_json(), &agent.token));
}

#[test]
fn autonomous_agent_has_neither_actor_nor_auth_time() {
    let idp = frozen();
    let agent = idp.mint_agent(&AgentKind::autonomous(ANALYTICAL), &plain()).unwrap();
    has_exactly(
        &agent.token,
        300,
        &json!({
            "iss": idp.issuer(), "sub": agent.instance_id, "sub_profile": "ai_agent", "sid": agent.session_id,
            "jti": "…",
            "org_id": ANALYTICAL, "permissions": ["engines:read", "engines:write", "users:manage"],
            "intent": { "text": "Draft outreach" }, "aud": idp.client_id(),
        }),
    );
    assert_eq!(header(&agent.token)["typ"], "at+jwt");
}

#[test]
fn only_sub_type_tells_a_widget_from_a_session() {
    let idp = frozen();
    let session = claims(&idp.mint_session(MintSession::for_user(ALAN)).unwrap().access_token);
    let widget = idp.mint_widget(ALAN, &SCOPES, TokenShape::SubType, &plain()).unwrap().token;
    let client = idp.mint_client_token(ALAN, TokenShape::SubType, &plain()).unwrap().token;
    for (token, lifetime, sub_type, more) in
        [(widget, 3_600, "widget", json!({ "scopes": SCOPES })), (client, 300, "client", json!({}))]
    {
        let mut expected = session.clone();
        let members = expected.as_object_mut().unwrap();
        members.retain(|name, _| !["iat", "exp", "jti"].contains(&name.as_str()));
        members.extend([("sid".to_owned(), json!("session_…")), ("jti".to_owned(), json!("…"))]);
        members.insert("sub_type".to_owned(), json!(sub_type));
        members.extend(more.as_object().unwrap().clone());
        has_exactly(&token, lifetime, &expected);
        assert!(signed_by(&idp.jwks_json(), &token));
    }
}

#[test]
fn emulator_shapes_have_an_audience_and_no_session() {
    let idp = frozen();
    let widget = idp.mint_widget(ADA, &SCOPES, TokenShape::Emulator, &plain()).unwrap().token;
    let base = json!({ "iss": idp.issuer(), "sub": id_of(&idp, ADA), "org_id": ANALYTICAL });
    let with = |more: Value| {
        let mut all = base.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    has_exactly(&widget, 3_600, &with(json!({ "aud": "widgets", "scopes": SCOPES })));
    let client = idp.mint_client_token(ADA, TokenShape::Emulator, &plain()).unwrap().token;
    has_exactly(&client, 300, &with(json!({ "aud": "client" })));
}

#[test]
fn connect_tokens_come_from_the_authkit_domain() {
    let idp = frozen();
    let user = idp.mint_connect_user(ADA, &plain()).unwrap().token;
    let mcp = idp.mint_mcp(ADA, RESOURCE, &plain()).unwrap().token;
    for (token, audience) in [(&user, idp.client_id()), (&mcp, RESOURCE.to_owned())] {
        let expected = json!({
            "iss": "https://devidp.authkit.test", "aud": audience, "sub": id_of(&idp, ADA),
            "sid": "app_consent_…", "jti": "…", "org_id": ANALYTICAL, "client_id": "client_…",
            "scope": "openid profile email",
        });
        has_exactly(token, 3_600, &expected);
        assert_ne!(claims(token)["client_id"], idp.client_id());
        assert!(header(token).get("typ").is_none());
    }
    assert_ne!(claims(&user)["client_id"], claims(&mcp)["client_id"]);
}

#[test]
fn machine_is_its_own_subject_without_session() {
    let idp = frozen();
    let token = idp.mint_machine(ANALYTICAL, &plain()).unwrap().token;
    let application = claims(&token)["client_id"].clone();
    let expected = json!({
        "iss": idp.authkit_issuer(), "aud": idp.client_id(), "sub": application, "client_id": application,
        "org_id": ANALYTICAL, "scope": "engines:read", "jti": "…",
    });
    has_exactly(&token, 3_600, &expected);
    assert!(application.as_str().unwrap().starts_with("client_") && application != idp.client_id());
}

#[test]
fn id_token_describes_the_user_to_an_application() {
    let idp = frozen();
    let token = idp.mint_id_token(ADA, &plain()).unwrap().token;
    let expected = json!({
        "iss": idp.authkit_issuer(), "aud": "client_…", "sub": id_of(&idp, ADA), "name": "Ada Lovelace",
        "given_name": "Ada", "family_name": "Lovelace", "email": ADA, "email_verified": true,
    });
    has_exactly(&token, 3_600, &expected);
    assert!(claims(&token).get("jti").is_none());
}

#[tokio::test]
async fn authkit_key_set_is_its_own_unless_shared() {
    let apart = frozen();
    let token = apart.mint_machine(ANALYTICAL, &plain()).unwrap().token;
    let answer = get(&apart, "/oauth2/jwks").await;
    let set: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(set, apart.authkit_jwks_json().unwrap());
    assert!(signed_by(&set, &token) && !signed_by(&apart.jwks_json(), &token));
    assert_ne!(set["keys"][0]["n"], apart.jwks_json()["keys"][0]["n"]);
    assert_eq!(apart.count(Endpoint::AuthKitJwks), 1);

    let shared = build(DevIdp::builder().authkit_shares_keys(true));
    let token = shared.mint_machine(ANALYTICAL, &plain()).unwrap().token;
    assert_eq!(shared.authkit_jwks_json().unwrap(), shared.jwks_json());
    assert!(signed_by(&shared.jwks_json(), &token));
}

#[test]
fn issuers_follow_their_settings() {
    let builder = DevIdp::builder()
        .issuer(IssuerForm::DefaultApplication("client_01JGFDEFAVLT000000000000000".to_owned()))
        .authkit_issuer("https://login.example.com/");
    let idp = build(builder);
    let session = claims(&idp.mint_session(MintSession::for_user(ADA)).unwrap().access_token);
    assert_eq!(session["iss"], "http://127.0.0.1/user_management/client_01JGFDEFAVLT000000000000000");
    assert_eq!(session["client_id"], idp.client_id());
    assert_eq!(claims(&idp.mint_id_token(ADA, &plain()).unwrap().token)["iss"], "https://login.example.com");
}

#[test]
fn every_kind_can_be_bent() {
    let idp = frozen();
    let bent = TokenOptions::new().expired().claim("sub", "user_bent").without_claim("iss").typ("bent+jwt");
    let bent = bent.lifetime(Duration::from_secs(7));
    let tokens = [
        idp.mint_agent(&AgentKind::delegated(ADA), &bent).unwrap().token,
        idp.mint_agent(&AgentKind::autonomous(ANALYTICAL), &bent).unwrap().token,
        idp.mint_widget(ADA, &SCOPES, TokenShape::SubType, &bent).unwrap().token,
        idp.mint_widget(ADA, &SCOPES, TokenShape::Emulator, &bent).unwrap().token,
        idp.mint_client_token(ADA, TokenShape::SubType, &bent).unwrap().token,
        idp.mint_client_token(ADA, TokenShape::Emulator, &bent).unwrap().token,
        idp.mint_connect_user(ADA, &bent).unwrap().token,
        idp.mint_mcp(ADA, RESOURCE, &bent).unwrap().token,
        idp.mint_machine(ANALYTICAL, &bent).unwrap().token,
        idp.mint_id_token(ADA, &bent).unwrap().token,
    ];
    let now = idp.clock().now().as_secs();
    for token in tokens {
        let (header, claims) = decoded(&token);
        assert_eq!((&header["typ"], &claims["sub"]), (&json!("bent+jwt"), &json!("user_bent")));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now - 67), &json!(now - 60)));
        assert!(claims.get("iss").is_none());
    }
}

#[test]
fn minting_for_strangers_fails() {
    let idp = frozen();
    let unknown = |error: IdpError| assert_eq!(error, IdpError::UnknownUser("nobody".to_owned()));
    unknown(idp.mint_agent(&AgentKind::delegated("nobody"), &plain()).unwrap_err());
    unknown(idp.mint_widget("nobody", &SCOPES, TokenShape::Emulator, &plain()).unwrap_err());
    unknown(idp.mint_widget("nobody", &SCOPES, TokenShape::SubType, &plain()).unwrap_err());
    unknown(idp.mint_client_token("nobody", TokenShape::Emulator, &plain()).unwrap_err());
    unknown(idp.mint_connect_user("nobody", &plain()).unwrap_err());
    unknown(idp.mint_mcp("nobody", RESOURCE, &plain()).unwrap_err());
    unknown(idp.mint_id_token("nobody", &plain()).unwrap_err());
    let nowhere = IdpError::UnknownOrganization("org_x".to_owned());
    assert_eq!(idp.mint_agent(&AgentKind::autonomous("org_x"), &plain()).unwrap_err(), nowhere);
    assert_eq!(idp.mint_machine("org_x", &plain()).unwrap_err(), nowhere);
    let refused = IdpError::Refused("user_not_member_of_organization".to_owned());
    assert_eq!(idp.mint_agent(&AgentKind::delegated(ALAN), &plain()).unwrap_err(), refused);
}

#[test]
fn debug_of_a_minted_token_hides_it() {
    let idp = frozen();
    let agent = idp.mint_agent(&AgentKind::delegated(ADA), &plain()).unwrap();
    let machine = idp.mint_machine(ANALYTICAL, &plain()).unwrap();
    let shown = format!("{agent:?} {machine:?}");
    assert!(shown.contains(&agent.session_id) && shown.contains(&agent.instance_id), "{shown}");
    assert!(!shown.contains("eyJ"), "{shown}");
}

#[test]
fn session_token_header_can_be_bent() {
    let idp = frozen();
    let typ = |session: MintSession| header(&idp.mint_session(session).unwrap().access_token)["typ"].clone();
    assert_eq!(typ(MintSession::for_user(ADA)), "JWT");
    assert_eq!(typ(MintSession::for_user(ADA).typ("AT+JWT")), "AT+JWT");
    assert_eq!(typ(MintSession::for_user(ADA).without_typ()), Value::Null);
}

#[tokio::test]
async fn older_environment_issues_tokens_without_auth_time() {
    let idp = build(DevIdp::builder().without_claim("auth_time"));
    let answer = password(&idp, ADA).await.ok();
    for token in [
        &answer["access_token"],
        &refresh(&idp, answer["refresh_token"].as_str().unwrap()).await.ok()["access_token"],
    ] {
        let claims = claims(token.as_str().unwrap());
        assert!(claims.get("auth_time").is_none() && claims["client_id"] == idp.client_id(), "{claims}");
    }
    let wanted = MintSession::for_user(ADA).claim("auth_time", 1);
    assert_eq!(claims(&idp.mint_session(wanted).unwrap().access_token)["auth_time"], 1);
}

#[tokio::test]
async fn fault_bends_the_token_of_one_answer() {
    let idp = frozen();
    let options = TokenOptions::new().claim("sub", "user_other").without_claim("auth_time").typ("at+jwt");
    idp.fault(Endpoint::Authenticate, Fault::access_token(options.expired()));
    let first = password(&idp, ADA).await.ok();
    let token = first["access_token"].as_str().unwrap();
    let (header, bent) = decoded(token);
    let now = idp.clock().now().as_secs();
    assert_eq!((&header["typ"], &bent["sub"]), (&json!("at+jwt"), &json!("user_other")));
    assert_eq!((&bent["iat"], &bent["exp"]), (&json!(now - 360), &json!(now - 60)));
    assert!(bent.get("auth_time").is_none() && bent["sid"].as_str().unwrap().starts_with("session_"));
    assert!(signed_by(&idp.jwks_json(), token));

    let next = refresh(&idp, first["refresh_token"].as_str().unwrap()).await.ok();
    let plain = claims(next["access_token"].as_str().unwrap());
    assert_eq!(plain["sub"], next["user"]["id"]);
    assert_eq!(plain["sid"], bent["sid"]);
}

#[tokio::test]
async fn fault_answers_a_token_of_another_kind() {
    let idp = frozen();
    let session = idp.mint_session(MintSession::for_user(ADA)).unwrap();
    let agent = idp.mint_agent(&AgentKind::delegated(ADA), &plain()).unwrap();
    idp.fault(Endpoint::Authenticate, Fault::replace_access_token(&agent.token));
    let answer = refresh(&idp, &session.refresh_token).await.ok();
    assert_eq!(answer["access_token"], agent.token);
    // The grant was carried out: the replay and the next refresh are ordinary.
    let replay = refresh(&idp, &session.refresh_token).await.ok();
    assert_eq!(replay["refresh_token"], answer["refresh_token"]);
    assert_eq!(claims(replay["access_token"].as_str().unwrap())["sid"], session.session_id);
}

#[tokio::test]
async fn token_faults_leave_refusals_alone() {
    let idp = frozen();
    for fault in [Fault::access_token(plain().claim("sub", "x")), Fault::replace_access_token("x")] {
        idp.fault(Endpoint::Authenticate, fault);
        let answer = grant(&idp, "password", json!({ "email": ADA, "password": "wrong" })).await;
        answer.is(400, "invalid_credentials");
        assert!(answer.json.get("access_token").is_none());
    }
}
