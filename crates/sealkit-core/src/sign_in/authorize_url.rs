//! `GET /user_management/authorize`: every documented parameter, typed, validated, in a fixed order.

use super::CodeChallenge;
use crate::{
    State,
    shape::{self, Shape},
};
use std::{fmt, time::Duration};
use url::Url;

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// Another one, as it stands in the URL.
            Other(String),
        }

        impl $name {
            /// As it stands in the URL.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $text,)* Self::Other(text) => text }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text { $($text => Self::$variant,)* other => Self::Other(other.to_owned()) }
            }
        }
    };
}

text_enum! {
    /// Who signs the user in.
    Provider {
        /// AuthKit's hosted page: the default.
        AuthKit "authkit";
        /// Apple.
        Apple "AppleOAuth";
        /// Bitbucket.
        Bitbucket "BitbucketOAuth";
        /// GitHub.
        GitHub "GitHubOAuth";
        /// GitLab.
        GitLab "GitLabOAuth";
        /// Google.
        Google "GoogleOAuth";
        /// Intuit.
        Intuit "IntuitOAuth";
        /// LinkedIn.
        LinkedIn "LinkedInOAuth";
        /// Microsoft.
        Microsoft "MicrosoftOAuth";
        /// Salesforce.
        Salesforce "SalesforceOAuth";
        /// Slack.
        Slack "SlackOAuth";
        /// Vercel Marketplace.
        VercelMarketplace "VercelMarketplaceOAuth";
        /// Vercel.
        Vercel "VercelOAuth";
        /// Xero.
        Xero "XeroOAuth";
    }
}

text_enum! {
    /// What the provider asks of the user (OpenID Connect Core §3.1.2.1).
    Prompt {
        /// Sign in again.
        Login "login";
        /// Ask nothing.
        None "none";
        /// Ask for consent.
        Consent "consent";
        /// Choose an account.
        SelectAccount "select_account";
    }
}

/// Which page AuthKit shows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScreenHint {
    /// Signing in: the default.
    SignIn,
    /// Signing up.
    SignUp,
}

impl ScreenHint {
    /// As it stands in the URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::SignUp => "sign-up",
        }
    }
}

/// An authorize URL. It carries the state: `Debug` shows the origin only.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizeUrl(Url);

impl AuthorizeUrl {
    /// A URL to fill. `api_base` is the origin of the API, `https://api.workos.com` or a custom domain.
    pub fn builder<'a>(
        api_base: &'a str,
        client_id: &'a str,
        redirect_uri: &'a str,
    ) -> AuthorizeUrlBuilder<'a> {
        AuthorizeUrlBuilder {
            api_base,
            client_id,
            redirect_uri,
            provider: None,
            connection_id: None,
            organization_id: None,
            state: None,
            code_challenge: None,
            screen_hint: None,
            login_hint: None,
            domain_hint: None,
            prompt: None,
            max_age: None,
            invitation_token: None,
            provider_scopes: Vec::new(),
            provider_query_params: Vec::new(),
            claim_nonce: None,
        }
    }

    /// For the `Location` header; never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for AuthorizeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthorizeUrl").field(&self.0.origin().ascii_serialization()).finish()
    }
}

/// Collects the parameters of an [`AuthorizeUrl`]. Empty texts are left out.
#[derive(Clone)]
#[must_use]
pub struct AuthorizeUrlBuilder<'a> {
    api_base: &'a str,
    client_id: &'a str,
    redirect_uri: &'a str,
    provider: Option<Provider>,
    connection_id: Option<&'a str>,
    organization_id: Option<&'a str>,
    state: Option<&'a State>,
    code_challenge: Option<&'a CodeChallenge>,
    screen_hint: Option<ScreenHint>,
    login_hint: Option<&'a str>,
    domain_hint: Option<&'a str>,
    prompt: Option<Prompt>,
    max_age: Option<Duration>,
    invitation_token: Option<&'a str>,
    provider_scopes: Vec<&'a str>,
    provider_query_params: Vec<(&'a str, &'a str)>,
    claim_nonce: Option<&'a str>,
}

impl<'a> AuthorizeUrlBuilder<'a> {
    /// Selector: who signs the user in. Without any selector it is [`Provider::AuthKit`].
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Selector: one connection.
    pub const fn connection_id(mut self, id: &'a str) -> Self {
        self.connection_id = Some(id);
        self
    }

    /// Selector: the organization's connection. Together with an explicit [`Provider::AuthKit`], the organization that the
    /// hosted page signs in to, which is how the authkit libraries send it.
    pub const fn organization_id(mut self, id: &'a str) -> Self {
        self.organization_id = Some(id);
        self
    }

    /// `state`.
    pub const fn state(mut self, state: &'a State) -> Self {
        self.state = Some(state);
        self
    }

    /// `code_challenge`, with `code_challenge_method=S256`.
    pub const fn code_challenge(mut self, challenge: &'a CodeChallenge) -> Self {
        self.code_challenge = Some(challenge);
        self
    }

    /// `screen_hint`; with AuthKit's page only.
    pub const fn screen_hint(mut self, hint: ScreenHint) -> Self {
        self.screen_hint = Some(hint);
        self
    }

    /// `login_hint`: an e-mail address.
    pub const fn login_hint(mut self, hint: &'a str) -> Self {
        self.login_hint = Some(hint);
        self
    }

    /// `domain_hint`.
    pub const fn domain_hint(mut self, hint: &'a str) -> Self {
        self.domain_hint = Some(hint);
        self
    }

    /// `prompt`.
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// `max_age`, whole seconds: sign in again if the last time is longer ago; zero always. With AuthKit's page only.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// `invitation_token`.
    pub const fn invitation_token(mut self, token: &'a str) -> Self {
        self.invitation_token = Some(token);
        self
    }

    /// One more of `provider_scopes`; each becomes a parameter of its own, as the SDKs send them.
    pub fn provider_scope(mut self, scope: &'a str) -> Self {
        self.provider_scopes.push(scope);
        self
    }

    /// One more of `provider_query_params`, sent as `provider_query_params[name]=value`.
    pub fn provider_query_param(mut self, name: &'a str, value: &'a str) -> Self {
        self.provider_query_params.push((name, value));
        self
    }

    /// `claim_nonce`, for one-shot environments.
    pub const fn claim_nonce(mut self, nonce: &'a str) -> Self {
        self.claim_nonce = Some(nonce);
        self
    }

    /// Checks and writes.
    ///
    /// # Errors
    /// [`AuthorizeUrlError`] with every problem at once.
    pub fn build(self) -> Result<AuthorizeUrl, AuthorizeUrlError> {
        let problems = self.problems();
        let Some(mut url) = api_base(self.api_base).filter(|_| problems.is_empty()) else {
            return Err(AuthorizeUrlError { problems });
        };
        let path = format!("{}/user_management/authorize", url.path().trim_end_matches('/'));
        url.set_path(&path);
        self.write(&mut url);
        Ok(AuthorizeUrl(url))
    }

    /// The provider that is sent.
    fn selected_provider(&self) -> Option<&Provider> {
        match &self.provider {
            None if self.connection_id.is_none() && self.organization_id.is_none() => {
                Some(&Provider::AuthKit)
            }
            chosen => chosen.as_ref(),
        }
    }

    fn problems(&self) -> Vec<AuthorizeUrlProblem> {
        let mut problems = Vec::new();
        if api_base(self.api_base).is_none() {
            problems.push(AuthorizeUrlProblem::ApiBase);
        }
        if self.client_id.is_empty() {
            problems.push(AuthorizeUrlProblem::ClientId);
        }
        // RFC 6749 §3.1.2: absolute, without a fragment.
        if !Url::parse(self.redirect_uri).is_ok_and(|uri| uri.fragment().is_none()) {
            problems.push(AuthorizeUrlProblem::RedirectUri);
        }
        let authkit = self.selected_provider() == Some(&Provider::AuthKit);
        let provider_selects = self.provider.is_some() && !(authkit && self.organization_id.is_some());
        let selectors = [provider_selects, self.connection_id.is_some(), self.organization_id.is_some()];
        if selectors.into_iter().filter(|given| *given).count() > 1 {
            problems.push(AuthorizeUrlProblem::Selectors);
        }
        if self.screen_hint.is_some() && !authkit {
            problems.push(AuthorizeUrlProblem::ScreenHint);
        }
        if self.max_age.is_some() && !authkit {
            problems.push(AuthorizeUrlProblem::MaxAge);
        }
        if self.provider_query_params.iter().any(|(name, _)| name.is_empty() || name.contains(['[', ']'])) {
            problems.push(AuthorizeUrlProblem::ProviderQueryParam);
        }
        problems.extend(self.malformed().map(AuthorizeUrlProblem::Shape));
        problems
    }

    /// The parameters that do not have their shape.
    fn malformed(&self) -> impl Iterator<Item = &'static str> {
        let prompt = self.prompt.as_ref().map(Prompt::as_str);
        let shapes: [(&str, Option<&str>, Shape); 7] = [
            ("connection_id", self.connection_id, shape::is_id),
            ("organization_id", self.organization_id, shape::is_id),
            ("login_hint", self.login_hint, shape::is_hint),
            ("domain_hint", self.domain_hint, shape::is_hint),
            ("prompt", prompt, shape::is_token),
            ("invitation_token", self.invitation_token, shape::is_token),
            ("claim_nonce", self.claim_nonce, shape::is_token),
        ];
        shapes
            .into_iter()
            .filter(|(_, value, fits)| value.is_some_and(|value| !value.is_empty() && !fits(value)))
            .map(|(name, ..)| name)
    }

    fn write(&self, url: &mut Url) {
        let max_age = self.max_age.map(|age| age.as_secs().to_string());
        let optional = [
            ("provider", self.selected_provider().map(Provider::as_str)),
            ("connection_id", self.connection_id),
            ("organization_id", self.organization_id),
            ("state", self.state.map(State::expose_secret)),
            ("code_challenge", self.code_challenge.map(CodeChallenge::as_str)),
            ("code_challenge_method", self.code_challenge.map(|_| "S256")),
            ("screen_hint", self.screen_hint.map(ScreenHint::as_str)),
            ("login_hint", self.login_hint),
            ("domain_hint", self.domain_hint),
            ("prompt", self.prompt.as_ref().map(Prompt::as_str)),
            ("max_age", max_age.as_deref()),
            ("invitation_token", self.invitation_token),
            ("claim_nonce", self.claim_nonce),
        ];
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", self.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("response_type", "code");
        for (name, value) in optional {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                query.append_pair(name, value);
            }
        }
        for scope in &self.provider_scopes {
            query.append_pair("provider_scopes", scope);
        }
        for (name, value) in &self.provider_query_params {
            query.append_pair(&format!("provider_query_params[{name}]"), value);
        }
    }
}

impl fmt::Debug for AuthorizeUrlBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeUrlBuilder").field("api_base", &self.api_base).finish_non_exhaustive()
    }
}

fn api_base(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// One thing that is wrong with the parameters. `Display` names the fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizeUrlProblem {
    /// The API base is no origin.
    #[error(
        "the API base must be an http or https URL without query and credentials, like `https://api.workos.com`"
    )]
    ApiBase,
    /// There is no client id.
    #[error("the client id is empty; it begins with `client_`")]
    ClientId,
    /// The redirect URI is not absolute, or has a fragment.
    #[error(
        "the redirect uri must be an absolute URL without a fragment, like `https://app.example/callback`"
    )]
    RedirectUri,
    /// More than one selector.
    #[error("give one of provider, connection id and organization id")]
    Selectors,
    /// `screen_hint` without AuthKit's page.
    #[error("a screen hint needs the provider `authkit`; remove one of them")]
    ScreenHint,
    /// `max_age` without AuthKit's page.
    #[error("a maximum age needs the provider `authkit`; remove one of them")]
    MaxAge,
    /// A name in `provider_query_params` is empty or has brackets.
    #[error("names of provider query parameters may not be empty or hold brackets")]
    ProviderQueryParam,
    /// This parameter does not have the shape of one (see [`shape`]).
    #[error("{0} is too long, or has characters that it cannot have; leave it out")]
    Shape(&'static str),
}

crate::problems::problems_error! {
    /// The parameters do not make an authorize URL.
    AuthorizeUrlError of AuthorizeUrlProblem
}

#[cfg(test)]
mod tests;
