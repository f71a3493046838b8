//! Scripted faults: what goes wrong, where, how often, and whether the request took effect all the same.

use crate::{DevIdp, TokenOptions, token};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;
use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

/// The endpoints of the provider, for faults and for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Endpoint {
    /// `GET` and `POST /user_management/authorize`.
    Authorize,
    /// `POST /user_management/authenticate`.
    Authenticate,
    /// `GET /sso/jwks/{client_id}`.
    Jwks,
    /// `GET /oauth2/jwks`, the key set of the AuthKit domain.
    AuthKitJwks,
    /// `GET /user_management/sessions/logout`.
    Logout,
    /// `POST /user_management/sessions/revoke`.
    RevokeSession,
    /// `GET /user_management/users/{id}/sessions`.
    ListSessions,
    /// `GET /user_management/users/{id}`.
    GetUser,
    /// `POST /user_management/authorize/device`.
    DeviceAuthorization,
    /// `GET` and `POST /device`, the page on which a person confirms a device.
    DevicePage,
    /// `POST /user_management/magic_auth`.
    MagicAuth,
    /// `POST /user_management/users/{id}/email_verification/send`.
    EmailVerification,
    /// `POST /user_management/users/{id}/auth_factors`.
    EnrollFactor,
    /// `POST /auth/factors/{id}/challenge`.
    ChallengeFactor,
    /// `GET /events`.
    Events,
}

/// The connection ended before the client had a whole answer.
///
/// In process this is the error of [`DevIdp::handle`](crate::DevIdp::handle); make a transport error of it. The server cuts
/// the real connection.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the provider cut the connection")]
pub struct Cut {
    partial: Option<Box<Response<Bytes>>>,
}

impl Cut {
    pub(crate) fn whole() -> Self {
        Self { partial: None }
    }

    pub(crate) fn half_of(response: &Response<Bytes>) -> Self {
        let half = response.body().slice(..response.body().len() / 2);
        let mut partial = Response::new(half);
        *partial.status_mut() = response.status();
        *partial.headers_mut() = response.headers().clone();
        partial.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(response.body().len()));
        Self { partial: Some(Box::new(partial)) }
    }

    /// What arrived before the cut: nothing, or a head with a `Content-Length` and half of that many bytes.
    #[must_use]
    pub fn partial(&self) -> Option<&Response<Bytes>> {
        self.partial.as_deref()
    }
}

/// One thing that goes wrong, once unless said otherwise. Queue it with [`DevIdp::fault`](crate::DevIdp::fault).
///
/// By default the request has no effect and only the fault is seen. With [`Fault::after_effect`] the request is carried out
/// first (a grant rotates, a session ends), and then its answer is replaced, delayed or lost.
///
/// ```
/// use sealkit_devidp::Fault;
/// use std::time::Duration;
///
/// let overloaded = Fault::status(503).header("retry-after", "2").body("try later").times(3);
/// let lost_after_rotation = Fault::cut_connection().after_effect();
/// let slow = Fault::delay(Duration::from_secs(7));
/// # let _ = (overloaded, lost_after_rotation, slow);
/// ```
#[derive(Clone)]
#[must_use = "a fault does nothing until it is queued"]
pub struct Fault {
    act: Act,
    delay: Duration,
    after_effect: bool,
    times: Option<u32>,
}

/// A change of an answer's JSON.
type Change = dyn Fn(&DevIdp, &mut Value) + Send + Sync;

#[derive(Clone)]
enum Act {
    Pass,
    Answer(Response<Bytes>),
    Edit(Arc<Change>),
    Cut,
    CutHalfWay,
    Hang,
}

impl Fault {
    /// Answers with this status and an empty body. A number that is no status stands for 500.
    pub fn status(status: u16) -> Self {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(Act::Answer(response))
    }

    /// Answers with this status and JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status).header("content-type", "application/json; charset=utf-8").body(body.to_string())
    }

    /// Answers 200 with something that is no JSON, as a proxy's error page is.
    pub fn garbage() -> Self {
        Self::status(200)
            .header("content-type", "text/html")
            .body("<!doctype html><title>It works!</title>{\"acc")
    }

    /// Carries the request out later, and correctly.
    pub fn delay(delay: Duration) -> Self {
        let mut fault = Self::new(Act::Pass);
        fault.delay = delay;
        fault
    }

    /// Ends the connection without an answer.
    pub fn cut_connection() -> Self {
        Self::new(Act::Cut)
    }

    /// Carries the request out, sends half of the answer and ends the connection.
    pub fn cut_mid_body() -> Self {
        Self::new(Act::CutHalfWay).after_effect()
    }

    /// Never answers: the client's own time limit is what ends it.
    pub fn hang() -> Self {
        Self::new(Act::Hang)
    }

    /// Carries the request out and changes the JSON of its answer: take a member away, put another in.
    pub fn edit(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::new(Act::Edit(Arc::new(move |_: &DevIdp, json: &mut Value| change(json)))).after_effect()
    }

    /// Carries a grant out and overrides claims, times or `typ` of the access token in its answer, which is signed again by the
    /// current key. An answer without an access token stays as it is, and so does a replay of the grant.
    ///
    /// ```
    /// use sealkit_devidp::{DevIdp, Endpoint, Fault, TokenOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idp = DevIdp::builder().build()?;
    /// let another_user = TokenOptions::new().claim("sub", "user_01JGFS0ME0THERUSER00000000");
    /// idp.fault(Endpoint::Authenticate, Fault::access_token(another_user));
    /// # Ok(())
    /// # }
    /// ```
    pub fn access_token(options: TokenOptions) -> Self {
        Self::change_access_token(move |idp, token| token::reissued(idp, token, &options))
    }

    /// Carries a grant out and answers with this access token instead of its own: one of another kind, or no token at all.
    pub fn replace_access_token(token: impl Into<String>) -> Self {
        let token = token.into();
        Self::change_access_token(move |_, _| Some(token.clone()))
    }

    fn change_access_token(change: impl Fn(&DevIdp, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        let edit = move |idp: &DevIdp, json: &mut Value| {
            if let Some(Value::String(token)) = json.get_mut("access_token")
                && let Some(changed) = change(idp, token)
            {
                *token = changed;
            }
        };
        Self::new(Act::Edit(Arc::new(edit))).after_effect()
    }

    /// The body of a [`Fault::status`] answer. Without effect on other faults.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        if let Act::Answer(response) = &mut self.act {
            *response.body_mut() = body.into();
        }
        self
    }

    /// A header of a [`Fault::status`] answer. A name or value that HTTP does not allow is left out.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Act::Answer(response), Ok(name), Ok(value)) =
            (&mut self.act, HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            response.headers_mut().insert(name, value);
        }
        self
    }

    /// Waits this long (tokio's time, so a paused clock skips it): before the request is carried out, or before its answer
    /// if [`Fault::after_effect`] is set.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The request takes effect, and then the fault happens to its answer.
    pub fn after_effect(mut self) -> Self {
        self.after_effect = true;
        self
    }

    /// Happens to this many requests before the next fault of the queue.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Happens to every request until [`DevIdp::clear_faults`](crate::DevIdp::clear_faults).
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    fn new(act: Act) -> Self {
        Self { act, delay: Duration::ZERO, after_effect: false, times: Some(1) }
    }

    pub(crate) fn takes_effect_first(&self) -> bool {
        self.after_effect
    }

    pub(crate) async fn wait(&self) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
    }

    /// The end of a request that met this fault: `real` is the true answer, made now or before.
    pub(crate) async fn finish(
        &self,
        idp: &DevIdp,
        real: impl FnOnce() -> Response<Bytes>,
    ) -> Result<Response<Bytes>, Cut> {
        match &self.act {
            Act::Pass => Ok(real()),
            Act::Answer(response) => Ok(response.clone()),
            Act::Edit(change) => Ok(edited(idp, real(), change.as_ref())),
            Act::Cut => Err(Cut::whole()),
            Act::CutHalfWay => Err(Cut::half_of(&real())),
            Act::Hang => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = match &self.act {
            Act::Pass => "pass".to_owned(),
            Act::Answer(response) => format!("answer {}", response.status()),
            Act::Edit(_) => "edit".to_owned(),
            Act::Cut => "cut".to_owned(),
            Act::CutHalfWay => "cut mid body".to_owned(),
            Act::Hang => "hang".to_owned(),
        };
        f.debug_struct("Fault")
            .field("act", &act)
            .field("delay", &self.delay)
            .field("after_effect", &self.after_effect)
            .field("times", &self.times)
            .finish()
    }
}

fn edited(idp: &DevIdp, real: Response<Bytes>, change: &Change) -> Response<Bytes> {
    let (parts, body) = real.into_parts();
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(mut json) => {
            change(idp, &mut json);
            Bytes::from(json.to_string())
        }
        Err(_) => body,
    };
    Response::from_parts(parts, body)
}

/// The faults of one endpoint, in the order in which they were queued.
#[derive(Debug, Default)]
pub(crate) struct FaultQueue(VecDeque<Fault>);

impl FaultQueue {
    pub(crate) fn push(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.0.push_back(fault);
        }
    }

    pub(crate) fn next(&mut self) -> Option<Fault> {
        let front = self.0.front_mut()?;
        let fault = front.clone();
        match &mut front.times {
            Some(left) if *left > 1 => *left -= 1,
            Some(_) => drop(self.0.pop_front()),
            None => {}
        }
        Some(fault)
    }
}

impl DevIdp {
    /// Queues a fault for an endpoint.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.with(|state, _| state.faults.entry(endpoint).or_default().push(fault));
    }

    /// Forgets the faults of an endpoint.
    pub fn clear_faults(&self, endpoint: Endpoint) {
        self.with(|state, _| drop(state.faults.remove(&endpoint)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idp() -> DevIdp {
        DevIdp::builder().build().unwrap()
    }

    fn ok() -> Response<Bytes> {
        Response::new(Bytes::from_static(b"{\"a\":1,\"b\":2}"))
    }

    #[test]
    fn a_queue_is_worked_off_in_order() {
        let mut queue = FaultQueue::default();
        queue.push(Fault::status(503).times(2));
        queue.push(Fault::status(500).times(0));
        queue.push(Fault::hang().always());
        let seen: Vec<String> = (0..4).map(|_| format!("{:?}", queue.next().unwrap().act_name())).collect();
        assert_eq!(seen, ["503", "503", "hang", "hang"].map(|name| format!("{name:?}")));
    }

    #[tokio::test]
    async fn a_cut_mid_body_leaves_half_of_the_bytes_and_the_whole_length() {
        let cut = Fault::cut_mid_body().finish(&idp(), ok).await.unwrap_err();
        let partial = cut.partial().unwrap();
        assert_eq!(partial.body().as_ref(), b"{\"a\":1");
        assert_eq!(partial.headers()["content-length"], "13");
    }

    #[tokio::test]
    async fn an_edit_changes_the_true_answer() {
        let edit = Fault::edit(|json| drop(json.as_object_mut().unwrap().remove("a")));
        assert_eq!(edit.finish(&idp(), ok).await.unwrap().body().as_ref(), b"{\"b\":2}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_is_in_tokio_time() {
        let before = tokio::time::Instant::now();
        Fault::delay(Duration::from_secs(3_600)).wait().await;
        assert_eq!(before.elapsed(), Duration::from_secs(3_600));
    }

    impl Fault {
        fn act_name(&self) -> String {
            match &self.act {
                Act::Answer(response) => response.status().as_str().to_owned(),
                Act::Hang => "hang".to_owned(),
                _ => "other".to_owned(),
            }
        }
    }
}
