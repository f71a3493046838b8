//! The verifier beside `jsonwebtoken`: what we accept, it accepts; what we refuse and it accepts is written down here, with the
//! reason.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use aws_lc_rs::{
    rand::SystemRandom as RsaRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use base64_simd::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sealkit_core::{
    KeyRing, SystemRandom, UnixMillis,
    format::iron,
    session::{Judgement, SessionReader},
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://api.workos.com";

struct Bench {
    pair: RsaKeyPair,
    keys: KeySet,
    oracle: DecodingKey,
    reader: SessionReader,
}

impl Bench {
    fn new() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let n = URL_SAFE_NO_PAD.encode_to_string(public.modulus().big_endian_without_leading_zero());
        let e = URL_SAFE_NO_PAD.encode_to_string(public.exponent().big_endian_without_leading_zero());
        let keys =
            json!({ "keys": [{ "kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "n": n, "e": e }] });
        let keys = KeySet::parse(keys.to_string().as_bytes()).unwrap();
        let oracle = DecodingKey::from_rsa_components(&n, &e).unwrap();
        let ring = KeyRing::from_password("a-cookie-password-of-the-tests-0123456789").unwrap();
        let reader = SessionReader::new(ring, TokenPolicy::new(IssuerPolicy::OneOf(vec![ISSUER.to_owned()])));
        Self { pair, keys, oracle, reader }
    }

    /// A token from the texts of its header and claims.
    fn token(&self, header: &str, claims: &str) -> String {
        self.signed(&RSA_PKCS1_SHA256, header, claims)
    }

    fn signed(&self, by: &'static dyn RsaEncoding, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode_to_string(header),
            URL_SAFE_NO_PAD.encode_to_string(claims)
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(by, &RsaRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature))
    }

    fn ours(&self, token: &str) -> bool {
        let payload = json!({ "accessToken": token }).to_string();
        let sealed = iron::seal(payload.as_bytes(), self.reader.ring(), None, &SystemRandom).unwrap();
        match self.reader.judge(&sealed, &self.keys, UnixMillis::from_secs(NOW)) {
            Judgement::Valid { .. } => true,
            Judgement::Expired(_) | Judgement::Rejected(_) | Judgement::UnknownKey { .. } => false,
            other => panic!("{other:?}"),
        }
    }

    /// `jsonwebtoken` with the same rules. It cannot be told the time, so it judges everything but `exp` and `nbf` itself, and
    /// those from the claims that it read.
    fn theirs(&self, token: &str) -> bool {
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_required_spec_claims(&["exp", "sub", "iss"]);
        rules.set_issuer(&[ISSUER]);
        rules.validate_exp = false;
        rules.validate_aud = false;
        let Ok(data) = jsonwebtoken::decode::<Value>(token, &self.oracle, &rules) else { return false };
        let number = |name: &str| data.claims[name].as_f64();
        data.header.kid.as_deref() == Some("k1")
            && number("exp").is_some_and(|exp| exp > 1_800_000_000.0)
            && number("nbf").is_none_or(|nbf| nbf <= 1_800_000_060.0)
            && data.claims["sid"].as_str().is_some_and(|sid| !sid.is_empty())
            && data.claims["sub"].as_str().is_some_and(|sub| !sub.is_empty())
    }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": "user_1", "sid": "session_1", "exp": NOW + 300, "iat": NOW, "auth_time": NOW })
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    claims.to_string()
}

fn without(name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims.to_string()
}

#[test]
fn nothing_is_accepted_that_the_oracle_refuses_and_what_we_refuse_beyond_it_is_known() {
    let bench = Bench::new();
    let header = r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#;
    let good = bench.token(header, &claims().to_string());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, body) = signed.split_once('.').unwrap();
    let other = bench.token(header, &with("sub", json!("user_2")));
    let (other_signed, _) = other.rsplit_once('.').unwrap();
    let last = signature.chars().last().unwrap();
    // The last of 342 characters carries four bits; the other two must be zero.
    let loose = if last == 'A' { 'B' } else { char::from_u32(u32::from(last) + 1).unwrap() };

    let mut corpus: Vec<(String, String, bool)> = Vec::new();
    let mut add = |name: &str, token: String, stricter: bool| corpus.push((name.to_owned(), token, stricter));
    add("good", good.clone(), false);
    for (name, claims) in [
        ("with everything", with("permissions", json!(["a"]))),
        ("iat in the future", with("iat", json!(NOW + 9999))),
        ("nbf within the leeway", with("nbf", json!(NOW + 60))),
        ("nbf beyond the leeway", with("nbf", json!(NOW + 61))),
        ("exp over", with("exp", json!(NOW))),
        ("exp one second left", with("exp", json!(NOW + 1))),
        ("exp is a text", with("exp", json!("1800000300"))),
        ("exp is negative", with("exp", json!(-1))),
        ("exp is null", with("exp", Value::Null)),
        ("exp is a list", with("exp", json!([NOW + 300]))),
        ("exp is an object", with("exp", json!({}))),
        ("no exp", without("exp")),
        ("nbf is a text", with("nbf", json!("soon"))),
        ("no sub", without("sub")),
        ("empty sub", with("sub", json!(""))),
        ("sub is a number", with("sub", json!(7))),
        ("no sid", without("sid")),
        ("no iss", without("iss")),
        ("another iss", with("iss", json!("https://evil.example"))),
        ("iss is a number", with("iss", json!(7))),
        ("claims are a list", "[]".to_owned()),
        ("claims are no JSON", "{".to_owned()),
        ("claims have a tail", format!("{} x", claims())),
    ] {
        // A claim of another kind counts as absent there, where absent is allowed.
        let stricter = name == "nbf is a text";
        add(name, bench.token(header, &claims), stricter);
    }
    // RFC 7519 §2: a NumericDate may have a fraction.
    add("exp with a fraction", bench.token(header, &with("exp", json!(1_800_000_300.5))), false);
    add("nbf with a fraction", bench.token(header, &with("nbf", json!(1_800_000_059.5))), false);
    // K1 to K7: the oracle knows nothing of kinds.
    for (name, claims) in [
        ("an agent's", with("sub_profile", json!("ai_agent"))),
        ("a widget's", with("sub_type", json!("widget"))),
        ("a Connect token", with("sid", json!("app_consent_1"))),
        ("a machine's", with("sub", json!("client_1"))),
        ("auth_time is a text", with("auth_time", json!("now"))),
        ("no auth_time", without("auth_time")),
        ("act without a sub", with("act", json!({}))),
        ("act of an agent", with("act", json!({"sub": "a", "sub_profile": "ai_agent"}))),
    ] {
        add(name, bench.token(header, &claims), true);
    }
    add("exp is huge", bench.token(header, &with("exp", json!(1e300))), false);
    add("nbf is null", bench.token(header, &with("nbf", Value::Null)), true);
    let twice = format!("{{\"exp\":1,{}", &claims().to_string()[1..]);
    add("exp twice", bench.token(header, &twice), false);

    for (name, header, stricter) in [
        ("no kid", r#"{"alg":"RS256"}"#, false),
        ("another kid", r#"{"alg":"RS256","kid":"k2"}"#, false),
        ("kid is a number", r#"{"alg":"RS256","kid":1}"#, false),
        ("no alg", r#"{"kid":"k1"}"#, false),
        ("alg none", r#"{"alg":"none","kid":"k1"}"#, false),
        ("alg HS256", r#"{"alg":"HS256","kid":"k1"}"#, false),
        ("alg PS256", r#"{"alg":"PS256","kid":"k1"}"#, false),
        ("alg RS512", r#"{"alg":"RS512","kid":"k1"}"#, false),
        ("alg in another case", r#"{"alg":"rs256","kid":"k1"}"#, false),
        ("alg twice", r#"{"alg":"none","alg":"RS256","kid":"k1"}"#, false),
        ("kid twice", r#"{"alg":"RS256","kid":"k2","kid":"k1"}"#, false),
        ("header is a list", "[]", false),
        ("another typ", r#"{"alg":"RS256","kid":"k1","typ":"x"}"#, false),
        ("typ of another kind", r#"{"alg":"RS256","kid":"k1","typ":"at+jwt"}"#, true),
        ("unknown members", r#"{"alg":"RS256","kid":"k1","x":{"y":[1]}}"#, false),
        // RFC 7515 §4.1.11: what is demanded and not understood must be refused.
        ("crit", r#"{"alg":"RS256","kid":"k1","crit":["exp"]}"#, true),
        ("crit is empty", r#"{"alg":"RS256","kid":"k1","crit":[]}"#, true),
        ("crit is null", r#"{"alg":"RS256","kid":"k1","crit":null}"#, true),
    ] {
        add(name, bench.token(header, &claims().to_string()), stricter);
    }
    add("signed with SHA-512", bench.signed(&RSA_PKCS1_SHA512, header, &claims().to_string()), false);
    add("signed with PSS", bench.signed(&RSA_PSS_SHA256, header, &claims().to_string()), false);
    add("the signature of another token", format!("{other_signed}.{signature}"), false);
    add("no signature", format!("{signed}."), false);
    add("half a signature", format!("{signed}.{}", &signature[..171]), false);
    add("two parts", signed.to_owned(), false);
    add("four parts", format!("{good}.x"), false);
    add("padding", format!("{good}="), false);
    add("loose bits at the end", format!("{signed}.{}{loose}", &signature[..signature.len() - 1]), false);
    add("a space before", format!(" {good}"), false);
    add("a line feed after", format!("{good}\n"), false);
    add("parts exchanged", format!("{body}.{head}.{signature}"), false);
    add("nothing", String::new(), false);

    let mut wrong = Vec::new();
    for (name, token, stricter) in &corpus {
        let (ours, theirs) = (bench.ours(token), bench.theirs(token));
        // A number that no u64 holds saturates here; the oracle cannot read it.
        assert!(theirs || !ours || name == "exp is huge", "{name}: accepted here, refused by the oracle");
        if (theirs && !ours) != *stricter {
            wrong.push((name.as_str(), theirs, ours));
        }
    }
    assert!(wrong.is_empty(), "name, accepted there, accepted here: {wrong:?}");
    assert!(bench.ours(&good), "something is accepted");
}
