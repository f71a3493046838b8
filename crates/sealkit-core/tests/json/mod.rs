//! JSON as text: every kind of it to try.

use proptest::prelude::*;
use serde_json::Value;

/// Texts of every kind: ASCII, escapes, other scripts, characters beyond the BMP.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~]{0,20}", "[\\\\\"\\x00-\\x1f\\u{2028}é😀]{0,8}"]
}

/// Numbers as text, among them those that no machine number holds.
fn number() -> impl Strategy<Value = String> {
    prop_oneof!["-?(0|[1-9][0-9]{0,40})", "-?(0|[1-9][0-9]{0,9})\\.[0-9]{1,30}", "[1-9]e[+-]?[1-9][0-9]{0,3}"]
}

/// Any JSON, as text.
pub(crate) fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|yes| yes.to_string()),
        number(),
        text().prop_map(|text| Value::from(text).to_string()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((text(), inner), 0..4).prop_map(|members| object(&members)),
        ]
    })
}

pub(crate) fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> =
        members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

/// Members that no table knows, each once: the application's own.
pub(crate) fn own_members() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof!["x_[a-z]{1,6}", "x[A-Z][a-z]{1,6}", text().prop_map(|text| format!("x{text}"))];
    prop::collection::vec((name, any_json()), 0..6).prop_map(|members| {
        let mut unique: Vec<(String, String)> = Vec::new();
        for (name, value) in members {
            if unique.iter().all(|(own, _)| *own != name) {
                unique.push((name, value));
            }
        }
        unique
    })
}
