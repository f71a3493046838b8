//! For people: what opening, sealing, judging and refusing a session costs, and what each format does.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sealkit::{
    KeyRing, SystemRandom, UnixMillis,
    format::{Cost, Format, detect, iron},
    session::{AuthResponse, SessionReader, payload_of},
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use sealkit_devidp::{DevIdp, MintSession};
use std::{hint::black_box, time::Duration};

fn session(criterion: &mut Criterion) {
    let idp = DevIdp::builder().build().expect("the provider starts");
    let minted = idp.mint_session(MintSession::for_user("ada@example.com")).expect("a session");
    let now = UnixMillis::from_millis(idp.clock().now().as_millis());
    let keys = KeySet::parse(idp.jwks_json().to_string().as_bytes()).expect("a key set");
    let ring = KeyRing::from_password("a-password-for-benchmarks-0123456789").expect("a ring");
    let foreign = KeyRing::from_password("another-password-for-benchmarks-0123").expect("a ring");
    let response = AuthResponse::from_json(minted.response_json.to_string().as_bytes()).expect("an answer");
    let payload = payload_of(&response, Format::Iron.style());
    let sealed = iron::seal(payload.as_bytes(), &ring, None, &SystemRandom).expect("a seal");
    let reader = SessionReader::new(ring.clone(), TokenPolicy::new(IssuerPolicy::Any));
    let stranger = SessionReader::new(foreign, TokenPolicy::new(IssuerPolicy::Any));

    let mut group = criterion.benchmark_group("iron");
    group.bench_function("seal", |bencher| {
        bencher.iter(|| iron::seal(black_box(payload.as_bytes()), &ring, None, &SystemRandom));
    });
    group.bench_function("unseal", |bencher| {
        let mut plaintext = Vec::with_capacity(sealed.len());
        bencher.iter(|| iron::open(black_box(&sealed), &ring, now, &mut plaintext).is_ok());
    });
    group.bench_function("judge", |bencher| bencher.iter(|| reader.judge(black_box(&sealed), &keys, now)));
    group.bench_function("refuse a foreign cookie", |bencher| {
        bencher.iter(|| stranger.judge(black_box(&sealed), &keys, now));
    });
    group.bench_function("read a Cookie header of 32 KB", |bencher| {
        bencher.iter_batched(
            || format!("{}; wos-session={sealed}", "a=b; ".repeat(5900)),
            |header| sealkit::cookie::candidates([header.as_str()], "wos-session").count(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// One password of every shape that a format asks for.
fn ring() -> KeyRing {
    KeyRing::builder()
        .password("text", "a-password-for-benchmarks-0123456789")
        .password("hexadecimal", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
        .password("32 bytes", "a-password-of-exactly-32-bytes!!")
        .password("base64", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .build()
        .expect("a ring")
}

fn formats(criterion: &mut Criterion) {
    let idp = DevIdp::builder().build().expect("the provider starts");
    let minted = idp.mint_session(MintSession::for_user("ada@example.com")).expect("a session");
    let now = UnixMillis::from_millis(idp.clock().now().as_millis());
    let response = AuthResponse::from_json(minted.response_json.to_string().as_bytes()).expect("an answer");
    let ring = ring();
    for operation in ["open", "seal", "detect"] {
        let mut group = criterion.benchmark_group(operation);
        for format in Format::ALL.iter().copied() {
            // The costly one is the derivation of its key and nothing else.
            if format.cost() == Cost::Costly {
                group.sample_size(10);
            }
            let payload = payload_of(&response, format.style());
            let text = format.wrap(&payload, now, Duration::ZERO);
            let value = format.seal(text.as_bytes(), &ring, now, &SystemRandom).expect("a seal");
            let mut plaintext = Vec::with_capacity(value.len());
            format.open(&value, &ring, now, &mut plaintext).expect("it opens");
            assert_eq!(plaintext, text.as_bytes());
            assert!(!detect(&value).is_empty());
            group.bench_function(format.id(), |bencher| match operation {
                "open" => bencher.iter(|| format.open(black_box(&value), &ring, now, &mut plaintext).is_ok()),
                "seal" => {
                    bencher
                        .iter(|| format.seal(black_box(text.as_bytes()), &ring, now, &SystemRandom).is_ok());
                }
                _ => bencher.iter(|| detect(black_box(&value)).is_empty()),
            });
        }
        group.finish();
    }
}

/// Opening is linear in the size of what is opened.
fn sizes(criterion: &mut Criterion) {
    let (ring, now) = (ring(), UnixMillis::from_secs(1_800_000_000));
    for format in [Format::Iron, Format::PythonFernet, Format::RustGcm, Format::RubyV7] {
        let mut group = criterion.benchmark_group(format!("open {format}"));
        for kilobytes in [1, 2, 4, 8, 16] {
            let text = vec![b'x'; kilobytes * 1024];
            let value = format.seal(&text, &ring, now, &SystemRandom).expect("a seal");
            let mut plaintext = Vec::with_capacity(value.len());
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_with_input(BenchmarkId::from_parameter(kilobytes), &value, |bencher, value| {
                bencher.iter(|| format.open(black_box(value), &ring, now, &mut plaintext).is_ok());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, session, formats, sizes);
criterion_main!(benches);
