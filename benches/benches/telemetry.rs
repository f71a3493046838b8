//! What metrics and spans cost a request: the same decision with nothing that listens, and with what production has.
//!
//! `cargo bench -p sealkit-benches --bench telemetry`: compare the four lines of one run.

use criterion::{Criterion, criterion_group, criterion_main};
use metrics_exporter_prometheus::PrometheusBuilder;
use sealkit::{Config, Resolve, Sealkit, session::AuthResponse, token::KeySet};
use sealkit_devidp::{DevIdp, MintSession};
use std::hint::black_box;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

fn decision(criterion: &mut Criterion) {
    let idp = DevIdp::builder().build().expect("the provider starts");
    let minted = idp.mint_session(MintSession::for_user("ada@example.com")).expect("a session");
    let answer = AuthResponse::from_json(minted.response_json.to_string().as_bytes()).expect("an answer");
    let keys = KeySet::parse(idp.jwks_json().to_string().as_bytes()).expect("a key set");
    let config = Config::builder()
        .client_id(idp.client_id())
        .api_key(idp.api_key())
        .api_base(idp.base_url())
        .cookie_password("a-password-for-benchmarks-0123456789")
        .build()
        .expect("a configuration");
    let sealkit = Sealkit::builder(config).key_set(keys).build().expect("a handle");
    let cookie = sealkit.seal_session(&answer).expect("a seal");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let resolve = || {
        let cookies = [black_box(cookie.expose_secret()).into()];
        let outcome = runtime.block_on(sealkit.resolve(cookies, Resolve::default()));
        assert!(outcome.session().is_some());
    };

    let mut group = criterion.benchmark_group("resolve");
    group.bench_function("nothing listens", |bencher| bencher.iter(resolve));

    let recorder = PrometheusBuilder::new().build_recorder();
    group.bench_function("metrics to Prometheus", |bencher| {
        metrics::with_local_recorder(&recorder, || bencher.iter(resolve));
    });
    let production = || {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        Registry::default().with(LevelFilter::INFO).with(lines)
    };
    group.bench_function("metrics, and a log at INFO", |bencher| {
        tracing::subscriber::with_default(production(), || {
            metrics::with_local_recorder(&recorder, || bencher.iter(resolve));
        });
    });
    let debug = || {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        Registry::default().with(LevelFilter::DEBUG).with(lines)
    };
    group.bench_function("metrics, and every span and event at DEBUG", |bencher| {
        tracing::subscriber::with_default(debug(), || {
            metrics::with_local_recorder(&recorder, || bencher.iter(resolve));
        });
    });
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
