use super::*;
use proptest::prelude::*;

fn clean(input: &str) -> String {
    ReturnTo::sanitize(input, &OwnRoutes::default()).as_str().to_owned()
}

/// The inputs of the table that name an origin of their own, or a scheme: authkit-session keeps their path, we do not.
const LEAVING: [&str; 11] = [
    "//evil.test",
    "///evil.test/x",
    "https://evil.test/x?y#z",
    "\\\\evil.test",
    "/\\evil.test",
    "javascript:alert(1)",
    "/\t/evil.test",
    "http:/evil",
    "http:evil",
    "https:\\\\evil.test",
    "mailto:a@b.test",
];

#[test]
fn the_result_is_that_of_authkit_session_unless_the_input_leaves_the_origin() {
    let tables: serde_json::Value =
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/tables.json")))
            .unwrap();
    let rows = tables["return_pathname"].as_array().unwrap();
    assert_eq!(rows.len(), 34);
    let mut leaving = 0;
    for row in rows {
        let input = row["input"].as_str().unwrap();
        if LEAVING.contains(&input) {
            assert_eq!(clean(input), "/", "{input:?}");
            leaving += 1;
        } else {
            assert_eq!(clean(input), row["authkit_session"].as_str().unwrap(), "{input:?}");
        }
    }
    assert_eq!(leaving, LEAVING.len());
}

/// What got through elsewhere: three rounds of oauth2-proxy (GHSA-qqxw-m5fj-f7gv, -j7px-6hwj-hpjg, -5m6c-jp6f-2vcv, and
/// -4mf2-f3wh-gvf2), mod_auth_openidc (CVE-2022-23527), and their relatives.
#[test]
fn what_leaves_the_origin_returns_to_the_root() {
    for input in [
        "//evil.test/",
        "////evil.test",
        "/\\/evil.test",
        "\\/evil.test",
        "/\\\\evil.test",
        "\t//evil.test",
        "\n//evil.test",
        "\r\n//evil.test",
        " //evil.test",
        "\u{1}//evil.test",
        "\u{1f}/\\evil.test",
        "/\n/evil.test",
        "/\r/evil.test",
        "/\r\n/evil.test",
        "/\t\\evil.test",
        "\\\t\\evil.test",
        "//\u{ff0f}evil.test",
        "//evil\u{3002}test",
        "//evil.test:80",
        "//evil.test\\@good.test",
        "//user:password@evil.test",
        "//placeholder.invalid@evil.test",
        "//placeholder.invalid/x",
        "//elsewhere.invalid/x",
        "https://placeholder.invalid/x",
        "https://user@placeholder.invalid/x",
        "http://elsewhere.invalid/x",
        "https://good.evil",
        "https://good@evil",
        "https:evil.test",
        "https:/evil.test",
        "https:///evil.test",
        "HTTPS://EVIL.TEST",
        "hTTp:\\\\evil.test",
        "http:evil.test",
        "ht\ntps://evil.test",
        "java\tscript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://evil.test/x",
        "ws://evil.test",
        "ftp://evil.test",
        "tel:1",
        "x:y",
        "http://[",
        "http://[::1]:99999/",
        "//[",
    ] {
        assert_eq!(clean(input), "/", "{input:?}");
    }
}

#[test]
fn what_only_looks_as_if_it_left_stays_a_path() {
    for (input, path) in [
        ("/%09/evil.test", "/%09/evil.test"),
        ("/ /evil.test", "/%20/evil.test"),
        ("/\u{a0}/evil.test", "/%C2%A0/evil.test"),
        ("/..//evil.test", "/evil.test"),
        ("/.//evil.test", "/evil.test"),
        ("/a/..//evil.test", "/evil.test"),
        ("/%2e%2e//evil.test", "/evil.test"),
        ("/..\\/evil.test", "/evil.test"),
        (".//evil.test", "/evil.test"),
        ("..//evil.test", "/evil.test"),
        ("/%2f/evil.test", "/%2f/evil.test"),
        ("/%5cevil.test", "/%5cevil.test"),
        ("/%0d%0aSet-Cookie:x=1", "/%0d%0aSet-Cookie:x=1"),
        ("/a\0b", "/a%00b"),
        ("/\u{202e}gpj", "/%E2%80%AEgpj"),
        ("evil.test", "/evil.test"),
        ("@evil.test", "/@evil.test"),
        ("/;@evil.test", "/;@evil.test"),
        ("?//evil.test", "/?//evil.test"),
        ("#//evil.test", "/#//evil.test"),
        ("/x?r=//evil.test#//evil.test", "/x?r=//evil.test#//evil.test"),
    ] {
        assert_eq!(clean(input), path, "{input:?}");
    }
}

#[test]
fn what_is_too_long_returns_to_the_root() {
    let longest = format!("/{}", "a".repeat(MAX_RETURN_TO_BYTES - 1));
    assert_eq!(clean(&longest), longest);
    assert_eq!(clean(&format!("{longest}a")), "/");
    assert_eq!(clean(&"é".repeat(MAX_RETURN_TO_BYTES / 3)), "/", "encoding makes it too long");
    assert_eq!(clean(&"/".repeat(8192)), "/");
}

#[test]
fn our_own_routes_are_never_returned_to() {
    let own = OwnRoutes::new(["/login", "/auth/logout/", "/sealkit/*"]);
    for input in [
        "/login",
        "/login/",
        "/login?return_to=/login",
        "/login#x",
        "/LOGIN",
        "/%6cogin",
        "/%6Cogin/",
        "/a/../login",
        "//login/../../login",
        "login",
        "/auth//logout",
        "/auth%2flogout",
        "/auth/logout?x",
        "/sealkit",
        "/sealkit/",
        "/sealkit/logout",
        "/SealKit/start?x",
        "/sealkit%2Flogout",
    ] {
        assert_eq!(ReturnTo::sanitize(input, &own).as_str(), "/", "{input}");
    }
    for input in ["/loginx", "/login/more", "/sealkitten", "/x?next=/login", "/a/sealkit/b", "/%zzlogin"] {
        assert_eq!(ReturnTo::sanitize(input, &own).as_str(), input);
    }
}

fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "([/\\\\.:@?#;%]|%2f|%5c|%2e|\\t|\\n|\\r| |http|https|javascript|evil\\.test|a){0,16}",
        proptest::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_stays_on_any_origin_and_is_stable(input in nasty()) {
        let path = clean(&input);
        prop_assert!(path.len() <= MAX_RETURN_TO_BYTES);
        prop_assert!(path.bytes().all(|b| b.is_ascii_graphic()), "{:?}", path);
        prop_assert!(path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\"));
        for origin in ["https://app.example", "http://localhost:3000", "https://app.example:8443"] {
            let base = Url::parse(origin).unwrap();
            let resolved = base.join(&path).unwrap();
            prop_assert_eq!(resolved.origin(), base.origin());
            prop_assert!(resolved.username().is_empty());
        }
        prop_assert_eq!(clean(&path), path);
    }
}
