//! The fuzz targets as tests: over the vectors, over mutations of them, and over noise.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

#[path = "../../../fuzz/targets.rs"]
#[expect(clippy::expect_used, reason = "a fuzz target panics when it finds something")]
mod targets;

use proptest::{collection::vec, prelude::*};
use serde_json::Value;
use std::fs;

const TARGETS: [fn(&[u8]); 21] = [
    targets::seal,
    targets::payload,
    targets::token_and_keys,
    targets::cookie_header,
    targets::set_cookie,
    targets::callback,
    targets::return_to,
    targets::path_rules,
    targets::pkce_state,
    targets::rr_cookie,
    targets::fernet,
    targets::aes_gcm,
    targets::halite,
    targets::php_signed,
    targets::secretbox,
    targets::signed_json,
    targets::plain,
    targets::reader,
    targets::conversion,
    targets::chunks,
    targets::webhook,
];

/// A hundred thousand rounds for every value of the right shape and every password: on its own cookies only.
const COSTLY: fn(&[u8]) = targets::dotnet;

/// Every text of the vectors that a reader could be handed.
fn corpus() -> Vec<String> {
    let folder = format!("{}/../../vectors", env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json = fs::read_to_string(&path).unwrap();
        // Some payloads hold lone surrogates, which this parser does not take; they are payloads, and no cookies.
        if path.ends_with("sdk_reads.json") {
            continue;
        }
        let set: Value = serde_json::from_str(&json).unwrap();
        for vector in set["vectors"].as_array().into_iter().flatten() {
            for member in ["cookie_value", "set_cookie_value", "plaintext", "state_param"] {
                texts.extend(vector[member].as_str().map(str::to_owned));
            }
        }
        if path.file_name().is_some_and(|name| name == "jwks.json") {
            texts.push(json);
        }
    }
    texts
}

#[test]
fn the_costly_target_takes_its_own_vectors() {
    let file = format!("{}/../../vectors/dotnet.json", env!("CARGO_MANIFEST_DIR"));
    let set: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    for vector in set["vectors"].as_array().unwrap() {
        COSTLY(vector["cookie_value"].as_str().unwrap().as_bytes());
    }
}

#[test]
fn every_target_takes_every_vector() {
    let corpus = corpus();
    assert!(corpus.len() > 800, "{}", corpus.len());
    for text in &corpus {
        for target in TARGETS {
            target(text.as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_target_takes_mutated_vectors(
        seed in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        thread_local!(static CORPUS: Vec<String> = corpus());
        CORPUS.with(|corpus| {
            let mut bytes = seed.get(corpus).clone().into_bytes();
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
                for target in TARGETS {
                    target(&bytes);
                    target(&bytes[..cut.index(bytes.len())]);
                }
            }
        });
    }

    #[test]
    fn every_target_takes_noise(bytes in vec(any::<u8>(), 0..512)) {
        for target in TARGETS {
            target(&bytes);
        }
    }
}
