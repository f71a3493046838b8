//! Rack decodes cookies as forms.

use crate::{
    readers::{self, WireForm},
    servers::Servers,
    visit,
    world::{Members, World},
};
use sealkit::format::Format;

#[tokio::test]
async fn rack_shares_a_session() {
    let world = World::new().await;
    let Some(servers) = Servers::ruby(&world).await else { return };
    let Some(()) = readers::measure(&servers).await else { return };
    for format in [Format::RubyV7, Format::RubyV6] {
        let app = world.app(format).await;
        let server = servers.url(&format.to_string());
        visit::share(&world, &app, server, Members::Snake, WireForm::Encoded).await;
    }
}
