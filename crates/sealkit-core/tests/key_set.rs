//! Key sets with odd entries: an entry that cannot be used never costs the keys beside it (RFC 7517 §5).
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use aws_lc_rs::{
    rand::SystemRandom as RsaRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64_simd::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sealkit_core::{
    KeyRing, Reason, SystemRandom, UnixMillis,
    format::iron,
    session::{Judgement, SessionReader},
    token::{IssuerPolicy, KeySet, SkipReason, SkippedKey, TokenPolicy},
};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;
const KID: &str = "sso_oidc_key_pair_1";

/// A pair of keys, and the tokens that it signs.
struct Signer(RsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn modulus(&self) -> Vec<u8> {
        self.0.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }

    fn exponent(&self) -> Vec<u8> {
        self.0.public_key().exponent().big_endian_without_leading_zero().to_vec()
    }

    fn jwk(&self, kid: &str) -> Value {
        json!({
            "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode_to_string(self.modulus()),
            "e": URL_SAFE_NO_PAD.encode_to_string(self.exponent()),
        })
    }

    /// A JWK with one member changed.
    fn jwk_with(&self, kid: &str, member: &str, value: impl Into<Value>) -> Value {
        let mut jwk = self.jwk(kid);
        jwk[member] = value.into();
        jwk
    }

    fn token(&self, kid: &str) -> String {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid }).to_string();
        let claims = json!({
            "sub": "user_1", "sid": "session_1", "client_id": "client_1",
            "iat": NOW - 60, "auth_time": NOW - 60, "exp": NOW + 240,
        });
        let part = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
        let signed = format!("{}.{}", part(&header), part(&claims.to_string()));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &RsaRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature))
    }
}

fn set_of<'a>(keys: impl IntoIterator<Item = &'a str>) -> KeySet {
    let keys: Vec<&str> = keys.into_iter().collect();
    KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
}

fn set_of_values(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// `None` when a session with this token authenticates.
fn rejection(keys: &KeySet, token: &str) -> Option<Reason> {
    let ring = KeyRing::from_password("a-cookie-password-of-the-tests-0123456789").unwrap();
    let sealed =
        iron::seal(json!({ "accessToken": token }).to_string().as_bytes(), &ring, None, &SystemRandom);
    let reader = SessionReader::new(ring, TokenPolicy::new(IssuerPolicy::Any));
    match reader.judge(&sealed.unwrap(), keys, UnixMillis::from_secs(NOW)) {
        Judgement::Valid { .. } => None,
        Judgement::UnknownKey { .. } => Some(Reason::UnknownSigningKey),
        Judgement::Rejected(failure) => Some(failure.reason()),
        other => panic!("{other:?}"),
    }
}

/// Entries that are not a key of ours. Those that hold a modulus get a real one, so that nothing else is wrong with them.
fn odd_entries(other: &Signer) -> Vec<String> {
    let real = |member: &str, value: Value| other.jwk_with("z", member, value).to_string();
    let mut odd: Vec<String> = [
        "null",
        "true",
        "7",
        "-1e9",
        r#""text""#,
        "[]",
        "{}",
        r#"[{"kty":"RSA"}]"#,
        r#"{"kty":"RSA","kid":7}"#,
        r#"{"kty":5,"kid":"x"}"#,
        r#"{"kty":"RSA","kid":"x","key_ops":"verify"}"#,
        r#"{"kty":"EC","kid":"x","n":5}"#,
        r#"{"kty":"oct","kid":"x","use":["sig"]}"#,
        r#"{"kty":"RSA","kid":"x","kid":"x"}"#,
        r#"{"kty":"AKP","kid":"x","alg":["ML-DSA-44"]}"#,
        r#"{"kty":"RSA","kid":"\ud800"}"#,
        r#"{"\udfff":1,"kty":"RSA","kid":"x"}"#,
        r#"{"kty":"RSA","kid":{"a":[[[[]]]]}}"#,
    ]
    .map(str::to_owned)
    .into();
    for value in [json!(5), json!(true), json!([]), json!({}), json!(["RSA"])] {
        odd.extend(["kty", "kid", "use", "alg", "n", "e"].map(|member| real(member, value.clone())));
    }
    for value in [json!("verify"), json!(5), json!({}), json!([5]), json!(["verify", null])] {
        odd.push(real("key_ops", value));
    }
    let twice = other.jwk("z").to_string();
    for member in ["kty", "kid", "use", "alg", "n", "e"] {
        let value = &other.jwk("z")[member];
        odd.push(format!(r#"{{"{member}":{value},{}"#, &twice[1..]));
    }
    odd.push(real("kid", json!(12)));
    odd.push(real("alg", json!("ES256")));
    odd.push(real("use", json!("enc")));
    odd
}

#[test]
fn odd_entry_costs_no_other_key() {
    let (signer, other) = (Signer::new(), Signer::new());
    let (good, token) = (signer.jwk(KID).to_string(), signer.token(KID));
    let mut lost = Vec::new();
    for odd in odd_entries(&other) {
        for entries in [[odd.as_str(), &good], [&good, odd.as_str()]] {
            let set = KeySet::parse(format!(r#"{{"keys":[{}]}}"#, entries.join(",")).as_bytes());
            let found = set.map(|set| (set.len(), set.skipped_count(), rejection(&set, &token)));
            if found != Ok((1, 1, None)) {
                lost.push(format!("{}: {found:?}", odd.chars().take(80).collect::<String>()));
            }
        }
    }
    assert!(lost.is_empty(), "{} of the sets:\n{}", lost.len(), lost.join("\n"));
}

/// RFC 7517 §4.5: keys of different types may share an id.
#[test]
fn unusable_key_of_same_id_takes_nothing() {
    let (signer, other) = (Signer::new(), Signer::new());
    let token = signer.token(KID);
    for odd in [
        json!({ "kty": "EC", "kid": KID, "crv": "P-256", "use": "sig", "alg": "ES256", "x": "a", "y": "b" }),
        json!({ "kty": "OKP", "kid": KID, "crv": "Ed25519", "x": "a" }),
        signer.jwk_with(KID, "use", "enc"),
        signer.jwk_with(KID, "alg", "RS512"),
        signer.jwk_with(KID, "alg", 5),
        other.jwk_with(KID, "key_ops", json!(["encrypt"])),
        other.jwk_with(KID, "n", "AQAB"),
        other.jwk_with(KID, "e", "AQAB="),
    ] {
        for entries in [[odd.clone(), signer.jwk(KID)], [signer.jwk(KID), odd.clone()]] {
            let set = set_of_values(&entries);
            assert_eq!((set.len(), rejection(&set, &token)), (1, None), "{odd}");
        }
    }
}

#[test]
fn identical_key_twice_is_one_key() {
    let signer = Signer::new();
    let set = set_of_values(&[signer.jwk(KID), signer.jwk_with(KID, "x5t", "AAAA"), signer.jwk(KID)]);
    assert_eq!((set.len(), rejection(&set, &signer.token(KID))), (1, None));
}

#[test]
fn different_keys_of_one_id_both_verify() {
    let (one, two, stranger) = (Signer::new(), Signer::new(), Signer::new());
    for entries in [[one.jwk(KID), two.jwk(KID)], [two.jwk(KID), one.jwk(KID)]] {
        let set = set_of_values(&entries);
        assert_eq!(set.len(), 2);
        assert_eq!(rejection(&set, &one.token(KID)), None);
        assert_eq!(rejection(&set, &two.token(KID)), None);
        assert_eq!(rejection(&set, &stranger.token(KID)), Some(Reason::InvalidJwtSignature));
        assert_eq!(rejection(&set, &one.token("another")), Some(Reason::UnknownSigningKey));
    }
}

#[test]
fn sixty_four_unusable_entries_hide_no_key() {
    let signer = Signer::new();
    let ec = json!({ "kty": "EC", "kid": "k", "crv": "P-256", "x": "a", "y": "b" }).to_string();
    let good = signer.jwk(KID).to_string();
    for odd in [ec.as_str(), "0", "{}", &good] {
        let set = set_of(std::iter::repeat_n(odd, 64).chain([good.as_str()]));
        assert_eq!((set.len(), rejection(&set, &signer.token(KID))), (1, None), "{odd}");
    }
}

/// RFC 7518 §2 and §6.3.1: a Base64urlUInt is unpadded base64url of the shortest octets.
#[test]
fn rsa_integer_in_another_form_is_rejected() {
    let signer = Signer::new();
    let (n, e) = (signer.modulus(), signer.exponent());
    let zero = |octets: &[u8]| URL_SAFE_NO_PAD.encode_to_string([&[0], octets].concat());
    for (member, value, reason) in [
        ("n", URL_SAFE.encode_to_string(&n), SkipReason::Padded),
        ("n", STANDARD_NO_PAD.encode_to_string(&n), SkipReason::StandardAlphabet),
        ("n", zero(&n), SkipReason::LeadingZero),
        ("e", zero(&e), SkipReason::LeadingZero),
        ("e", "AQAB=".to_owned(), SkipReason::Padded),
        ("e", "A".to_owned(), SkipReason::NotBase64Url),
        ("e", "AQAC".to_owned(), SkipReason::UnusableExponent),
        ("e", "AQ".to_owned(), SkipReason::UnusableExponent),
        ("e", "AwAAAAE".to_owned(), SkipReason::UnusableExponent),
        (
            "n",
            URL_SAFE_NO_PAD.encode_to_string([&n[..255], &[n[255] & 254]].concat()),
            SkipReason::NotARsaKey,
        ),
        ("n", URL_SAFE_NO_PAD.encode_to_string(&n[..255]), SkipReason::ModulusTooShort),
        ("n", URL_SAFE_NO_PAD.encode_to_string([&[1], &n[1..]].concat()), SkipReason::ModulusTooShort),
        ("n", URL_SAFE_NO_PAD.encode_to_string([&n[..], &n[..], &[1]].concat()), SkipReason::ModulusTooLong),
    ] {
        let set = set_of_values(&[signer.jwk_with(KID, member, value.clone())]);
        assert!(set.is_empty(), "{member} = {value}");
        let [skipped] = set.skipped() else { panic!("{member} = {value}") };
        assert_eq!((skipped.kid(), skipped.reason()), (Some(KID), reason), "{member} = {value}");
        assert!(skipped.to_string().contains(&format!("`{member}`")), "{skipped}");
        assert_eq!(set.skipped_of_id(KID), Some(skipped));
    }
}

#[test]
fn skipped_entries_are_named_with_reason() {
    let signer = Signer::new();
    let mut keys = vec![
        json!(7),
        json!({ "kty": "EC", "kid": "ec" }),
        signer.jwk_with("a", "alg", 5),
        signer.jwk_with("b", "alg", "ES256"),
        signer.jwk_with("c", "use", "enc"),
        signer.jwk_with("d", "key_ops", json!(["sign"])),
        signer.jwk_with("e", "n", Value::Null),
        signer.jwk_with("f", "kid", ""),
        signer.jwk_with("g", "kid", 12),
        signer.jwk(KID),
        signer.jwk(KID),
    ];
    keys.extend((0..5).map(|_| Signer::new().jwk(KID)));
    let set = set_of_values(&keys);
    assert_eq!((set.len(), set.skipped_count()), (4, 11));
    let said: Vec<String> = set.skipped().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    keys[0]: not a JSON object
    key "ec" (keys[1]): `kty` is not "RSA"
    key "a" (keys[2]): `alg` has the wrong JSON type
    key "b" (keys[3]): `alg` is not "RS256"
    key "c" (keys[4]): `use` does not allow verifying signatures
    key "d" (keys[5]): `key_ops` does not allow verifying signatures
    key "e" (keys[6]): `n` is missing or empty
    key "" (keys[7]): `kid` is missing or empty
    keys[8]: `kid` has the wrong JSON type
    key "sso_oidc_key_pair_1" (keys[14]): 4 other keys have the same id
    key "sso_oidc_key_pair_1" (keys[15]): 4 other keys have the same id
    "#);

    let twice = signer.jwk("h").to_string();
    let set =
        set_of([format!(r#"{{"use":"sig",{}"#, &twice[1..]).as_str(), r#"{"kty":"RSA","kid":"\ud800"}"#]);
    let said: Vec<String> = set.skipped().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    key \"h\" (keys[0]): `use` appears twice (RFC 7517 §4)
    keys[1]: a text in it is not Unicode
    ");
}

#[test]
fn text_of_the_document_is_escaped_and_short() {
    let kid = format!("a\r\n\u{1b}[2J\u{202e}\"{}", "x".repeat(1000));
    let set = set_of_values(&[json!({ "kty": "EC", "kid": kid })]);
    let [skipped] = set.skipped() else { panic!("{set:?}") };
    insta::assert_snapshot!(
        skipped,
        @r#"key "a\r\n\u{1b}[2J\u{202e}\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" (keys[0]): `kty` is not "RSA""#
    );
    assert_eq!(skipped.kid().map(|kid| kid.chars().count()), Some(65));
}

#[test]
fn document_full_of_entries_is_described_in_part() {
    let signer = Signer::new();
    let good = signer.jwk(KID).to_string();
    let set = set_of(std::iter::repeat_n("0", 120_000).chain([good.as_str()]));
    assert_eq!((set.len(), set.skipped().len(), set.skipped_count()), (1, 64, 120_000));

    let many: Vec<String> = (0..70).map(|i| signer.jwk(&format!("k{i}")).to_string()).collect();
    let set = set_of(many.iter().map(String::as_str));
    assert_eq!((set.len(), set.skipped_count()), (64, 6));
    assert!(set.contains("k63") && !set.contains("k64"));
    assert_eq!(set.skipped_of_id("k64").map(SkippedKey::reason), Some(SkipReason::TooManyKeys));
}
