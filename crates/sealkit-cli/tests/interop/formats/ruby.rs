//! Ruby's two containers, by a script of ours on Ruby's own OpenSSL.

use super::{Sdk, whole};
use crate::{
    sessions::{parsed, passwords},
    support::ruby,
    vectors,
};
use sealkit::format::Format;
use serde_json::json;

fn sdks() -> Option<[Sdk; 2]> {
    let sdk = |format: Format, passwords, other_password: String| {
        Some(Sdk {
            name: format.to_string(),
            peer: ruby::start(format.id())?,
            format,
            passwords,
            other_password,
            seals: whole,
            opens: whole,
        })
    };
    let exactly_32_bytes =
        vec!["0123456789abcdefghijklmnopqrstuv".to_owned(), "+/=;*~ ,\"\\".repeat(3) + "ab"];
    Some([
        sdk(Format::RubyV6, exactly_32_bytes, "1".repeat(32))?,
        sdk(Format::RubyV7, passwords(), "1".repeat(33))?,
    ])
}

/// Else the script and sealkit could share a mistake.
#[tokio::test]
async fn the_script_opens_what_the_real_gem_has_sealed() {
    for Sdk { mut peer, format, .. } in sdks().into_iter().flatten() {
        for vector in vectors::good("ruby", format) {
            let asked = json!({ "sealed": vector["cookie_value"], "password": vector["password"] });
            let opened = peer.ask("open", asked).await;
            assert_eq!(parsed(opened.as_str().unwrap()), vector["payload"], "{}", vector["id"]);
        }
    }
}

#[tokio::test]
async fn ruby_s_sessions_go_both_ways_in_both_containers() {
    for mut sdk in sdks().into_iter().flatten() {
        sdk.goes_both_ways().await;
    }
}

/// Ruby's HTTP layer percent-encodes the line ends, and middle boxes drop them.
#[tokio::test]
async fn a_line_ends_after_60_characters_as_in_ruby_and_may_get_lost() {
    let Some([mut legacy, _]) = sdks() else { return };
    let password = legacy.passwords[0].clone();
    let payload = &crate::sessions::snake_sessions()[1];
    let by_ruby = legacy.seal(payload, &password).await;
    let by_sealkit = crate::sessions::seal(Format::RubyV6, &payload.to_string(), &password);
    for sealed in [&by_ruby, &by_sealkit] {
        let (last, full) = sealed
            .strip_suffix('\n')
            .unwrap()
            .split('\n')
            .collect::<Vec<_>>()
            .split_last()
            .map(|(last, full)| (last.len(), full.to_vec()))
            .unwrap();
        assert!((1..=60).contains(&last) && full.iter().all(|line| line.len() == 60), "{sealed}");
        let unbroken = sealed.replace('\n', "");
        legacy.opens_here(&unbroken, payload, &password);
        legacy.opens_there(&unbroken, payload, &password).await;
    }
}
