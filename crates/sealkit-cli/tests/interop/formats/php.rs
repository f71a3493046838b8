//! PHP's three containers, by a script of ours on PHP's own sodium.

use super::{Sdk, whole};
use crate::{
    sessions::{parsed, passwords},
    support::php,
    vectors,
};
use sealkit::format::Format;
use serde_json::json;

fn sdks() -> Option<[Sdk; 3]> {
    let sdk = |format: Format, passwords, other_password| {
        Some(Sdk {
            name: format.to_string(),
            peer: php::start(format.id())?,
            format,
            passwords,
            other_password,
            seals: whole,
            opens: whole,
        })
    };
    let base64_keys = vec![
        "q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80=".to_owned(),
        "XSzk4amLqIQGAV7cANMNTHuMzSvMiTZ9+EGfKYvkCVA=".to_owned(),
    ];
    Some([
        sdk(Format::PhpSecretbox, base64_keys, "b".repeat(43) + "=")?,
        sdk(Format::PhpHalite, passwords(), "1".repeat(33))?,
        sdk(Format::PhpSigned, passwords(), "1".repeat(33))?,
    ])
}

/// Else the script and sealkit could share a mistake.
#[tokio::test]
async fn the_script_opens_what_the_real_package_has_sealed() {
    for Sdk { mut peer, format, .. } in sdks().into_iter().flatten() {
        // Halite and the signed ones have an envelope around what the SDK returns.
        let inside = match format {
            Format::PhpHalite => "/payload/data",
            Format::PhpSigned => "/payload/d",
            _ => "/payload",
        };
        for vector in vectors::good("php", format) {
            // Sealed for 30 days, which are over one day.
            if !vector["now_ms"].is_null() {
                continue;
            }
            let asked = json!({ "sealed": vector["cookie_value"], "password": vector["password"] });
            let opened = peer.ask("open", asked).await;
            assert_eq!(
                parsed(opened.as_str().unwrap()),
                *vector.pointer(inside).unwrap(),
                "{}",
                vector["id"]
            );
        }
    }
}

#[tokio::test]
async fn php_s_sessions_go_both_ways_in_all_containers() {
    for mut sdk in sdks().into_iter().flatten() {
        sdk.goes_both_ways().await;
    }
}
