//! What happened to a text, and what is no cookie at all.
use super::{Case, case, cookie, good, inspect, sealed, session, snake, token, with_keys, with_password};
use crate::common::PASSWORD;
use serde_json::json;

/// A Go seal that has this in it; which characters base64 has is chance.
fn go_seal(holding: char) -> String {
    let mut seals = (0..).map(|_| sealed("go-gcm", PASSWORD, &snake()));
    seals.find(|seal| seal.contains(holding)).unwrap()
}

/// A Fernet token that has this in it.
fn fernet(holding: char) -> String {
    let payload = |n: usize| json!({"access_token": token(&json!({})), "x": "x".repeat(n * 16)});
    let mut seals = (0..).map(|n| sealed("python-fernet", super::passwords::FERNET, &payload(n)));
    seals.find(|seal| seal.contains(holding)).unwrap()
}

fn big() -> String {
    sealed(
        "iron",
        PASSWORD,
        &session(&json!({"user": {"id": "user_1", "metadata": {"a": "x".repeat(4000)}}})),
    )
}

pub(super) fn cases() -> Vec<Case> {
    let text = |text: String| with_password().input(text);
    let python = |text: String| inspect().password(super::passwords::FERNET).input(text);
    vec![
        case("works", &["not_verified", "token_expired"], with_keys().input(good())),
        case("not_verified", &["works", "token_signature"], text(good())),
        case("cookie_missing", &["cookie_name_case", "empty_value"], text("Cookie: theme=dark".to_owned())),
        case("cookie_name_case", &["cookie_missing"], text(format!("Cookie: WOS-Session={}", good()))),
        case("deletion", &["empty_value"], text("Set-Cookie: wos-session=; Path=/; Max-Age=0".to_owned())),
        case("empty_value", &["deletion", "cookie_missing"], text("Cookie: wos-session=; a=b".to_owned())),
        case("empty_value", &["deletion"], text("Set-Cookie: wos-session=; Path=/; Max-Age=60".to_owned())),
        case("bad_percent_escape", &["percent_encoded_twice", "cut_off"], text("Fe26.2%2*1".to_owned())),
        case(
            "split_incomplete",
            &["one_piece", "cookie_missing"],
            text(
                "Cookie: wos-session.0=~sk1.2.0123456789abcdef.Fe26; wos-session.1=~sk1-1.fedcba9876543210.x"
                    .to_owned(),
            ),
        ),
        case(
            "one_piece",
            &["unknown_format", "cut_off"],
            text("~sk1.2.0123456789abcdef.Fe26.2*1*ab".to_owned()),
        ),
        case(
            "one_piece",
            &["split_incomplete"],
            text("Cookie: wos-session.0=~sk1.2.0123456789abcdef.Fe26".to_owned()),
        ),
        case(
            "one_piece",
            &["cut_off"],
            text(format!("Set-Cookie: wos-session.0={}; Path=/", &big()[..3000])),
        ),
        case("too_long", &["too_large", "unknown_format"], text("A".repeat(25_000))),
        case(
            "percent_encoded_twice",
            &["percent_encoded", "other_password"],
            text(good().replace('*', "%252A").replace('~', "%257E")),
        ),
        case("percent_encoded_twice", &["plus_became_space"], text(go_seal('+').replace('+', "%252B"))),
        case(
            "plus_became_space",
            &["unknown_format", "white_space_inside"],
            text(go_seal('+').replace('+', " ")),
        ),
        case("quoted", &["unknown_format", "white_space_inside"], text(format!("'{}'", good()))),
        case("quoted", &["malformed"], text(format!("\\\"{}\\\"", good()))),
        case("white_space_inside", &["cut_off", "plus_became_space", "malformed"], {
            let mut broken = good();
            broken.insert_str(80, "\n  ");
            text(broken)
        }),
        case(
            "padding_lost",
            &["cut_off", "other_password"],
            python(fernet('=').trim_end_matches('=').to_owned()),
        ),
        case(
            "other_alphabet",
            &["plus_became_space", "other_password"],
            python(fernet('-').replace('-', "+").replace('_', "/")),
        ),
        case("cut_off_at_4096", &["cut_off", "other_password"], text(big()[..4096 - 12].to_owned())),
        case("cut_off_at_4096", &["other_password"], {
            let payload = json!({"access_token": "a", "x": "x".repeat(4000)});
            text(format!("Cookie: wos-session={}", &sealed("go-gcm", PASSWORD, &payload)[..4096 - 12]))
        }),
        case("cut_off", &["cut_off_at_4096", "other_password", "malformed"], text(big()[..3000].to_owned())),
        case("cut_off", &["padding_lost", "unknown_format"], text(go_seal('+')[..301].to_owned())),
        case(
            "json_cut_off",
            &["malformed", "unknown_format"],
            text(cookie("unsealed", "plain-json-neg-truncated-at-semicolon")),
        ),
        case("bare_access_token", &["router_unsigned", "unknown_format"], text(token(&json!({})))),
        case(
            "opaque_token",
            &["unknown_format", "cut_off"],
            text("opaque_public_0050_rrrrrrrrrrrr".to_owned()),
        ),
        case(
            "opaque_token",
            &["other_password"],
            text("abcdefghijklmnopqrstuvwxyz01234567890123".to_owned()),
        ),
        case("api_key", &["opaque_token"], text("sk_test_0123456789abcdef0123456789".to_owned())),
        case("workos_id", &["opaque_token"], text("user_01FAKEPUBLIC000050".to_owned())),
        case("old_iron", &["malformed", "cut_off"], text(good().replace("Fe26.2", "Fe26.1"))),
        case(
            "malformed",
            &["cut_off", "other_password"],
            text(cookie("iron_negative", "iron-neg-nine-parts")),
        ),
        case("malformed", &["json_cut_off", "unsealed"], text("{\"accessToken\": nonsense}".to_owned())),
        case(
            "unknown_format",
            &["opaque_token", "plus_became_space"],
            text("hello world, this is text".to_owned()),
        ),
    ]
}

#[test]
fn damage_and_a_wrong_password_are_both_told() {
    let quoted = with_password().input(format!("'{}'", fernet('=')));
    assert_eq!(super::codes(&quoted.run()), ["quoted", "fernet_password_shape"]);
    let quoted = inspect().password(super::ANOTHER).input(format!("'{}'", good()));
    assert_eq!(super::codes(&quoted.run()), ["quoted", "other_password"]);
}
