//! Without axum: the layer around any tower service, any request body, any error.

use crate::world::World;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use sealkit_axum::SessionLayer;
use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};
use tower::{Layer as _, Service, ServiceExt as _};

/// A body that only this test knows.
#[derive(Debug)]
struct Parcel;

#[derive(Debug, PartialEq, Eq)]
struct Broken;

/// Must be polled ready before each call, and forgets it when it is cloned, as the contract of `Service` allows.
#[derive(Debug)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Parcel>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Broken;
    type Future = Ready<Result<Self::Response, Broken>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Parcel>) -> Self::Future {
        assert!(std::mem::replace(&mut self.ready, false), "called before it was ready");
        ready(if request.uri().path() == "/broken" {
            Err(Broken)
        } else {
            Ok(Response::new(Full::from("fine")))
        })
    }
}

fn parcel(path: &str, cookie: Option<&str>) -> Request<Parcel> {
    let mut request = Request::builder().uri(path);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    request.body(Parcel).unwrap()
}

#[tokio::test]
async fn any_service_can_be_wrapped_and_is_called_when_it_is_ready() {
    let world = World::new();
    let layer: SessionLayer = world.layer();
    let mut service = layer.layer(Strict { ready: false });
    let cookie = world.cookie();
    for (cookie, status) in
        [(None, 401), (Some(cookie.as_str()), 200), (None, 401), (Some(cookie.as_str()), 200)]
    {
        let response = service.ready().await.unwrap().call(parcel("/", cookie)).await.unwrap();
        assert_eq!(response.status(), status);
    }
    let error = service.ready().await.unwrap().call(parcel("/broken", Some(&cookie))).await.unwrap_err();
    assert_eq!(error, Broken);
}
