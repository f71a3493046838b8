//! PHP decodes cookies once. That of 8 leaves a plus sign alone.

use crate::{
    readers::{self, WireForm},
    servers::Servers,
    visit,
    world::{Members, World},
};
use sealkit::format::Format;

#[tokio::test]
async fn php_shares_a_session() {
    let world = World::new().await;
    let Some(servers) = Servers::php(&world).await else { return };
    let Some(()) = readers::measure(&servers).await else { return };
    for format in [Format::PhpSecretbox, Format::PhpHalite] {
        let app = world.app(format).await;
        let server = format!("{}/{format}", servers.url("php"));
        visit::share(&world, &app, &server, Members::Snake, WireForm::Encoded).await;
    }
}
