//! Signing in: PKCE, the sealed state and its cookie, the return path, the authorize URL, the callback's query.
//!
//! ```text
//! begin     VerifierCookies::begin ─► state, challenge, Set-Cookie ─► AuthorizeUrl
//! callback  Callback::parse ─► VerifierCookies::open(state, Cookie) ─► code verifier, ReturnTo
//! ```
//!
//! The seal is at once the OAuth `state` and the value of a cookie in the browser that began: a callback is believed only
//! where both are the same text, compared in constant time before anything is unsealed. Source: authkit-session 0.7.1,
//! whose seals are read and written; RFC 6749, RFC 7636.

mod authorize_url;
mod callback;
mod pending;
mod pkce;
mod return_to;
mod state;
mod verifier_cookies;

pub use authorize_url::{
    AuthorizeUrl, AuthorizeUrlBuilder, AuthorizeUrlError, AuthorizeUrlProblem, Prompt, Provider, ScreenHint,
};
pub use callback::{AuthorizationErrorCode, Callback, MAX_QUERY_BYTES};
pub use pending::{PENDING_COOKIE, PendingCookies, PendingSignIn};
pub use pkce::{CodeChallenge, generate_code_verifier, is_code_verifier};
pub use return_to::{MAX_RETURN_TO_BYTES, OwnRoutes, ReturnTo};
pub use state::{
    BeginError, MAX_CUSTOM_STATE_BYTES, MAX_SEAL_BYTES, MAX_VERIFIER_LINE_BYTES, NewSignIn, PkceState,
    STATE_TTL, SignInStart, check_pkce,
};
pub use verifier_cookies::{
    MAX_PENDING, MAX_PENDING_BYTES, VERIFIER_COOKIE, VerifierCookies, is_verifier_cookie,
    verifier_cookie_name,
};
