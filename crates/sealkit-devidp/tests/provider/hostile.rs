//! Hostile names and hints on the provider's pages.

use crate::common::{build, get, send};
use bytes::Bytes;
use http::{Request, Response};
use sealkit_devidp::{DevIdp, Membership, Organization, OrganizationChoice, User};

/// Control, bidirectional and invisible characters around a name.
fn hostile(name: &str) -> String {
    format!("{name}\n\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{61c}\u{200b}\u{2028}\u{feff}\u{3164}\u{e0041}<b>")
}

#[track_caller]
fn assert_harmless(response: &Response<Bytes>, shown: &str) {
    let page = String::from_utf8(response.body().to_vec()).unwrap();
    let raw = page.chars().find(|c| {
        (c.is_control() && *c != '\n')
            || matches!(u32::from(*c), 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xe0000..=0xe0fff)
    });
    assert_eq!(raw, None, "{page}");
    assert!(page.contains(shown) && !page.contains("<b>"), "{shown} is not in\n{page}");
}

#[tokio::test]
async fn hostile_text_is_escaped_on_every_page() {
    let acme = Organization::new("org_1", hostile("Acme"));
    let other = Organization::new("org_2", hostile("Other"));
    let user = User::new(hostile("ada@example.com"))
        .with_id("user_1")
        .with_name(hostile("Ada"), hostile("Lovelace"))
        .with_membership(Membership::new(&acme).with_roles([hostile("admin")]))
        .with_membership(Membership::new(&other));
    let idp = build(DevIdp::builder().users([user]).organization_choice(OrganizationChoice::Ask));
    let hint: String = url::form_urlencoded::byte_serialize(hostile("hint").as_bytes()).collect();
    let query = format!(
        "client_id={}&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fcb&login_hint={hint}&x=\u{202e}\u{200b}",
        idp.client_id()
    );
    let name = r"Ada\n\u{1b}[2J\u{9b}31m\u{202e}";
    assert_harmless(&get(&idp, "/").await, name);
    for rest in [
        "&provider=authkit",
        "&provider=authkit&screen_hint=sign-up",
        "&organization_id=org_1",
        "&provider=GoogleOAuth",
    ] {
        assert_harmless(&get(&idp, &format!("/user_management/authorize?{query}{rest}")).await, name);
    }
    let form = |path: &str, body: &str| {
        Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body.to_owned()))
            .unwrap()
    };
    let authorize = format!("/user_management/authorize?{query}&provider=authkit");
    assert_harmless(&send(&idp, form(&authorize, "user=user_1")).await, r"Acme\n\u{1b}");
    assert_harmless(&send(&idp, form(&authorize, &format!("email={hint}&password={hint}"))).await, name);
    assert_harmless(&get(&idp, &format!("/device?user_code={hint}")).await, name);
    assert_harmless(
        &send(&idp, form("/device", &format!("user_code={hint}&user={hint}"))).await,
        "Connect a device",
    );
    let redirect = format!("/user_management/authorize?client_id={hint}&redirect_uri={hint}&provider={hint}");
    assert_harmless(&get(&idp, &redirect).await, "This does not work");
}
