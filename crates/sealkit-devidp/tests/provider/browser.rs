//! The authorize endpoint as a browser and as a script meet it.

use crate::common::{api, authenticate, build, claims, frozen, get, grant, send};
use bytes::Bytes;
use http::{Request, Response};
use sealkit_devidp::{DevIdp, OrganizationChoice};
use serde_json::json;
use std::{collections::HashMap, time::Duration};
use url::Url;

const ADA: &str = "ada@example.com";
const BASE: &str =
    "response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fcb&provider=authkit&state=s%26t";

fn url(idp: &DevIdp, rest: &str) -> String {
    format!("/user_management/authorize?client_id={}&{BASE}{rest}", idp.client_id())
}

async fn submit(idp: &DevIdp, rest: &str, form: &str) -> Response<Bytes> {
    let request = Request::post(url(idp, rest))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(form.to_owned()))
        .unwrap();
    send(idp, request).await
}

/// The parameters with which a redirect goes back to the application.
#[track_caller]
fn back(response: &Response<Bytes>) -> HashMap<String, String> {
    assert!(matches!(response.status().as_u16(), 302 | 303), "{}", response.status());
    let url = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    assert_eq!(url.path(), "/cb");
    url.query_pairs().into_owned().collect()
}

fn page(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

#[tokio::test]
async fn the_page_has_a_button_for_everybody_and_no_script() {
    let idp = frozen();
    let response = get(&idp, &url(&idp, "")).await;
    let html = page(&response);
    for user in idp.users() {
        assert!(html.contains(&format!("value=\"{}\"", user.id())), "{}", user.email());
    }
    assert!(html.contains("Development identity provider") && html.contains("<label for=\"password\">"));
    assert!(!html.contains("<script") && !html.contains("style="));
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'")
            && policy.contains("form-action 'self' http://localhost:3000 ")
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    let style = html.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(get(&idp, style).await.headers()["content-type"], "text/css; charset=utf-8");
    assert_eq!(get(&idp, "/devidp/icon.svg").await.status(), 200);
    assert_eq!(get(&idp, "/devidp/style-0.css").await.status(), 404);
}

#[tokio::test]
async fn a_button_leads_to_a_code_that_is_bound_to_the_redirect_uri() {
    let idp = frozen();
    let id = idp.users()[1].id().to_owned();
    let parameters = back(&submit(&idp, "", &format!("user={id}")).await);
    assert_eq!(parameters["state"], "s&t");
    let wrong = json!({ "code": parameters["code"], "redirect_uri": "http://localhost:3000/other" });
    grant(&idp, "authorization_code", wrong).await.is(400, "invalid_grant");
    let right = json!({ "code": parameters["code"], "redirect_uri": "http://localhost:3000/cb" });
    assert_eq!(grant(&idp, "authorization_code", right).await.ok()["user"]["email"], "grace@example.com");
}

#[tokio::test]
async fn the_form_takes_a_password_and_shows_what_is_wrong() {
    let idp = frozen();
    let wrong = submit(&idp, "", "email=ada%40example.com&password=nope").await;
    assert!(page(&wrong).contains("The e-mail address or the password is wrong."));
    let right = submit(&idp, "", "email=ada%40example.com&password=ada-dev-password").await;
    assert!(back(&right).contains_key("code"));
    assert_eq!(back(&submit(&idp, "", "deny=1").await)["error"], "access_denied");
}

#[tokio::test]
async fn an_account_can_be_made_unless_that_is_switched_off() {
    let form = "sign_up=1&email=new%40example.com&password=pw&first_name=New&last_name=Person";
    let idp = frozen();
    let code = back(&submit(&idp, "&screen_hint=sign-up", form).await)["code"].clone();
    let user = grant(&idp, "authorization_code", json!({ "code": code })).await.ok()["user"].clone();
    assert_eq!((&user["name"], &user["email"]), (&json!("New Person"), &json!("new@example.com")));
    assert!(page(&submit(&idp, "", form).await).contains("There is an account"));
    let closed = build(DevIdp::builder().sign_up(false));
    assert!(page(&submit(&closed, "", form).await).contains("New accounts are not allowed"));
}

#[tokio::test]
async fn somebody_of_the_staff_can_impersonate() {
    let idp = frozen();
    let form = format!("user={}&impersonator=staff%40example.com&reason=why", idp.users()[0].id());
    let response = submit(&idp, "", &form).await;
    assert!(!response.headers().contains_key("set-cookie"));
    let answer = grant(&idp, "authorization_code", json!({ "code": back(&response)["code"] })).await.ok();
    assert_eq!(answer["impersonator"], json!({ "email": "staff@example.com", "reason": "why" }));
    assert_eq!(answer["authentication_method"], "Impersonation");
}

#[tokio::test]
async fn the_organization_is_asked_for_when_it_is_to_be() {
    let idp = build(DevIdp::builder().organization_choice(OrganizationChoice::Ask));
    let (ada, navy) = (idp.users()[0].id().to_owned(), idp.organizations()[1].id().to_owned());
    let question = submit(&idp, "", &format!("user={ada}")).await;
    assert!(page(&question).contains("Navy Compilers"));
    let form = format!("user={ada}&organization={navy}");
    let code = back(&submit(&idp, "", &form).await)["code"].clone();
    let answer = grant(&idp, "authorization_code", json!({ "code": code })).await.ok();
    assert_eq!(answer["organization_id"], navy.as_str());
    // Asked for by the application: no question, members only.
    let rest = format!("&organization_id={navy}");
    assert!(back(&submit(&idp, &rest, &format!("user={ada}")).await).contains_key("code"));
    let alan = idp.users()[2].id().to_owned();
    assert!(page(&submit(&idp, &rest, &format!("user={alan}")).await).contains("not a member"));
    assert!(!page(&get(&idp, &url(&idp, &rest)).await).contains(&alan));
}

#[tokio::test]
async fn nothing_of_the_request_is_written_unescaped() {
    let idp = frozen();
    let rest = "&login_hint=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E&x=\"><script>";
    let request = url(&idp, rest.split("&x=").next().unwrap());
    let html = page(&get(&idp, &request).await);
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(1)"));
    let device = page(&get(&idp, "/device?user_code=%3Cimg%3E").await);
    assert!(!device.contains("<img>"));
}

#[tokio::test]
async fn a_bad_client_or_redirect_uri_is_never_redirected() {
    let idp = frozen();
    let uri = |uri: &str| {
        format!(
            "/user_management/authorize?client_id={}&response_type=code&provider=authkit&redirect_uri={uri}",
            idp.client_id()
        )
    };
    for bad in [
        "https%3A%2F%2Fevil.example%2Fcb",
        "http%3A%2F%2Flocalhost.evil.example%2F",
        "http%3A%2F%2Flocalhost%40evil.example%2F",
        "javascript%3Aalert(1)",
        "",
    ] {
        let response = get(&idp, &uri(bad)).await;
        assert_eq!(response.status(), 400, "{bad}");
        assert!(!response.headers().contains_key("location"));
    }
    let other = uri("http%3A%2F%2Flocalhost").replace("client_", "client_x");
    assert_eq!(get(&idp, &other).await.status(), 400);
    let listed = build(DevIdp::builder().allow_redirect_uri("https://app.example.com/cb").auto_approve(true));
    let request = format!(
        "/user_management/authorize?client_id={}&{}",
        listed.client_id(),
        BASE.replace("http%3A%2F%2Flocalhost%3A3000", "https%3A%2F%2Fapp.example.com")
    );
    assert!(back(&get(&listed, &request).await).contains_key("code"));
}

#[tokio::test]
async fn other_mistakes_go_back_with_their_code() {
    let idp = frozen();
    let challenge = "x".repeat(43);
    for (rest, code) in [
        ("&connection_id=conn_1".to_owned(), "ambiguous_connection_selector"),
        (format!("&code_challenge={challenge}&code_challenge_method=plain"), "invalid_request"),
        (format!("&code_challenge={challenge}"), "invalid_request"),
        ("&code_challenge=short&code_challenge_method=S256".to_owned(), "invalid_request"),
        ("&organization_id=org_0".to_owned(), "organization_invalid"),
        ("&max_age=-1".to_owned(), "invalid_request"),
        ("&screen_hint=dance".to_owned(), "invalid_request"),
        ("&prompt=none".to_owned(), "login_required"),
    ] {
        let parameters = back(&get(&idp, &url(&idp, &rest)).await);
        assert_eq!((parameters["error"].as_str(), parameters["state"].as_str()), (code, "s&t"), "{rest}");
    }
    let replaced = |from: &str, to: &str| url(&idp, "").replace(from, to);
    for (request, code) in [
        (replaced("&provider=authkit", ""), "invalid_connection_selector"),
        (replaced("authkit", "NoSuchOAuth"), "connection_invalid"),
        (replaced("response_type=code", "response_type=token"), "unsupported_response_type"),
    ] {
        assert_eq!(back(&get(&idp, &request).await)["error"], code);
    }
}

#[tokio::test]
async fn without_the_page_the_hint_decides_and_else_the_first() {
    let idp = build(DevIdp::builder().auto_approve(true));
    let who = |rest: &'static str| {
        let idp = idp.clone();
        async move {
            let parameters = back(&get(&idp, &url(&idp, rest)).await);
            match parameters.get("code") {
                Some(code) => {
                    grant(&idp, "authorization_code", json!({ "code": code })).await.ok()["user"]["email"]
                        .clone()
                }
                None => json!(parameters["error"]),
            }
        }
    };
    assert_eq!(who("").await, ADA);
    assert_eq!(who("&login_hint=alan%40example.com").await, "alan@example.com");
    assert_eq!(who("&login_hint=nobody%40example.com").await, "access_denied");
    assert_eq!(
        who("&organization_id=org_01JGFNAVYC0MP1LERS00000000&login_hint=grace%40example.com").await,
        "grace@example.com"
    );
}

#[tokio::test]
async fn the_method_follows_the_selector() {
    let idp = build(DevIdp::builder().auto_approve(true));
    for (selector, method) in [
        ("provider=GoogleOAuth", "GoogleOAuth"),
        ("connection_id=conn_1", "SSO"),
        ("organization_id=org_01JGFNAVYC0MP1LERS00000000", "SSO"),
        ("provider=authkit", "Password"),
    ] {
        let request = url(&idp, "").replace("provider=authkit", selector);
        let code = back(&get(&idp, &request).await)["code"].clone();
        let answer = grant(&idp, "authorization_code", json!({ "code": code })).await.ok();
        assert_eq!(answer["authentication_method"], method);
    }
}

#[tokio::test]
async fn known_browser_goes_back_with_its_earlier_sign_in() {
    let idp = build(DevIdp::builder().auto_approve(true));
    let first = get(&idp, &url(&idp, "&login_hint=grace%40example.com")).await;
    let began = idp.clock().now().as_secs();
    let cookie = first.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    idp.advance(Duration::from_secs(3_600));
    let later = idp.clock().now().as_secs();
    for (rest, email, auth_time) in [
        ("", "grace@example.com", began),
        ("&max_age=3601", "grace@example.com", began),
        ("&max_age=3600", ADA, later),
        ("&max_age=0", ADA, later),
        ("&prompt=login", ADA, later),
        ("&login_hint=alan%40example.com", "alan@example.com", later),
    ] {
        let request =
            Request::get(url(&idp, rest)).header("cookie", cookie.as_str()).body(Bytes::new()).unwrap();
        let code = back(&send(&idp, request).await)["code"].clone();
        let answer = grant(&idp, "authorization_code", json!({ "code": code })).await.ok();
        let claims = claims(answer["access_token"].as_str().unwrap());
        assert_eq!(
            (&answer["user"]["email"], &claims["auth_time"]),
            (&json!(email), &json!(auth_time)),
            "{rest}"
        );
    }
}

#[tokio::test]
async fn a_browser_is_remembered_until_it_signs_out() {
    let idp = frozen();
    let signed_in = submit(&idp, "", &format!("user={}", idp.users()[0].id())).await;
    let auth_time = idp.clock().now().as_secs();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let silent = |rest: &'static str| {
        let (idp, cookie) = (idp.clone(), cookie.clone());
        async move {
            let request = Request::get(url(&idp, rest)).header("cookie", cookie).body(Bytes::new()).unwrap();
            back(&send(&idp, request).await)
        }
    };
    idp.advance(Duration::from_secs(60));
    let code = silent("&prompt=none&max_age=120").await["code"].clone();
    let answer = grant(&idp, "authorization_code", json!({ "code": code })).await.ok();
    assert_eq!(claims(answer["access_token"].as_str().unwrap())["auth_time"], auth_time);
    assert_eq!(silent("&prompt=none&max_age=60").await["error"], "login_required");
    assert_eq!(silent("&prompt=none&login_hint=grace%40example.com").await["error"], "login_required");
    let logout = Request::get("/user_management/sessions/logout?session_id=session_x")
        .header("cookie", cookie.clone())
        .body(Bytes::new())
        .unwrap();
    assert!(send(&idp, logout).await.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(silent("&prompt=none").await["error"], "login_required");
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let idp = frozen();
    let request = Request::post(url(&idp, ""))
        .header("host", "127.0.0.1:4000")
        .header("origin", "http://evil.example")
        .body(Bytes::from(format!("user={}", idp.users()[0].id())))
        .unwrap();
    assert_eq!(send(&idp, request).await.status(), 403);
}

#[tokio::test]
async fn a_device_is_confirmed_on_its_page() {
    let idp = frozen();
    let body = json!({ "client_id": idp.client_id() });
    let device = api(&idp, "POST", "/user_management/authorize/device", &body).await.ok();
    let code = device["user_code"].as_str().unwrap();
    assert!(page(&get(&idp, &format!("/device?user_code={code}")).await).contains(code));
    let post = |form: String| {
        let idp = idp.clone();
        async move { page(&send(&idp, Request::post("/device").body(Bytes::from(form)).unwrap()).await) }
    };
    assert!(post(format!("user_code=NOPE&user={}", idp.users()[0].id())).await.contains("Nothing waits"));
    assert!(post(format!("user_code={code}")).await.contains("Choose who you are"));
    assert!(
        post(format!("user_code={code}&user={}", idp.users()[0].id())).await.contains("Device connected")
    );
    let body = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": idp.client_id(),
        "device_code": device["device_code"],
    });
    assert_eq!(authenticate(&idp, &body).await.ok()["user"]["email"], ADA);
}
