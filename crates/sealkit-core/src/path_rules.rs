//! Rules over `METHOD path`: public exceptions, sign-up paths. Exact, anchored, on the raw path of canonical requests only.
//!
//! ```text
//! GET /healthz      that path
//! GET /pub/*        everything below /pub/, /pub/ itself included, /pub not
//! * /assets/*       any method
//! ```
//!
//! Proxies, this code and the application behind may each read `/pub/..%2fadmin` differently. So a rule applies only to a
//! request whose path can be read in one way; anything else is treated as if no rule were there. Nothing is decoded.

/// Longest method, of letters and hyphens.
const MAX_METHOD_BYTES: usize = 20;

/// A list of rules; empty by default, so that nothing is excepted. Cheap to ask, made once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// `None` is any.
    method: Option<String>,
    /// Of a tree with the slash at the end.
    path: String,
    tree: bool,
}

impl PathRules {
    /// Parses rules, one `METHOD path` each.
    ///
    /// # Errors
    /// [`PathRulesError`] with every rule that is none, and the fix.
    pub fn parse<I>(rules: I) -> Result<Self, PathRulesError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let (mut good, mut problems) = (Vec::new(), Vec::new());
        for text in rules {
            match Rule::parse(text.as_ref()) {
                Ok(rule) => good.push(rule),
                Err(fault) => problems.push(PathRuleProblem { rule: text.as_ref().to_owned(), fault }),
            }
        }
        if problems.is_empty() { Ok(Self { rules: good }) } else { Err(PathRulesError { problems }) }
    }

    /// True when there is no rule.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// True when a rule names this request. `target` is the raw request target as it came (`/path?query`); the query is not
    /// looked at, and a target that is not canonical matches nothing.
    #[must_use]
    pub fn matches(&self, method: &str, target: &str) -> bool {
        !self.rules.is_empty()
            && canonical_path(target)
                .is_some_and(|path| self.rules.iter().any(|rule| rule.matches(method, path)))
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self, PathRuleFault> {
        let (method, path) = text.split_once(' ').ok_or(PathRuleFault::Shape)?;
        let known = (1..=MAX_METHOD_BYTES).contains(&method.len())
            && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        let method = match method {
            "*" => None,
            method if known => Some(method.to_owned()),
            _ => return Err(PathRuleFault::Method),
        };
        if !path.starts_with('/') {
            return Err(PathRuleFault::NoSlash);
        }
        if path.contains(['?', '#']) {
            return Err(PathRuleFault::Query);
        }
        let (path, tree) = match path.strip_suffix('*') {
            Some(parent) if parent.ends_with('/') => (parent, true),
            Some(_) => return Err(PathRuleFault::Wildcard),
            None => (path, false),
        };
        if path.contains(['*', '(', ')', '[', ']', '^', '$', '|', '{', '}']) {
            return Err(PathRuleFault::Wildcard);
        }
        if canonical_path(path) != Some(path) {
            return Err(PathRuleFault::NotCanonical);
        }
        Ok(Self { method, path: path.to_owned(), tree })
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        let path_fits = if self.tree { path.starts_with(&self.path) } else { path == self.path };
        path_fits && self.method.as_deref().is_none_or(|expected| expected == method)
    }
}

/// The path of a target that everybody reads alike: one `/` at the beginning, no empty, `.` or `..` segment, no `\`, `;`, `#`,
/// control or non-ASCII byte, nothing percent-encoded that need not be or that means something once decoded.
fn canonical_path(target: &str) -> Option<&str> {
    // No client sends a fragment; one that does wants two readers to see two paths.
    if target.contains('#') {
        return None;
    }
    let path = target.split('?').next()?;
    let segments = path.strip_prefix('/')?;
    let last = segments.rsplit('/').next()?;
    let mut empty_at_the_end = last.is_empty();
    for segment in segments.rsplit('/') {
        let allowed_empty = std::mem::take(&mut empty_at_the_end);
        let dots = matches!(segment, "." | "..");
        if dots || (segment.is_empty() && !allowed_empty) || !is_canonical_segment(segment) {
            return None;
        }
    }
    Some(path)
}

fn is_canonical_segment(segment: &str) -> bool {
    let mut pieces = segment.split('%');
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\' && b != b';');
    if !pieces.next().is_some_and(plain) {
        return false;
    }
    let mut encoded = Vec::new();
    for piece in pieces {
        let Some((digits, rest)) = piece.split_at_checked(2) else { return false };
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) || !plain(rest) {
            return false;
        }
        let Ok(byte) = u8::from_str_radix(digits, 16) else { return false };
        encoded.push(byte);
        if !rest.is_empty() && !is_harmless(&std::mem::take(&mut encoded)) {
            return false;
        }
    }
    is_harmless(&encoded)
}

/// A run of percent-encoded bytes: well-formed UTF-8 of characters that cannot stand in a path otherwise (RFC 3986 §3.3) and
/// are no delimiter to anybody. Overlong forms are not UTF-8; look-alikes of `/ \ . ; % # ?` are what some decoders fold into
/// them.
fn is_harmless(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars().all(|char| match char {
            ' ' | '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}' | '[' | ']' => true,
            '\u{2024}'..='\u{2026}' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' => false,
            '\u{29f9}' | '\u{3002}' | '\u{fe19}' | '\u{fe52}' | '\u{fe54}' | '\u{fe5f}' => false,
            '\u{fe68}' | '\u{fe6a}' | '\u{ff61}' | '\u{ff03}' | '\u{ff05}' | '\u{ff0e}' => false,
            '\u{ff0f}' | '\u{ff1b}' | '\u{ff1f}' | '\u{ff3c}' | '\u{feff}' => false,
            other => !other.is_ascii() && !other.is_control(),
        })
    })
}

/// Why a rule is none. `Display` names the fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathRuleFault {
    /// Not two words.
    #[error("write a method, one space and a path, like `GET /healthz`")]
    Shape,
    /// The method is not upper case.
    #[error("the method must be upper case like `GET`, or `*` for any")]
    Method,
    /// The path does not begin with `/`.
    #[error("the path must begin with `/`; it is no regular expression")]
    NoSlash,
    /// There is a query or fragment.
    #[error("rules see neither query nor fragment; remove what follows `?` or `#`")]
    Query,
    /// A wildcard elsewhere than as the last segment, or the characters of a pattern language.
    #[error(
        "only a last segment `*` is a wildcard, like `/pub/*`; patterns and regular expressions are not supported"
    )]
    Wildcard,
    /// No canonical request could match.
    #[error(
        "the path is not canonical: no `//`, `.` or `..` segment, `\\`, `;`, space or non-ASCII; percent-encode only what must be"
    )]
    NotCanonical,
}

/// One rule that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule:?}: {fault}")]
#[non_exhaustive]
pub struct PathRuleProblem {
    /// As it was given.
    pub rule: String,
    /// What is wrong.
    pub fault: PathRuleFault,
}

crate::problems::problems_error! {
    /// The rules cannot be used.
    PathRulesError of PathRuleProblem
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(texts: &[&str]) -> PathRules {
        PathRules::parse(texts).unwrap()
    }

    fn skips(target: &str) -> bool {
        rules(&["GET /pub/*", "GET /healthz"]).matches("GET", target)
    }

    #[test]
    fn canonical_targets_are_matched() {
        for target in [
            "/healthz",
            "/healthz?x=1",
            "/healthz?",
            "/healthz?/../admin",
            "/pub/",
            "/pub/a",
            "/pub/a/b/",
            "/pub/a?x=/../../admin",
            "/pub/...",
            "/pub/.well-known",
            "/pub/a..b",
            "/pub/a%20b",
            "/pub/%C3%A9.png",
            "/pub/%c3%a9",
            "/pub/%E2%82%AC%20x",
            "/pub/%5Bslug%5D",
            "/pub/@a:b!$&'()*+,=~-_",
        ] {
            assert!(skips(target), "{target}");
        }
    }

    /// T05 to T07 of the threat list: none of these may ever skip.
    #[test]
    fn nothing_but_a_canonical_target_is_matched() {
        for target in [
            // dot segments
            "/pub/../admin",
            "/pub/./a",
            "/pub/..",
            "/pub/.",
            "/./pub/a",
            "/../pub/a",
            "/x/../pub/a",
            "/pub/a/../../admin",
            // encoded dots, slashes, backslashes
            "/pub/..%2fadmin",
            "/pub/..%2Fadmin",
            "/pub/%2e%2e/admin",
            "/pub/%2E%2E/admin",
            "/pub/.%2e/admin",
            "/pub/%2e",
            "/pub%2fa",
            "/pub/%2fadmin",
            "/pub/..%5cadmin",
            "/pub/%5c..%5cadmin",
            "/pub\\..\\admin",
            "/pub/..\\admin",
            "\\pub\\a",
            // empty segments
            "//pub/a",
            "/pub//a",
            "/pub//",
            "//admin/pub/a",
            "///pub/a",
            // path parameters
            "/pub/;/../admin",
            "/pub/..;/admin",
            "/pub;x=1/a",
            "/pub/a;x",
            "/admin;x=/pub/",
            "/pub/%3b",
            "/pub/%3Bx",
            // control bytes, raw and encoded
            "/pub/%00",
            "/pub/a%00.png",
            "/pub/%0d%0a",
            "/pub/%09",
            "/pub/%7f",
            "/pub/%C2%85",
            "/pub/a b",
            "/pub/a\tb",
            "/pub/\u{7f}",
            "/pub/é",
            // double encoding, needless and broken encoding
            "/pub/%252e%252e/admin",
            "/pub/%252f",
            "/pub/%25",
            "/%70ub/a",
            "/p%75b/a",
            "/pub/%61",
            "/pub/%7E",
            "/pub/%40",
            "/pub/%",
            "/pub/%2",
            "/pub/%zz",
            "/pub/%+f",
            "/pub/%u002e",
            // overlong and look-alike forms
            "/pub/%c0%ae%c0%ae/admin",
            "/pub/%c0%af",
            "/pub/%e0%80%af",
            "/pub/%FF",
            "/pub/%C3",
            "/pub/%C3a%A9",
            "/pub/%ef%bc%8f",
            "/pub/%EF%BC%8E%EF%BC%8E/admin",
            "/pub/%E2%88%95admin",
            "/pub/%E2%80%A5/admin",
            // query and fragment
            "/admin?/pub/",
            "/admin?x=/pub/a",
            "/admin#/pub/",
            "/admin%23/pub/",
            "/pub/a#x",
            "/pub/#/../admin",
            "/pub/a?x#y",
            "/pub/%23",
            "/pub/%3f/../admin",
            "/admin%3f/pub/",
            // anchoring, whole segments, case
            "/pub",
            "/pub?x=/pub/a",
            "/pubx",
            "/pubx/a",
            "/x/pub/a",
            "/Pub/a",
            "/PUB/a",
            "/healthz/",
            "/healthzz",
            "/healthz/a",
            "/x/healthz",
            "/HEALTHZ",
            // no path at all
            "",
            "?",
            "pub/a",
            "*",
            "https://app.example/pub/a",
            "https:/pub/a",
            " /pub/a",
        ] {
            assert!(!skips(target), "{target:?}");
        }
    }

    #[test]
    fn the_method_is_part_of_the_rule() {
        let rules = rules(&["GET /a", "POST /b/*", "* /c", "M-SEARCH /d"]);
        assert!(rules.matches("GET", "/a") && rules.matches("POST", "/b/x"));
        assert!(rules.matches("BREW", "/c") && rules.matches("M-SEARCH", "/d"));
        for (method, target) in
            [("HEAD", "/a"), ("get", "/a"), ("GET ", "/a"), ("", "/a"), ("GET", "/b/x"), ("*", "/a")]
        {
            assert!(!rules.matches(method, target), "{method} {target}");
        }
    }

    #[test]
    fn without_rules_nothing_matches() {
        let none = PathRules::default();
        assert!(none.is_empty() && !none.matches("GET", "/"));
    }

    #[test]
    fn the_root_and_everything_can_be_named() {
        assert!(rules(&["GET /"]).matches("GET", "/"));
        assert!(!rules(&["GET /"]).matches("GET", "/a"));
        let all = rules(&["* /*"]);
        assert!(all.matches("GET", "/") && all.matches("PUT", "/a/b") && !all.matches("GET", "/a/../b"));
    }

    #[test]
    fn a_rule_that_is_none_is_an_error_that_names_the_fix() {
        let fault = |text: &str| PathRules::parse([text]).unwrap_err().problems()[0].fault;
        for (text, expected) in [
            ("", PathRuleFault::Shape),
            ("/healthz", PathRuleFault::Shape),
            ("GET", PathRuleFault::Shape),
            ("get /a", PathRuleFault::Method),
            (" /a", PathRuleFault::Method),
            ("GET|POST /a", PathRuleFault::Method),
            ("ABCDEFGHIJKLMNOPQRSTU /a", PathRuleFault::Method),
            ("GET  /a", PathRuleFault::NoSlash),
            ("GET ^/pub", PathRuleFault::NoSlash),
            ("GET pub", PathRuleFault::NoSlash),
            ("GET *", PathRuleFault::NoSlash),
            ("GET /a?x=1", PathRuleFault::Query),
            ("GET /a#x", PathRuleFault::Query),
            ("GET /a*", PathRuleFault::Wildcard),
            ("GET /a/*/b", PathRuleFault::Wildcard),
            ("GET /**", PathRuleFault::Wildcard),
            ("GET /(a|b)", PathRuleFault::Wildcard),
            ("GET /a$", PathRuleFault::Wildcard),
            ("GET //a", PathRuleFault::NotCanonical),
            ("GET /a/../b", PathRuleFault::NotCanonical),
            ("GET /a b", PathRuleFault::NotCanonical),
            ("GET /a;b", PathRuleFault::NotCanonical),
            ("GET /é", PathRuleFault::NotCanonical),
            ("GET /%61", PathRuleFault::NotCanonical),
            ("GET /a\\b", PathRuleFault::NotCanonical),
            ("GET /a ", PathRuleFault::NotCanonical),
        ] {
            assert_eq!(fault(text), expected, "{text:?}");
        }
        let error = PathRules::parse(["get /a", "GET /b", "GET /c*"]).unwrap_err();
        insta::assert_snapshot!(error, @r#"rule "get /a": the method must be upper case like `GET`, or `*` for any; rule "GET /c*": only a last segment `*` is a wildcard, like `/pub/*`; patterns and regular expressions are not supported"#);
    }

    proptest! {
        /// What matches means the same to a reader that decodes and resolves as to one that does neither.
        #[test]
        fn what_matches_cannot_be_read_as_another_path(
            tail in "([a-z./\\\\;?#]|\\.\\.|%2[eEfF]|%5c|%25|%20|%[0-9a-f]{2}|%c0%ae){0,12}",
        ) {
            let target = format!("/pub/{tail}");
            if skips(&target) {
                let resolved = url::Url::parse("https://a.invalid").unwrap().join(&target).unwrap();
                prop_assert!(resolved.path().starts_with("/pub/"), "{}", target);
                prop_assert_eq!(resolved.path(), target.split('?').next().unwrap());
            }
        }
    }
}
