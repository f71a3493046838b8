//! How a provider is made.

use crate::{
    DevIdp, EndedLogout, EndedRevoke, IdpClock, IssuerForm, Organization, OrganizationChoice, ServerLimits,
    User,
    ids::Ids,
    keys::{KeySet, SigningUnavailable},
    settings::Settings,
    state::State,
    token::{CUSTOM_CLAIMS_LIMIT, reserved_claim},
    users::demo_users,
    webhooks::WebhookTarget,
};
use sealkit_core::{ApiKey, SecureRandom as _, SystemRandom};
use serde_json::{Map, Value};
use std::{collections::HashSet, fmt, time::Duration};

/// Why a provider could not be made. No variant shows the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The API key does not begin with `sk_test_`: it may be a production key, which has no business here.
    #[error("the API key does not begin with sk_test_; a production key is never accepted")]
    NotATestKey,
    /// The client id is empty or holds something that a path cannot.
    #[error("the client id must be made of letters, digits, _ and -")]
    BadClientId,
    /// The base URL or the AuthKit issuer is not `http(s)://host[:port]`.
    #[error("the base URL and the AuthKit issuer must be http or https origins without a path")]
    BadBaseUrl,
    /// Two users share this id or e-mail.
    #[error("two users share {0}")]
    DuplicateUser(String),
    /// A custom claim that tokens do not allow to set.
    #[error("the claim {0} cannot be set by a template")]
    ReservedClaim(&'static str),
    /// The custom claims of the template render to too much.
    #[error("the custom claims are larger than {CUSTOM_CLAIMS_LIMIT} bytes")]
    ClaimsTooBig,
    /// Webhooks go to plain HTTP on this machine only.
    #[error("the webhook URL must be plain HTTP on this machine")]
    BadWebhookUrl,
    /// The operating system gave no random bytes.
    #[error("no secure random bytes available")]
    NoRandom,
    /// No signing key could be made.
    #[error(transparent)]
    Signing(#[from] SigningUnavailable),
}

/// Settings of a provider before it exists. Get one from [`DevIdp::builder`]; every setting has a default.
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct DevIdpBuilder {
    settings: Settings,
    api_key: Option<ApiKey>,
    webhook_secret: Option<String>,
    webhook_url: Option<String>,
    users: Option<Vec<User>>,
    organizations: Vec<Organization>,
    clock: IdpClock,
    seed: Option<[u8; 32]>,
}

impl DevIdpBuilder {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings {
                client_id: "client_01JGFSEALK1TDEV1DP00000000".to_owned(),
                api_key: ApiKey::from(""),
                base: "http://127.0.0.1".to_owned(),
                issuer: IssuerForm::default(),
                authkit_issuer: "https://devidp.authkit.test".to_owned(),
                authkit_shares_keys: false,
                audience: None,
                claims: Map::new(),
                removed_claims: Vec::new(),
                token_lifetime: Duration::from_secs(300),
                replay_window: Duration::from_secs(30),
                replays_any_organization: false,
                server_limits: ServerLimits::default(),
                session_length: Duration::from_secs(30 * 24 * 60 * 60),
                inactivity_timeout: None,
                auto_approve: false,
                radar_decides: false,
                sign_up: true,
                organization_choice: OrganizationChoice::default(),
                redirect_uris: Vec::new(),
                sign_out_redirect: None,
                ended_revoke: EndedRevoke::default(),
                ended_logout: EndedLogout::default(),
                webhook_secret: String::new(),
                webhook_target: None,
            },
            api_key: None,
            webhook_secret: None,
            webhook_url: None,
            users: None,
            organizations: Vec::new(),
            clock: IdpClock::system(),
            seed: None,
        }
    }

    /// The client id. Default: a fixed `client_…`.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.settings.client_id = client_id.into();
        self
    }

    /// The API key, `sk_test_…`. Default: a new one.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(ApiKey::from(key.into()));
        self
    }

    /// The people who can sign in. Default: three for demonstrations, each with a password.
    pub fn users(mut self, users: impl IntoIterator<Item = User>) -> Self {
        self.users = Some(users.into_iter().collect());
        self
    }

    /// An organization without members. Those of the users' memberships exist anyway.
    pub fn organization(mut self, organization: Organization) -> Self {
        self.organizations.push(organization);
        self
    }

    /// How long an access token lives. Default: 300 s.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// For how long a refresh token that has been exchanged gives the same pair again. Default: 30 s, as in production;
    /// zero refuses at once.
    pub fn replay_window(mut self, window: Duration) -> Self {
        self.settings.replay_window = window;
        self
    }

    /// Whether a replay within the window gives the same pair also if it names another organization than that of the pair.
    ///
    /// WorkOS documents the same pair for the same request only. Default: no; such a replay is rejected with `invalid_grant`, as the
    /// token is already exchanged. An application has to be right in both cases: it must never take the pair for one of the
    /// organization that it named.
    pub fn replays_any_organization(mut self, yes: bool) -> Self {
        self.settings.replays_any_organization = yes;
        self
    }

    /// How long the server waits for clients, and how many it serves at once.
    pub fn server_limits(mut self, limits: ServerLimits) -> Self {
        self.settings.server_limits = limits;
        self
    }

    /// The maximum length of a session. Default: 30 days.
    pub fn session_length(mut self, length: Duration) -> Self {
        self.settings.session_length = length;
        self
    }

    /// Ends a session that has not been refreshed for this long. Default: never.
    pub fn inactivity_timeout(mut self, timeout: Duration) -> Self {
        self.settings.inactivity_timeout = Some(timeout);
        self
    }

    /// No page: the authorize endpoint signs in at once, the user of `login_hint`, else the first. Default: off.
    ///
    /// A browser that has signed in before is sent back with that earlier sign-in, as AuthKit does it, unless `max_age` or
    /// `prompt=login` demands a new one.
    pub fn auto_approve(mut self, yes: bool) -> Self {
        self.settings.auto_approve = yes;
        self
    }

    /// Radar in Decision mode: the `authorization_code`, `password` and `email-completion` grants and the creation of a Magic
    /// Auth code are answered `ip_address_required` unless they name the user's address. Default: off.
    pub fn radar_decision_mode(mut self, on: bool) -> Self {
        self.settings.radar_decides = on;
        self
    }

    /// Whether the page lets people make an account. Default: yes.
    pub fn sign_up(mut self, allowed: bool) -> Self {
        self.settings.sign_up = allowed;
        self
    }

    /// What happens to somebody with several organizations who names none.
    pub fn organization_choice(mut self, choice: OrganizationChoice) -> Self {
        self.settings.organization_choice = choice;
        self
    }

    /// The form of `iss`. Default: [`IssuerForm::UserManagement`].
    pub fn issuer(mut self, form: IssuerForm) -> Self {
        self.settings.issuer = form;
        self
    }

    /// The AuthKit domain, `http(s)://host[:port]`: the `iss` of Connect tokens. Its key set is served at `/oauth2/jwks`, under
    /// whatever host the request names. Default: `https://devidp.authkit.test`, a name that never resolves (RFC 6761).
    pub fn authkit_issuer(mut self, origin: impl Into<String>) -> Self {
        self.settings.authkit_issuer = origin.into();
        self
    }

    /// Whether the AuthKit domain signs with the keys of sessions. Default: no, it has a key of its own. Whether production
    /// shares them is unknown.
    pub fn authkit_shares_keys(mut self, yes: bool) -> Self {
        self.settings.authkit_shares_keys = yes;
        self
    }

    /// The claim `aud`, a text or a list. Default: none, as in production.
    pub fn audience(mut self, audience: impl Into<Value>) -> Self {
        self.settings.audience = Some(audience.into());
        self
    }

    /// A custom claim in everybody's access token, as a JWT template adds them.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.claims.insert(name.into(), value.into());
        self
    }

    /// Removes a claim from everybody's access token. Without `auth_time` they are as older environments and emulators mint
    /// them.
    pub fn without_claim(mut self, name: impl Into<String>) -> Self {
        self.settings.removed_claims.push(name.into());
        self
    }

    /// A redirect or sign-out URI besides plain loopback ones, allowed word by word.
    pub fn allow_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.settings.redirect_uris.push(uri.into());
        self
    }

    /// Where sign-out goes that names no `return_to`. Default: a page of the provider.
    pub fn sign_out_redirect(mut self, uri: impl Into<String>) -> Self {
        self.settings.sign_out_redirect = Some(uri.into());
        self
    }

    /// What the revoke endpoint answers for a session that has ended.
    pub fn ended_revoke(mut self, answer: EndedRevoke) -> Self {
        self.settings.ended_revoke = answer;
        self
    }

    /// What the logout address does with a session that has ended.
    pub fn ended_logout(mut self, answer: EndedLogout) -> Self {
        self.settings.ended_logout = answer;
        self
    }

    /// The origin under which clients believe to reach the provider in process. [`DevIdp::serve`] replaces it by its own.
    /// Default: `http://127.0.0.1`.
    pub fn base_url(mut self, origin: impl Into<String>) -> Self {
        self.settings.base = origin.into();
        self
    }

    /// The secret that signs webhooks. Default: a new one.
    pub fn webhook_secret(mut self, secret: impl Into<String>) -> Self {
        self.webhook_secret = Some(secret.into());
        self
    }

    /// Posts webhooks to this URL, plain HTTP on this machine, besides keeping them for [`DevIdp::webhooks`].
    pub fn webhook_url(mut self, url: impl Into<String>) -> Self {
        self.webhook_url = Some(url.into());
        self
    }

    /// The clock. Default: [`IdpClock::system`].
    pub fn clock(mut self, clock: IdpClock) -> Self {
        self.clock = clock;
        self
    }

    /// Makes every id, token and code follow from this seed. For tests that compare whole answers; default: random.
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Makes the provider.
    ///
    /// # Errors
    /// [`BuildError`] for a setting that cannot be, and when no random bytes or RSA key can be had.
    pub fn build(mut self) -> Result<DevIdp, BuildError> {
        let mut ids = Ids::new(&self.seed_or_random()?);
        self.settings.api_key = match self.api_key.take() {
            Some(key) if key.expose_secret().starts_with("sk_test_") => key,
            Some(_) => return Err(BuildError::NotATestKey),
            None => ApiKey::from(format!("sk_test_{}", ids.secret().replace(['-', '_'], "0"))),
        };
        self.settings.webhook_secret =
            self.webhook_secret.take().unwrap_or_else(|| ids.secret().replace(['-', '_'], "0"));
        if let Some(url) = self.webhook_url.take() {
            let target = WebhookTarget::parse(&url).ok_or(BuildError::BadWebhookUrl)?;
            self.settings.webhook_target = Some(target);
        }
        check_client_id(&self.settings.client_id)?;
        self.settings.base = checked_origin(&self.settings.base)?;
        self.settings.authkit_issuer = checked_origin(&self.settings.authkit_issuer)?;
        let users = self.users.take().unwrap_or_else(demo_users);
        check_claims(&self.settings.claims, &users)?;
        check_unique(&users)?;
        let organizations = all_organizations(self.organizations, &users);
        let keys = KeySet::new(ids.id("sso_oidc_key_pair", self.clock.now()))?;
        let authkit_kid = ids.id("sso_oidc_key_pair", self.clock.now());
        let state = State::new(self.settings, ids, keys, authkit_kid, users, organizations);
        Ok(DevIdp::from_parts(state, self.clock))
    }

    fn seed_or_random(&self) -> Result<[u8; 32], BuildError> {
        if let Some(seed) = self.seed {
            return Ok(seed);
        }
        let mut seed = [0; 32];
        SystemRandom.fill(&mut seed).map_err(|_| BuildError::NoRandom)?;
        Ok(seed)
    }
}

impl fmt::Debug for DevIdpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIdpBuilder").field("client_id", &self.settings.client_id).finish_non_exhaustive()
    }
}

fn check_client_id(client_id: &str) -> Result<(), BuildError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if client_id.is_empty() || !client_id.bytes().all(fine) { Err(BuildError::BadClientId) } else { Ok(()) }
}

/// An origin, without the slash at its end. Nothing listens at it unless `serve` is called, so any host may be believed.
fn checked_origin(text: &str) -> Result<String, BuildError> {
    let bad = || BuildError::BadBaseUrl;
    let url = url::Url::parse(text).map_err(|_| bad())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    if plain { Ok(url.origin().ascii_serialization()) } else { Err(bad()) }
}

fn check_claims(template: &Map<String, Value>, users: &[User]) -> Result<(), BuildError> {
    for claims in users.iter().map(|user| &user.claims).chain([template]) {
        if let Some(name) = reserved_claim(claims) {
            return Err(BuildError::ReservedClaim(name));
        }
    }
    let size = Value::Object(template.clone()).to_string().len();
    if size > CUSTOM_CLAIMS_LIMIT { Err(BuildError::ClaimsTooBig) } else { Ok(()) }
}

fn check_unique(users: &[User]) -> Result<(), BuildError> {
    let mut seen = HashSet::new();
    for user in users {
        for name in [user.id.clone(), user.email.to_ascii_lowercase()] {
            if !seen.insert(name.clone()) {
                return Err(BuildError::DuplicateUser(name));
            }
        }
    }
    Ok(())
}

fn all_organizations(mut all: Vec<Organization>, users: &[User]) -> Vec<Organization> {
    for membership in users.iter().flat_map(|user| &user.memberships) {
        if !all.iter().any(|known| known.id() == membership.organization().id()) {
            all.push(membership.organization().clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(builder: DevIdpBuilder) -> BuildError {
        builder.build().unwrap_err()
    }

    #[test]
    fn a_production_key_is_refused_and_never_shown() {
        for key in ["sk_live_abc", "sk_prod_abc", "sk_abc", "", "SK_TEST_abc", " sk_test_a"] {
            let refused = error(DevIdp::builder().api_key(key));
            assert_eq!(refused, BuildError::NotATestKey);
            assert!(!format!("{:?}", DevIdp::builder().api_key(key).seed([77; 32])).contains("77"));
            assert!(key.is_empty() || !format!("{refused} {refused:?}").contains("abc"));
        }
    }

    #[test]
    fn every_bad_setting_has_its_own_error() {
        assert_eq!(error(DevIdp::builder().client_id("a/b")), BuildError::BadClientId);
        assert_eq!(error(DevIdp::builder().claim("sub", "x")), BuildError::ReservedClaim("sub"));
        assert_eq!(error(DevIdp::builder().claim("big", "x".repeat(4_000))), BuildError::ClaimsTooBig);
        let twins = [User::new("a@example.com"), User::new("A@example.com").with_id("user_2")];
        assert_eq!(
            error(DevIdp::builder().users(twins)),
            BuildError::DuplicateUser("a@example.com".to_owned())
        );
        for url in ["http://127.0.0.1/path", "ftp://127.0.0.1", "nonsense"] {
            assert_eq!(error(DevIdp::builder().base_url(url)), BuildError::BadBaseUrl);
            assert_eq!(error(DevIdp::builder().authkit_issuer(url)), BuildError::BadBaseUrl);
        }
        let url = "http://example.com/hook";
        assert_eq!(error(DevIdp::builder().webhook_url(url)), BuildError::BadWebhookUrl);
    }
}
