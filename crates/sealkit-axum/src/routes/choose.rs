//! `POST` to the callback: the organization that the user was asked to choose.

use super::{Reply, callback, forbidden, reply};
use crate::{client::Client, same_origin::Initiator, slot::SessionSlot};
use axum::{
    body,
    extract::{ConnectInfo, Request},
    response::IntoResponse as _,
};
use http::StatusCode;
use std::net::SocketAddr;

/// Most bytes of a form that are read.
const MAX_BODY_BYTES: usize = 4 * 1024;

pub(super) async fn choose_organization(slot: SessionSlot, request: Request) -> Reply {
    // A page of another site must not choose, nor finish what the user has left.
    if slot.facts().initiator == Initiator::Elsewhere {
        return forbidden(&slot);
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = body::to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (mut sign_in, mut organization_id) = (None, None);
    for (name, value) in url::form_urlencoded::parse(&body) {
        match &*name {
            "sign_in" => sign_in.get_or_insert(value),
            "organization_id" => organization_id.get_or_insert(value),
            _ => continue,
        };
    }
    let shared = slot.shared();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let client = Client::of(&parts.headers, peer, shared.sealkit.config().trusted_proxies());
    let done = shared
        .sealkit
        .choose_organization(
            &sign_in.unwrap_or_default(),
            &organization_id.unwrap_or_default(),
            slot.facts().cookie_lines(),
            shared.own_routes(),
            &client.context(),
        )
        .await;
    reply(callback::ended(&slot, done, &parts.headers, &client).await)
}
