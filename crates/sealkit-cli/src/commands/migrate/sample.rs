//! A session that holds everything, to ask what an SDK would make of it.

use sealkit::{
    UnsealedSession,
    format::Format,
    session::{Loss, payload_in},
};

/// Every member that the API is known to answer, with a null where it may answer one.
const EVERYTHING: &str = r#"{"access_token":"a","refresh_token":"r","organization_id":"o","authentication_method":"SSO",
"impersonator":{"email":"e","reason":null},"oauth_tokens":{"provider":"p","access_token":"a"},
"user":{"object":"user","id":"u","email":"e","email_verified":true,"name":null,"first_name":"f","last_name":null,
"profile_picture_url":null,"last_sign_in_at":null,"locale":null,"external_id":null,"metadata":{"k":"v"},
"created_at":"c","updated_at":"u"}}"#;

/// What the SDK of `format` does not keep of a session that holds everything.
pub(super) fn losses(format: Format) -> Vec<Loss> {
    // Python seals the API's answer as it is.
    UnsealedSession::parse_as(EVERYTHING.as_bytes().to_vec(), Format::PythonFernet)
        .map(|session| payload_in(&session, format).losses)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_session_and_what_is_lost_differs_by_sdk() {
        let members = |format| losses(format).iter().map(|loss| loss.member().to_owned()).collect::<Vec<_>>();
        assert_eq!(members(Format::SignedJson), Vec::<String>::new());
        assert_eq!(members(Format::Iron), ["oauth_tokens", "organization_id", "authentication_method"]);
        let one_alone = losses(Format::Iron).into_iter().filter(|loss| loss.sdk.is_some());
        assert_eq!(
            one_alone.map(|loss| loss.member).collect::<Vec<_>>(),
            ["organization_id", "authentication_method"]
        );
        assert!(members(Format::DotnetGcm).contains(&"user".to_owned()));
        assert!(members(Format::RustGcm).contains(&"user.name".to_owned()));
    }
}
