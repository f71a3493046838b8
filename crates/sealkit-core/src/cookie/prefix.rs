//! The prefixes of a cookie's name that browsers enforce.

/// A prefix that makes browsers reject a cookie which lacks the attributes that the prefix promises.
///
/// So a page of another host cannot set a cookie of such a name in a wider scope, and a script cannot set one of
/// [`Http`](Self::Http) at all. A browser that does not know a prefix treats it as part of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamePrefix {
    /// `__Host-Http-`: what [`Host`](Self::Host) and [`Http`](Self::Http) promise.
    HostHttp,
    /// `__Http-`: `Secure` and `HttpOnly`.
    Http,
    /// `__Host-`: `Secure`, `Path=/` and no `Domain`.
    Host,
    /// `__Secure-`: `Secure`.
    Secure,
}

impl NamePrefix {
    /// Longer ones before those that they begin with.
    const ALL: [Self; 4] = [Self::HostHttp, Self::Http, Self::Host, Self::Secure];

    /// The prefix of this name. Browsers compare it without regard to case (RFC 6265bis §4.1.3).
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|prefix| {
            let text = prefix.as_str();
            name.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
        })
    }

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HostHttp => "__Host-Http-",
            Self::Http => "__Http-",
            Self::Host => "__Host-",
            Self::Secure => "__Secure-",
        }
    }

    /// The cookie belongs to one host: it has no `Domain` and the path `/`.
    #[must_use]
    pub const fn is_of_one_host(self) -> bool {
        matches!(self, Self::Host | Self::HostHttp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_is_found_in_any_case_at_the_start_alone() {
        for (name, prefix) in [
            ("__Host-wos-session", Some(NamePrefix::Host)),
            ("__host-HTTP-x", Some(NamePrefix::HostHttp)),
            ("__HTTP-x", Some(NamePrefix::Http)),
            ("__Secure-", Some(NamePrefix::Secure)),
            ("wos-session", None),
            ("x__Host-y", None),
            ("__Host", None),
            ("__Hos\u{e9}", None),
        ] {
            assert_eq!(NamePrefix::of(name), prefix, "{name}");
        }
    }
}
