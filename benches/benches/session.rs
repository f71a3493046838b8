//! For people: what opening, sealing, judging and refusing a session costs.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use sealkit::{
    KeyRing, SystemRandom, UnixMillis,
    format::iron,
    session::SessionReader,
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use sealkit_devidp::{DevIdp, MintSession};
use std::hint::black_box;

fn session(criterion: &mut Criterion) {
    let idp = DevIdp::builder().build().expect("the provider starts");
    let minted = idp.mint_session(MintSession::for_user("ada@example.com")).expect("a session");
    let now = UnixMillis::from_millis(idp.clock().now().as_millis());
    let keys = KeySet::parse(idp.jwks_json().to_string().as_bytes()).expect("a key set");
    let ring = KeyRing::from_password("a-password-for-benchmarks-0123456789").expect("a ring");
    let foreign = KeyRing::from_password("another-password-for-benchmarks-0123").expect("a ring");
    let response = sealkit::session::AuthResponse::from_json(minted.response_json.to_string().as_bytes())
        .expect("an answer");
    let payload = sealkit::session::payload_of(&response, sealkit::format::Format::Iron.style());
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

criterion_group!(benches, session);
criterion_main!(benches);
