//! A transport that answers from a script and remembers what it was asked.

use super::transport::{HttpTransport, TransportError, TransportFuture};
use bytes::Bytes;
use http::{Request, Response};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::sync::Semaphore;

/// What the script says next.
pub(crate) type Scripted = Result<Response<Bytes>, TransportError>;

/// Answers in the order of its script; a request beyond its end is an error. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedTransport {
    script: Arc<Mutex<VecDeque<Scripted>>>,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
    gate: Option<Arc<Semaphore>>,
}

impl ScriptedTransport {
    pub(crate) fn new(script: impl IntoIterator<Item = Scripted>) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            requests: Arc::default(),
            gate: None,
        }
    }

    /// Answers only as often as permits are added to the gate.
    pub(crate) fn gated(mut self) -> (Self, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        self.gate = Some(Arc::clone(&gate));
        (self, gate)
    }

    pub(crate) fn push(&self, reply: Scripted) {
        self.script.lock().unwrap().push_back(reply);
    }

    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }
}

impl HttpTransport for ScriptedTransport {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        self.requests.lock().unwrap().push(request);
        Box::pin(async move {
            if let Some(gate) = &self.gate {
                gate.acquire().await.unwrap().forget();
            }
            let next = self.script.lock().unwrap().pop_front();
            next.expect("a request beyond the end of the script")
        })
    }
}

/// An answer with this status and body.
pub(crate) fn reply(status: u16, body: impl Into<Bytes>) -> Scripted {
    let mut response = Response::new(body.into());
    *response.status_mut() = status.try_into().unwrap();
    Ok(response)
}

/// The same with headers.
pub(crate) fn reply_with(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Scripted {
    let mut response = reply(status, body)?;
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    Ok(response)
}
