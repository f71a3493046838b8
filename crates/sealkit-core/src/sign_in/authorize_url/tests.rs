//! The URL, parameter by parameter.

use super::*;
use crate::CodeVerifier;

const BASE: &str = "https://api.workos.com";
const BACK: &str = "https://app.example/callback?x=1";

fn builder() -> AuthorizeUrlBuilder<'static> {
    AuthorizeUrl::builder(BASE, "client_123", BACK)
}

#[test]
fn the_default_selector_is_authkit() {
    insta::assert_snapshot!(builder().build().unwrap().as_str(), @"https://api.workos.com/user_management/authorize?client_id=client_123&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback%3Fx%3D1&response_type=code&provider=authkit");
}

#[test]
fn every_parameter_is_written_in_order_and_encoded() {
    let state = State::from("Fe26.2*1*a&b~2");
    let challenge = CodeChallenge::of(&CodeVerifier::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    let url = builder()
        .claim_nonce("n")
        .provider_query_param("hd", "example.com")
        .provider_scope("read write")
        .provider_scope("e-mail")
        .invitation_token("inv")
        .max_age(Duration::ZERO)
        .prompt(Prompt::SelectAccount)
        .domain_hint("example.com")
        .login_hint("user+tag@example.com")
        .screen_hint(ScreenHint::SignUp)
        .code_challenge(&challenge)
        .state(&state)
        .build()
        .unwrap();
    insta::assert_snapshot!(url.as_str().replace('&', "\n&"), @r"
    https://api.workos.com/user_management/authorize?client_id=client_123
    &redirect_uri=https%3A%2F%2Fapp.example%2Fcallback%3Fx%3D1
    &response_type=code
    &provider=authkit
    &state=Fe26.2*1*a%26b%7E2
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
    &code_challenge_method=S256
    &screen_hint=sign-up
    &login_hint=user%2Btag%40example.com
    &domain_hint=example.com
    &prompt=select_account
    &max_age=0
    &invitation_token=inv
    &claim_nonce=n
    &provider_scopes=read+write
    &provider_scopes=e-mail
    &provider_query_params%5Bhd%5D=example.com
    ");
    assert_eq!(format!("{url:?}"), "AuthorizeUrl(\"https://api.workos.com\")");
}

#[test]
fn another_selector_replaces_the_default() {
    let tail = |builder: AuthorizeUrlBuilder<'_>| {
        builder.build().unwrap().as_str().split_once("code&").unwrap().1.to_owned()
    };
    assert_eq!(tail(builder().organization_id("org_1")), "organization_id=org_1");
    assert_eq!(tail(builder().connection_id("conn_1")), "connection_id=conn_1");
    assert_eq!(tail(builder().provider(Provider::GitHub)), "provider=GitHubOAuth");
    assert_eq!(tail(builder().provider(Provider::from("NewOAuth"))), "provider=NewOAuth");
    assert_eq!(Provider::from("XeroOAuth"), Provider::Xero);
}

#[test]
fn authkit_may_be_told_the_organization_as_the_libraries_do() {
    let url = builder()
        .provider(Provider::AuthKit)
        .organization_id("org_1")
        .screen_hint(ScreenHint::SignIn)
        .build()
        .unwrap();
    assert!(url.as_str().ends_with("&provider=authkit&organization_id=org_1&screen_hint=sign-in"));
}

#[test]
fn the_api_base_may_have_a_port_and_a_path() {
    let url = AuthorizeUrl::builder("http://127.0.0.1:8099/idp/", "c", BACK).build().unwrap();
    assert!(url.as_str().starts_with("http://127.0.0.1:8099/idp/user_management/authorize?client_id=c&"));
}

#[test]
fn every_problem_is_told_at_once_and_names_its_fix() {
    let error = AuthorizeUrl::builder("ftp://x", "", "/callback")
        .provider(Provider::Google)
        .connection_id("c")
        .organization_id("o")
        .screen_hint(ScreenHint::SignUp)
        .max_age(Duration::ZERO)
        .provider_query_param("a]", "b")
        .build()
        .unwrap_err();
    insta::assert_snapshot!(error.to_string().replace("; ", "\n"), @r"
    the API base must be an http or https URL without query and credentials, like `https://api.workos.com`
    the client id is empty
    it begins with `client_`
    the redirect uri must be an absolute URL without a fragment, like `https://app.example/callback`
    give one of provider, connection id and organization id
    a screen hint needs the provider `authkit`
    remove one of them
    a maximum age needs the provider `authkit`
    remove one of them
    names of provider query parameters may not be empty or hold brackets
    ");
    for two in [
        builder().connection_id("c").organization_id("o"),
        builder().provider(Provider::AuthKit).connection_id("c"),
        builder().provider(Provider::Google).organization_id("o"),
    ] {
        assert_eq!(two.build().unwrap_err().problems(), [AuthorizeUrlProblem::Selectors]);
    }
}

#[test]
fn malformed_value_of_a_visitor_is_a_problem() {
    let problem = |builder: AuthorizeUrlBuilder<'_>| builder.build().unwrap_err().problems().to_vec();
    let long = "x".repeat(10_000);
    assert_eq!(problem(builder().organization_id("org_\0")), [AuthorizeUrlProblem::Shape("organization_id")]);
    assert_eq!(problem(builder().connection_id("a b")), [AuthorizeUrlProblem::Shape("connection_id")]);
    let both = problem(builder().login_hint("a\nb").invitation_token(&long));
    assert_eq!(both, ["login_hint", "invitation_token"].map(AuthorizeUrlProblem::Shape));
    assert_eq!(problem(builder().prompt(Prompt::from("é"))), [AuthorizeUrlProblem::Shape("prompt")]);
    assert!(builder().organization_id("").login_hint("jürgen@bücher.example").build().is_ok());
}
