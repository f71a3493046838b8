//! Serves a development provider on a free loopback port and says where, as one line of JSON. Stops with standard input.

#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use sealkit_devidp::DevIdp;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::AsyncReadExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let idp = DevIdp::builder().build()?;
    let server = idp.serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let users: Vec<_> = idp
        .users()
        .iter()
        .map(|user| {
            let organizations: Vec<_> = user
                .memberships()
                .iter()
                .map(|membership| membership.organization().id().to_owned())
                .collect();
            serde_json::json!({
                "email": user.email(),
                "password": user.password().map(|password| password.expose_secret().to_owned()),
                "organizations": organizations,
            })
        })
        .collect();
    let facts = serde_json::json!({
        "url": server.url(),
        "client_id": idp.client_id(),
        "api_key": idp.api_key().expose_secret(),
        "users": users,
    });
    println!("{facts}");
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    server.shutdown().await;
    Ok(())
}
