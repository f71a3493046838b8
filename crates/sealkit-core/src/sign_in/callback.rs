//! The query that the provider sends the browser back with.

use crate::{AuthorizationCode, Failure, Reason, State, shape};

/// Longest query that is looked at: the largest state fits several times.
pub const MAX_QUERY_BYTES: usize = 16 * 1024;

/// What a callback brings. Nothing of the query's text comes out but code and state, and both are secrets; so no page can
/// echo it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Callback {
    /// The user has signed in.
    Code {
        /// To exchange.
        code: AuthorizationCode,
        /// To compare.
        state: State,
    },
    /// The provider says no.
    Error {
        /// Which of the documented errors.
        error: AuthorizationErrorCode,
        /// The state, if it came along; its verifier cookie can go.
        state: Option<State>,
    },
    /// There is neither a code with a state nor an error, one of them stands there twice, the query is too long, or the code has
    /// characters that no code has.
    Missing {
        /// There is one code and no state at all: so does an impersonation begin that is started in the dashboard. Nothing
        /// binds the code to this browser; the only right answer is to begin a sign-in of our own.
        code_without_state: bool,
    },
}

impl Callback {
    /// Parses a raw query string, without the `?`.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        const NOTHING: Callback = Callback::Missing { code_without_state: false };
        if query.len() > MAX_QUERY_BYTES {
            return NOTHING;
        }
        let (mut code, mut state, mut error) = (None, None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "code" => &mut code,
                "state" => &mut state,
                "error" => &mut error,
                _ => continue,
            };
            // Two of a kind: no telling which one the provider wrote.
            if slot.replace(value).is_some() {
                return NOTHING;
            }
        }
        let given = |value: &std::borrow::Cow<'_, str>| !value.is_empty();
        let state = state.filter(given).map(|state| State::from(state.into_owned()));
        if let Some(error) = error {
            return Self::Error { error: AuthorizationErrorCode::of(&error), state };
        }
        match (code.filter(given), state) {
            (Some(code), Some(state)) if shape::is_token(&code) => {
                Self::Code { code: AuthorizationCode::from(code.into_owned()), state }
            }
            (Some(_), None) => Self::Missing { code_without_state: true },
            _ => NOTHING,
        }
    }

    /// The failure, if it is one.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Code { .. } => None,
            Self::Error { error, .. } => Some(Failure::new(error.reason())),
            Self::Missing { .. } => Some(Failure::new(Reason::MissingAuthParams)),
        }
    }
}

macro_rules! errors {
    ($($(#[$doc:meta])* $variant:ident $code:literal;)*) => {
        /// The error codes that the authorization endpoint documents; any other text is [`Self::Other`] and is dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AuthorizationErrorCode {
            $($(#[$doc])* $variant,)*
            /// Not in the list.
            Other,
        }

        impl AuthorizationErrorCode {
            fn of(code: &str) -> Self {
                match code { $($code => Self::$variant,)* _ => Self::Other }
            }

            /// The code; `other` for what is not in the list.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* Self::Other => "other" }
            }
        }
    };
}

errors! {
    /// The user or the identity provider said no.
    AccessDenied "access_denied";
    /// More than one connection fits.
    AmbiguousConnectionSelector "ambiguous_connection_selector";
    /// There is no such connection.
    ConnectionInvalid "connection_invalid";
    /// The connection's provider has no credentials.
    ConnectionStrategyInvalid "connection_strategy_invalid";
    /// The connection is not linked.
    ConnectionUnlinked "connection_unlinked";
    /// The selector names no connection.
    InvalidConnectionSelector "invalid_connection_selector";
    /// There is no such organization, or it has no connection.
    OrganizationInvalid "organization_invalid";
    /// The identity provider failed.
    OauthFailed "oauth_failed";
    /// The service failed.
    ServerError "server_error";
}

impl AuthorizationErrorCode {
    /// The reason: [`Reason::AccessDenied`] for that, else [`Reason::AuthorizationError`].
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::AccessDenied => Reason::AccessDenied,
            _ => Reason::AuthorizationError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTHING: Callback = Callback::Missing { code_without_state: false };

    fn code(code: &str, state: &str) -> Callback {
        Callback::Code { code: code.into(), state: state.into() }
    }

    #[test]
    fn code_and_state_are_read_whatever_else_there_is() {
        assert_eq!(Callback::parse("code=c1&state=Fe26.2*1*a~2"), code("c1", "Fe26.2*1*a~2"));
        assert_eq!(Callback::parse("x=1&state=Fe26.2%2A1%7E2&code=c%201&x=2"), code("c 1", "Fe26.2*1~2"));
    }

    #[test]
    fn what_is_missing_is_missing() {
        for query in ["", "code=", "state=s", "code=&state=s", "Code=c&State=s", "code&state", "&&&"] {
            assert_eq!(Callback::parse(query), NOTHING, "{query}");
        }
        for query in ["code=c", "code=c&state="] {
            assert_eq!(Callback::parse(query), Callback::Missing { code_without_state: true }, "{query}");
        }
        assert_eq!(NOTHING.failure().unwrap().reason(), Reason::MissingAuthParams);
    }

    #[test]
    fn what_stands_there_twice_is_refused() {
        for query in [
            "code=a&state=s&code=b",
            "code=a&state=s&code=a",
            "code=a&state=s&state=t",
            "code=a&state=s&%63ode=b",
            "code=a&state=s&code=",
            "error=access_denied&error=server_error",
        ] {
            assert_eq!(Callback::parse(query), NOTHING, "{query}");
        }
    }

    #[test]
    fn code_that_is_not_visible_ascii_is_missing() {
        let long = format!("code={}&state=s", "c".repeat(shape::MAX_TOKEN_BYTES + 1));
        for query in ["code=a%00&state=s", "code=a%0a&state=s", "code=%C3%A9&state=s", &long] {
            assert_eq!(Callback::parse(query), NOTHING, "{}", &query[..12]);
        }
    }

    #[test]
    fn an_error_beats_a_code_and_keeps_its_state() {
        let callback = Callback::parse("error=access_denied&error_description=No%20way&state=s&code=c");
        let expected =
            Callback::Error { error: AuthorizationErrorCode::AccessDenied, state: Some(State::from("s")) };
        assert_eq!(callback, expected);
        assert_eq!(callback.failure().unwrap().reason(), Reason::AccessDenied);
        let callback = Callback::parse("error=%3Cscript%3Ealert(1)%3C/script%3E");
        assert_eq!(callback, Callback::Error { error: AuthorizationErrorCode::Other, state: None });
        assert_eq!(callback.failure().unwrap().reason(), Reason::AuthorizationError);
        assert!(!format!("{callback:?}").contains("script"));
    }

    #[test]
    fn every_documented_error_is_known_by_its_code() {
        for known in [
            "access_denied",
            "ambiguous_connection_selector",
            "connection_invalid",
            "connection_strategy_invalid",
            "connection_unlinked",
            "invalid_connection_selector",
            "organization_invalid",
            "oauth_failed",
            "server_error",
        ] {
            let found = AuthorizationErrorCode::of(known);
            assert_ne!(found, AuthorizationErrorCode::Other, "{known}");
            assert_eq!(found.as_str(), known);
        }
    }

    #[test]
    fn a_query_beyond_the_limit_is_not_looked_at() {
        let query = format!("code=c&state=s&x={}", "x".repeat(MAX_QUERY_BYTES));
        assert_eq!(Callback::parse(&query), NOTHING);
    }

    proptest! {
        #[test]
        fn any_query_is_parsed_without_harm_and_debug_shows_nothing_of_it(
            query in "((code|state|error|x)=[a-z%&+=]{0,8}&?){0,6}",
        ) {
            let shown = format!("{:?}", Callback::parse(&query));
            prop_assert!(!shown.contains('%') && !shown.contains('+'), "{}", shown);
        }
    }
}
