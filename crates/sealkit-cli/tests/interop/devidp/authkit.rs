//! `@workos/authkit-session`, as the adapters of frameworks use it.

use super::*;
use sealkit::{
    SignInRequest,
    api::RequestContext,
    sign_in::{OwnRoutes, ReturnTo},
};
use sealkit_devidp::MintSession;

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
