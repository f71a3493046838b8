//! express with the Node SDK, and React Router with its own.

use crate::{
    readers::{self, WireForm},
    servers::Servers,
    visit,
    world::{Members, World},
};
use sealkit::format::Format;

#[tokio::test]
async fn express_and_react_router_share_a_session() {
    let world = World::new().await;
    let Some(servers) = Servers::node(&world).await else { return };
    let Some(()) = readers::measure(&servers).await else { return };
    for (format, server) in [(Format::Iron, "express"), (Format::RrCookie, "react-router")] {
        let app = world.app(format).await;
        visit::share(&world, &app, servers.url(server), Members::Camel, WireForm::Encoded).await;
    }
}
