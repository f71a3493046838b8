//! What the real SDKs have sealed before, from the repository's vectors.

use sealkit::format::Format;
use serde_json::Value;

/// The good ones of this format that an SDK has written itself.
pub(crate) fn good(set: &str, format: Format) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors");
    let text = std::fs::read_to_string(format!("{path}/{set}.json")).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(vectors) = file["vectors"].take() else { panic!("no vectors in {set}") };
    let real = |vector: &Value| {
        vector["format"] == format.id()
            && vector["expect"] == "ok"
            && !vector["made_by"].as_str().unwrap().starts_with("layout")
    };
    let found: Vec<Value> = vectors.into_iter().filter(real).collect();
    assert!(!found.is_empty(), "no vectors for {format}");
    found
}
