//! `cargo run --example corpora`: fills `corpus/TARGET/` from the vectors, so that fuzzing begins behind the first checks.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Which targets begin with the cookies of a format.
const OF_FORMAT: [(&str, &[&str]); 11] = [
    ("seal", &["iron", "kotlin-iron"]),
    ("pkce_state", &["pkce"]),
    ("rr_cookie", &["rr-cookie"]),
    ("fernet", &["python-fernet"]),
    ("aes_gcm", &["ruby-v6", "ruby-v7", "go-gcm", "rust-gcm"]),
    ("halite", &["php-halite"]),
    ("php_signed", &["php-signed"]),
    ("secretbox", &["php-secretbox"]),
    ("dotnet", &["dotnet-gcm"]),
    ("signed_json", &["signed-json"]),
    ("plain", &["plain-json", "b64url-json"]),
];

/// Targets that begin with every cookie.
const OF_EVERY_COOKIE: [&str; 4] = ["reader", "set_cookie", "cookie_header", "chunks"];

/// Targets that begin with every payload.
const OF_EVERY_PAYLOAD: [&str; 2] = ["payload", "conversion"];

fn main() -> std::io::Result<()> {
    let fuzz = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let signature = format!("t=1800000000000, v1={}", "0123456789abcdef".repeat(4));
    add(&fuzz, "webhook", "signed", &format!("{signature}\n{{\"object\":\"event\"}}"))?;
    for file in fs::read_dir(fuzz.join("../vectors"))? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        if path.file_stem().is_some_and(|stem| stem == "jwks") {
            add(&fuzz, "token_and_keys", "jwks", &text)?;
        }
        let set: Value = serde_json::from_str(&text)?;
        for vector in ["vectors", "cases"].into_iter().filter_map(|list| set[list].as_array()).flatten() {
            add_vector(&fuzz, vector)?;
        }
    }
    Ok(())
}

fn add_vector(fuzz: &Path, vector: &Value) -> std::io::Result<()> {
    let text = |member: &str| vector[member].as_str();
    let Some(id) = text("id") else { return Ok(()) };
    if let Some(cookie) = text("cookie_value") {
        for target in OF_EVERY_COOKIE {
            let is_header = matches!(target, "cookie_header" | "chunks");
            let seed = if is_header { format!("a=b; wos-session={cookie}") } else { cookie.to_owned() };
            add(fuzz, target, id, &seed)?;
        }
        for (target, formats) in OF_FORMAT {
            if text("format").is_some_and(|format| formats.contains(&format)) {
                add(fuzz, target, id, cookie)?;
            }
        }
    }
    if let Some(plaintext) = text("plaintext") {
        for target in OF_EVERY_PAYLOAD {
            add(fuzz, target, id, plaintext)?;
        }
    }
    if let Some(state) = text("state_param") {
        add(fuzz, "callback", id, &format!("code=c&state={state}"))?;
    }
    if let Some(token) = vector["payload"]["accessToken"].as_str() {
        add(fuzz, "token_and_keys", id, token)?;
    }
    Ok(())
}

fn add(fuzz: &Path, target: &str, id: &str, seed: &str) -> std::io::Result<()> {
    let folder = fuzz.join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(id), seed)
}
