//! `net/http` never decodes a cookie. The reader is ours: the SDK's container by its layout.

use crate::{
    readers::{self, WireForm},
    servers::Servers,
    visit,
    world::{Members, World},
};
use sealkit::format::Format;

/// The crate's container is Go's under a password of 64 hexadecimal digits.
#[tokio::test]
async fn net_http_shares_a_session() {
    let world = World::new().await;
    let Some(servers) = Servers::go(&world).await else { return };
    let Some(()) = readers::measure(&servers).await else { return };
    for (format, server) in [(Format::GoGcm, "go"), (Format::RustGcm, "go-hex")] {
        let app = world.app(format).await;
        visit::share(&world, &app, servers.url(server), Members::Snake, WireForm::Raw).await;
    }
    // Escapes would have split it, and Go knows nothing of pieces.
    let app = world.app(Format::GoGcm).await;
    visit::share_a_large_one(&world, &app, servers.url("go"), WireForm::Raw).await;
}
