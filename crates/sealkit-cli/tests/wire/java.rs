//! Tomcat and the JDK's own server with the Kotlin SDK: neither decodes a cookie.

use crate::{
    readers::{self, WireForm},
    servers::Servers,
    visit,
    world::{Members, World},
};
use sealkit::format::Format;

#[tokio::test]
async fn tomcat_and_the_jdk_share_a_session() {
    let world = World::new().await;
    let Some(servers) = Servers::java(&world).await else { return };
    let Some(()) = readers::measure(&servers).await else { return };
    let app = world.app(Format::KotlinIron).await;
    for server in ["tomcat", "jdk"] {
        visit::share(&world, &app, servers.url(server), Members::Kotlin, WireForm::Raw).await;
    }
}
