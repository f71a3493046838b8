//! Python's frameworks with the SDK of PyPI: none of them decodes a cookie.

use crate::{
    readers::{self, WireForm},
    servers::Servers,
    visit,
    world::{Members, World},
};
use sealkit::format::Format;

const FRAMEWORKS: [&str; 5] = ["starlette", "fastapi", "flask", "django", "http.cookies"];

#[tokio::test]
async fn python_frameworks_share_a_session() {
    let world = World::new().await;
    let Some(servers) = Servers::python(&world).await else { return };
    let Some(()) = readers::measure(&servers).await else { return };
    let app = world.app(Format::PythonFernet).await;
    for framework in FRAMEWORKS {
        visit::share(&world, &app, servers.url(framework), Members::Snake, WireForm::Raw).await;
    }
}

/// Escapes would have split it, and Python knows nothing of pieces.
#[tokio::test]
async fn python_reads_a_session_that_fills_its_cookie() {
    let world = World::new().await;
    let Some(servers) = Servers::python(&world).await else { return };
    let app = world.app(Format::PythonFernet).await;
    visit::share_a_large_one(&world, &app, servers.url("starlette"), WireForm::Raw).await;
}
