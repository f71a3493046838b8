//! What the tests share: a client that speaks to the provider in process.

use bytes::Bytes;
use http::{Request, Response};
use sealkit_devidp::{DevIdp, DevIdpBuilder};
use serde_json::{Value, json};

/// An answer with its body as JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn of(response: &Response<Bytes>) -> Self {
        let json = serde_json::from_slice(response.body()).unwrap_or_default();
        Self { status: response.status().as_u16(), json }
    }

    /// The code, in whichever shape.
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().or(self.json["error"].as_str()).unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.json);
        self.json
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.json);
    }
}

/// A provider whose clock stands still.
pub(crate) fn frozen() -> DevIdp {
    build(DevIdp::builder())
}

pub(crate) fn build(builder: DevIdpBuilder) -> DevIdp {
    let idp = builder.build().unwrap();
    idp.freeze();
    idp
}

pub(crate) async fn send(idp: &DevIdp, request: Request<Bytes>) -> Response<Bytes> {
    idp.handle(request).await.unwrap()
}

pub(crate) async fn get(idp: &DevIdp, path: &str) -> Response<Bytes> {
    send(idp, Request::get(path).body(Bytes::new()).unwrap()).await
}

/// A call with the API key.
pub(crate) async fn api(idp: &DevIdp, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", idp.api_key().expose_secret()))
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    Answer::of(&send(idp, request).await)
}

/// `authenticate` with exactly these members.
pub(crate) async fn authenticate(idp: &DevIdp, body: &Value) -> Answer {
    let request = Request::post("/user_management/authenticate")
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    Answer::of(&send(idp, request).await)
}

/// A grant as a confidential client sends it.
pub(crate) async fn grant(idp: &DevIdp, grant_type: &str, members: Value) -> Answer {
    let mut body = json!({
        "grant_type": grant_type,
        "client_id": idp.client_id(),
        "client_secret": idp.api_key().expose_secret(),
    });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    authenticate(idp, &body).await
}

pub(crate) async fn password(idp: &DevIdp, email: &str) -> Answer {
    let user = idp.users().into_iter().find(|user| user.email() == email).unwrap();
    let password = user.password().unwrap().expose_secret().to_owned();
    grant(idp, "password", json!({ "email": email, "password": password })).await
}

pub(crate) async fn refresh(idp: &DevIdp, token: &str) -> Answer {
    grant(idp, "refresh_token", json!({ "refresh_token": token })).await
}

/// The header and the claims of a token, unchecked.
pub(crate) fn decoded(token: &str) -> (Value, Value) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut parts = token.split('.').map(|part| {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

/// The header of a token, unchecked.
pub(crate) fn header(token: &str) -> Value {
    decoded(token).0
}

/// The claims of a token, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    decoded(token).1
}
