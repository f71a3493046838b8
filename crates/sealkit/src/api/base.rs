//! The address of the API, and everything that is derived from it.

use std::{fmt, str::FromStr};
use url::Url;

/// Where production lives.
const PRODUCTION: &str = "https://api.workos.com";

/// The checked base address of the API: `https`, or `http` on a loopback host; no credentials, query or fragment.
///
/// A path is allowed and kept, for companies that reach the API through a proxy of their own. Everything else (key set,
/// authorize and logout pages, accepted issuers) follows this address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiBase(Url);

impl ApiBase {
    /// Checks an address.
    ///
    /// # Errors
    /// [`ApiBaseError`], which never repeats the address: it might hold credentials.
    pub fn new(url: Url) -> Result<Self, ApiBaseError> {
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        match url.scheme() {
            "https" | "http" if !has_host => return Err(ApiBaseError::NotAUrl),
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(ApiBaseError::PlainHttp),
            _ => return Err(ApiBaseError::NotHttp),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ApiBaseError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ApiBaseError::QueryOrFragment);
        }
        Ok(Self(url))
    }

    /// The address.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
    }

    /// True for plain `http`, which only a loopback host may have.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The address of an endpoint; each part is percent-encoded. Parts must have been checked where they are not constants.
    pub(crate) fn endpoint(&self, parts: &[&str]) -> Url {
        let mut url = self.0.clone();
        // An http(s) address always has path segments, so this never fails.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }
}

impl Default for ApiBase {
    /// `https://api.workos.com`.
    fn default() -> Self {
        // A constant: `production_is_a_valid_base` proves that the first arm is the one taken.
        Url::parse(PRODUCTION).map_or_else(|_| unreachable!("a constant address"), Self)
    }
}

impl fmt::Display for ApiBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ApiBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiBase({self})")
    }
}

impl FromStr for ApiBase {
    type Err = ApiBaseError;

    fn from_str(text: &str) -> Result<Self, ApiBaseError> {
        Url::parse(text).map_err(|_| ApiBaseError::NotAUrl).and_then(Self::new)
    }
}

/// Why an address is no base of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiBaseError {
    /// Not an absolute URL with a host.
    #[error("not an absolute URL")]
    NotAUrl,
    /// Neither `https` nor `http`.
    #[error("neither https nor http")]
    NotHttp,
    /// `http` to another host than a loopback one: the API key would travel in the clear.
    #[error("plain http is for loopback hosts only")]
    PlainHttp,
    /// User name or password in it.
    #[error("credentials do not belong into the address")]
    Credentials,
    /// A query or fragment in it.
    #[error("neither query nor fragment are allowed")]
    QueryOrFragment,
}

/// True when the URL's host is this machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host().is_some_and(|host| sealkit_core::is_loopback(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_a_valid_base() {
        assert_eq!(PRODUCTION.parse(), Ok(ApiBase::default()));
        assert_eq!(ApiBase::default().to_string(), PRODUCTION);
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for base in [
            "http://127.0.0.1:9",
            "http://127.8.9.1",
            "http://[::1]:80",
            "http://localhost:3000",
            "http://LOCALHOST",
        ] {
            assert!(base.parse::<ApiBase>().unwrap().is_plain_http(), "{base}");
        }
        for base in [
            "http://api.workos.com",
            "http://localhost.example",
            "http://128.0.0.1",
            "http://0.0.0.0",
            "http://[::2]",
        ] {
            assert_eq!(base.parse::<ApiBase>(), Err(ApiBaseError::PlainHttp), "{base}");
        }
    }

    #[test]
    fn what_does_not_belong_into_a_base_is_refused() {
        for (base, error) in [
            ("api.workos.com", ApiBaseError::NotAUrl),
            ("", ApiBaseError::NotAUrl),
            ("https://", ApiBaseError::NotAUrl),
            ("ftp://api.workos.com", ApiBaseError::NotHttp),
            ("localhost:3000", ApiBaseError::NotHttp),
            ("https://sk_live@api.workos.com", ApiBaseError::Credentials),
            ("https://:sk_live@api.workos.com", ApiBaseError::Credentials),
            ("https://api.workos.com?a=b", ApiBaseError::QueryOrFragment),
            ("https://api.workos.com/#a", ApiBaseError::QueryOrFragment),
        ] {
            assert_eq!(base.parse::<ApiBase>(), Err(error), "{base}");
        }
    }

    #[test]
    fn endpoints_follow_the_base_with_its_path_and_port() {
        let endpoint =
            |base: &str| base.parse::<ApiBase>().unwrap().endpoint(&["sso", "jwks", "é x"]).to_string();
        assert_eq!(endpoint("https://api.workos.com"), "https://api.workos.com/sso/jwks/%C3%A9%20x");
        assert_eq!(endpoint("http://127.0.0.1:81/"), "http://127.0.0.1:81/sso/jwks/%C3%A9%20x");
        assert_eq!(
            endpoint("https://gate.example/workos/"),
            "https://gate.example/workos/sso/jwks/%C3%A9%20x"
        );
    }
}
