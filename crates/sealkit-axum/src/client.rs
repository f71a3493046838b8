//! What a sign-in tells WorkOS about the user's browser: its address and its user agent.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use sealkit::{Failure, TrustedProxies, api::RequestContext};
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The browser of one request.
#[derive(Debug)]
pub(crate) struct Client {
    peer_is_known: bool,
    address: Option<IpAddr>,
    agent: Option<String>,
}

impl Client {
    /// `peer` is the other end of the connection: the browser, or a proxy.
    pub(crate) fn of(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &TrustedProxies) -> Self {
        let forwarded_for = headers.get_all(FORWARDED_FOR);
        Self {
            peer_is_known: peer.is_some(),
            address: trusted.client_address(peer, forwarded_for.iter().map(HeaderValue::as_bytes)),
            agent: headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned),
        }
    }

    pub(crate) fn context(&self) -> RequestContext {
        let mut context = RequestContext::default();
        context.ip_address = self.address;
        context.user_agent.clone_from(&self.agent);
        context
    }

    /// The failure with a hint that names what this application lacks, if the API demands an address that is not known here.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        if !failure.needs_client_address() || self.address.is_some() {
            return failure;
        }
        failure.with_hint(if self.peer_is_known {
            "Radar in Decision mode demands the user's address, and the proxy that SEALKIT_TRUSTED_PROXIES names sent an X-Forwarded-For without one: let the proxy append the address of its client"
        } else {
            "Radar in Decision mode demands the user's address, which is not known here: serve the application with `into_make_service_with_connect_info::<SocketAddr>()`; behind proxies also name their networks in SEALKIT_TRUSTED_PROXIES"
        })
    }
}
