//! A cookie's other scopes: the same name with another `Domain` or `Path`, which a browser keeps as another cookie.
//!
//! ```text
//! configured   which deletions stand before a line of a name            when
//! Domain       the host-only cookie                                     always
//! any          each parent domain of the host, the configured one aside  the line deletes, and the request showed the name;
//!                                                                       the line sets, and the request showed it twice
//! any          paths of the request below the configured one            the request showed the name twice
//! any          and those above it                                       and the line deletes
//! ```
//!
//! A deletion reaches one scope alone, and a request does not show which scope a cookie is of. So a deletion is written for
//! each scope that a cookie of this request can have, as far as host and path tell. They stand before the line that counts, for
//! jars that know a cookie by its name alone.
//!
//! A session at a path above the configured one may be another application's, whose user stays signed in there while this
//! application refreshes. So such a path is given up on a sign-out only.

use super::{
    CookieSettings, NamePrefix, Presence, SetCookie,
    set_cookie::{is_domain, is_path},
};

/// Most parent domains of a host that are looked at, the widest: what applications share a session under.
pub const MAX_PARENT_DOMAINS: usize = 5;

/// Most other paths that are looked at, the shortest.
const MAX_PATHS: usize = 3;

/// Longest path that is written into a deletion.
const MAX_PATH_BYTES: usize = 128;

/// Most deletions of other scopes in a response, the host-only twins of a `Domain` aside: under 2 KiB.
const MAX_ELSEWHERE: usize = 16;

impl CookieSettings {
    /// The lines of a response, each after the deletions of its name's other scopes.
    pub(super) fn covering(&self, lines: Vec<SetCookie>, present: Presence<'_>) -> Vec<SetCookie> {
        // Browsers keep such a name in one scope only.
        if NamePrefix::of(self.name()).is_some_and(NamePrefix::is_of_one_host) {
            return lines;
        }
        let other_domains: Vec<&str> = {
            let host = present.host().unwrap_or_default();
            parent_domains(host).filter(|domain| !self.is_domain(domain)).collect()
        };
        let mut left = MAX_ELSEWHERE;
        let mut covered = Vec::with_capacity(lines.len());
        for line in lines {
            let name = line.name();
            if self.domain().is_some() {
                covered.push(self.erase_in(name, None, self.path()));
            }
            let (seen, deletes) = (present.count_of(self.name(), name), line.is_deletion());
            let before = covered.len();
            if seen > 1 || (seen == 1 && deletes) {
                let elsewhere =
                    other_domains.iter().map(|domain| self.erase_in(name, Some(domain), self.path()));
                covered.extend(elsewhere.take(left));
                left = left.saturating_sub(covered.len() - before);
            }
            if seen > 1 {
                let before = covered.len();
                let paths = self.other_paths(present.path().unwrap_or_default(), deletes);
                let elsewhere = paths.into_iter().flat_map(|path| {
                    let twin = self.domain().map(|_| self.erase_in(name, None, path));
                    twin.into_iter().chain([self.erase_in(name, self.domain(), path)])
                });
                covered.extend(elsewhere.take(left));
                left = left.saturating_sub(covered.len() - before);
            }
            covered.push(line);
        }
        covered
    }

    /// Whether this is the configured `Domain`. Browsers ignore a dot before it, and its case.
    fn is_domain(&self, domain: &str) -> bool {
        let configured = self.domain().map(|own| own.strip_prefix('.').unwrap_or(own));
        configured.is_some_and(|own| own.eq_ignore_ascii_case(domain))
    }

    /// Paths of cookies that a request for `path` carries, other than the configured one.
    fn other_paths<'p>(&self, path: &'p str, also_above: bool) -> Vec<&'p str> {
        let own = self.path();
        let below = |path: &str| {
            let rest = path.strip_prefix(own);
            rest.is_some_and(|rest| rest.starts_with('/') || (own.ends_with('/') && !rest.is_empty()))
        };
        let prefixes = path.match_indices('/').map(|(at, _)| if at == 0 { 1 } else { at });
        let mut paths: Vec<&str> = prefixes.chain([path.len()]).filter_map(|end| path.get(..end)).collect();
        paths.dedup();
        paths.retain(|path| {
            *path != own && path.len() <= MAX_PATH_BYTES && is_path(path) && (also_above || below(path))
        });
        paths.truncate(MAX_PATHS);
        paths
    }
}

/// The domains that a cookie of this host can have been set for: the host itself and what is above it, of two labels at least.
///
/// A domain of one label is a public suffix. Browsers know the longer ones and ignore a deletion for one. Addresses, single
/// labels and what is not a host name have none. At most [`MAX_PARENT_DOMAINS`], the widest.
pub fn parent_domains(host: &str) -> impl Iterator<Item = &str> {
    let name = host_name(host).unwrap_or_default();
    let dots = name.match_indices('.').map(|(at, _)| at);
    let count = dots.clone().count();
    // One domain for each dot: the last label alone is none.
    let starts = std::iter::once(0).chain(dots.map(|dot| dot + 1)).take(count);
    let widest = starts.skip(count.saturating_sub(MAX_PARENT_DOMAINS));
    widest.filter_map(|start| name.get(start..)).filter(|domain| is_domain(domain))
}

/// The name in the value of a `Host` header; not an address.
fn host_name(host: &str) -> Option<&str> {
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_address = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    let fits = name.split('.').all(is_label) && port.bytes().all(|b| b.is_ascii_digit());
    (fits && !is_address).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domains(host: &str) -> Vec<&str> {
        parent_domains(host).collect()
    }

    fn settings(domain: Option<&str>, path: &str) -> CookieSettings {
        let builder = CookieSettings::builder().path(path);
        domain.map_or(builder.clone(), |domain| builder.domain(domain)).build().unwrap()
    }

    /// `name; Path; Domain`, with a minus before a deletion.
    fn shown(lines: &[SetCookie]) -> Vec<String> {
        let part = |line: &str, name: &str| {
            line.split("; ").find_map(|part| part.strip_prefix(name)).map(str::to_owned)
        };
        let show = |cookie: &SetCookie| {
            let line = cookie.to_header_value();
            let sign = if cookie.is_deletion() { "-" } else { "" };
            let domain = part(line, "Domain=").map(|domain| format!(" {domain}")).unwrap_or_default();
            format!("{sign}{} {}{domain}", cookie.name(), part(line, "Path=").unwrap())
        };
        lines.iter().map(show).collect()
    }

    #[test]
    fn host_and_what_is_above_it_are_its_domains() {
        assert_eq!(
            domains("a.app.example.com:8080"),
            ["a.app.example.com", "app.example.com", "example.com"]
        );
        assert_eq!(domains("example.com"), ["example.com"]);
        assert_eq!(domains("a_b.example.com"), ["example.com"], "cookies have no such domain");
        assert_eq!(domains("a.b.c.d.e.f.example.com").len(), MAX_PARENT_DOMAINS);
        assert_eq!(domains("a.b.c.d.e.f.example.com").last(), Some(&"example.com"));
        for none in [
            "",
            "localhost",
            "localhost:80",
            "127.0.0.1",
            "10.1:80",
            "[::1]:80",
            "::1",
            "example.com.",
            ".example.com",
            "a_b.c",
            "a.example.com:x",
            "a b.example.com",
            "a.example.com; Secure",
            "..",
        ] {
            assert_eq!(domains(none), Vec::<&str>::new(), "{none}");
        }
    }

    #[test]
    fn host_only_twin_goes_before_every_line_where_a_domain_is_configured() {
        let settings = settings(Some("example.com"), "/");
        assert_eq!(
            shown(&settings.writes("v", Presence::NONE).unwrap()),
            ["-wos-session /", "wos-session / example.com"]
        );
        assert_eq!(shown(&settings.clears(Presence::NONE)), ["-wos-session /", "-wos-session / example.com"]);
        let large = "x".repeat(5000);
        let lines = settings.writes(&large, Presence::of(["wos-session=v"], "wos-session")).unwrap();
        assert_eq!(
            shown(&lines),
            [
                "-wos-session.0 /",
                "wos-session.0 / example.com",
                "-wos-session.1 /",
                "wos-session.1 / example.com",
                "-wos-session /",
                "-wos-session / example.com",
            ]
        );
    }

    #[test]
    fn other_domains_are_expired_when_they_may_hold_a_cookie() {
        let twice = Presence::of(["wos-session=a; wos-session=b"], "wos-session");
        let once = Presence::of(["wos-session=a"], "wos-session");
        let at = |present: Presence<'static>| present.sent_to(Some("app.example.com"), "/");
        let none = settings(None, "/");
        let elsewhere = ["-wos-session / app.example.com", "-wos-session / example.com"];
        assert_eq!(shown(&none.writes("v", at(once)).unwrap()), ["wos-session /"]);
        assert_eq!(
            shown(&none.writes("v", at(twice)).unwrap()),
            [&elsewhere[..], &["wos-session /"]].concat()
        );
        assert_eq!(shown(&none.clears(at(Presence::NONE))), ["-wos-session /"]);
        for present in [once, twice] {
            assert_eq!(shown(&none.clears(at(present))), [&elsewhere[..], &["-wos-session /"]].concat());
        }
        let own = settings(Some(".Example.com"), "/");
        assert_eq!(
            shown(&own.writes("v", at(twice)).unwrap()),
            ["-wos-session /", "-wos-session / app.example.com", "wos-session / .Example.com",]
        );
        // A browser keeps a `__Host-` name in one scope only.
        let host = CookieSettings::builder().name("__Host-s").build().unwrap();
        let present = Presence::of(["__Host-s=a; __Host-s=b"], "__Host-s");
        assert_eq!(shown(&host.clears(at(present))), ["-__Host-s /"]);
    }

    #[test]
    fn pieces_and_the_unsplit_cookie_are_expired_each_by_its_own_count() {
        let present = Presence::of(["wos-session.0=a; wos-session.1=b; wos-session.1=c"], "wos-session");
        let lines = settings(None, "/").writes("v", present.sent_to(Some("example.com"), "/")).unwrap();
        assert_eq!(
            shown(&lines),
            [
                "wos-session /",
                "-wos-session.0 / example.com",
                "-wos-session.0 /",
                "-wos-session.1 / example.com",
                "-wos-session.1 /",
            ]
        );
    }

    #[test]
    fn other_paths_are_expired_when_two_values_came() {
        let twice = Presence::of(["wos-session=a; wos-session=b"], "wos-session");
        let at = |path| twice.sent_to(Some("localhost"), path);
        let root = settings(None, "/");
        assert_eq!(
            shown(&root.writes("v", at("/app/b")).unwrap()),
            ["-wos-session /app", "-wos-session /app/b", "wos-session /"]
        );
        let app = settings(None, "/app");
        assert_eq!(
            shown(&app.writes("v", at("/app/b")).unwrap()),
            ["-wos-session /app/b", "wos-session /app"]
        );
        assert_eq!(shown(&app.writes("v", at("/application")).unwrap()), ["wos-session /app"]);
        assert_eq!(
            shown(&app.clears(at("/app/b"))),
            ["-wos-session /", "-wos-session /app/b", "-wos-session /app"]
        );
        let both = settings(Some("example.com"), "/");
        assert_eq!(
            shown(&both.clears(at("/app"))),
            [
                "-wos-session /",
                "-wos-session /app",
                "-wos-session /app example.com",
                "-wos-session / example.com",
            ]
        );
        for path in ["", "*", "/a;b", "/a b", "/\u{e9}", "http://x"] {
            let lines = root.clears(at(path));
            assert!(shown(&lines).iter().all(|line| !line.contains(';')), "{path} {lines:?}");
        }
    }

    #[test]
    fn a_request_full_of_pieces_gets_a_bounded_answer() {
        let header: String =
            (0..10).map(|index| format!("wos-session.{index}=x; wos-session.{index}=y; ")).collect();
        let present =
            Presence::of([header.as_str()], "wos-session").sent_to(Some("a.b.c.d.e.example.com"), "/a/b/c");
        let lines = settings(None, "/").clears(present);
        assert_eq!(lines.len(), 11 + MAX_ELSEWHERE);
    }

    proptest! {
        #[test]
        fn any_host_and_path_make_well_formed_lines(host in "\\PC{0,40}|[a-c.:-]{0,30}", path in "\\PC{0,40}|/[a-c/;]{0,30}") {
            let present = Presence::of(["wos-session=a; wos-session=b"], "wos-session").sent_to(Some(&host), &path);
            for domain in [None, Some("example.com")] {
                let lines = settings(domain, "/").clears(present);
                prop_assert!(lines.len() <= 2 + MAX_ELSEWHERE);
                for line in lines {
                    let line = line.to_header_value();
                    prop_assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)));
                    prop_assert!(line.matches(';').count() <= 7, "{}", line);
                }
            }
        }
    }
}
