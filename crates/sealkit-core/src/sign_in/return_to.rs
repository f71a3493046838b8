//! Where to go after signing in: a path on our own origin, by construction.

use std::fmt;
use url::Url;

/// Most bytes of a return path, before and after normalization.
pub const MAX_RETURN_TO_BYTES: usize = 2048;

/// Two origins that nobody has, of two schemes: what is relative stays on either, what names an origin of its own leaves at
/// least one. (`https:x` is relative to an `https` page only.)
const PLACEHOLDERS: [&str; 2] = ["https://placeholder.invalid", "http://elsewhere.invalid"];

/// A path with query and fragment on our own origin. Only [`ReturnTo::sanitize`] makes one.
///
/// Always begins with one `/` that no other slash follows, is printable ASCII, and at most [`MAX_RETURN_TO_BYTES`] long; so
/// it can stand in a `Location` header as it is. Parsed by the WHATWG algorithm that browsers use, never by patterns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// Makes a safe path of any text.
    ///
    /// The result is that of authkit-session's `sanitizeReturnPathname`: dot segments resolved, tabs and line ends gone,
    /// non-ASCII percent-encoded. But what leaves the origin (`//evil.test`, `https://…`, `javascript:…`, where
    /// authkit-session keeps the path), is too long, or names one of our own routes, gives `/`.
    #[must_use]
    pub fn sanitize(input: &str, own_routes: &OwnRoutes) -> Self {
        sanitize(input).filter(|path| !own_routes.contains(path)).map(Self).unwrap_or_default()
    }

    /// The path, with query and fragment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReturnTo {
    /// `/`
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl AsRef<str> for ReturnTo {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn sanitize(input: &str) -> Option<String> {
    if input.is_empty() || input.len() > MAX_RETURN_TO_BYTES {
        return None;
    }
    let mut resolved = None;
    for placeholder in PLACEHOLDERS {
        let base = Url::parse(placeholder).ok()?;
        let url = base.join(input).ok()?;
        // The origin alone would let `https://user@placeholder.invalid` through.
        if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        resolved = Some(url);
    }
    let url = resolved?;
    let mut path = String::with_capacity(url.as_str().len());
    path.push('/');
    path.push_str(url.path().trim_start_matches('/'));
    if let Some(query) = url.query() {
        path.push('?');
        path.push_str(query);
    }
    if let Some(fragment) = url.fragment() {
        path.push('#');
        path.push_str(fragment);
    }
    (path.len() <= MAX_RETURN_TO_BYTES).then_some(path)
}

/// Routes that must not be returned to: signing in would loop, or a link would sign out.
///
/// `/login` is that path; `/sealkit/*` is `/sealkit` and everything below. Compared generously (percent-decoded, without
/// regard to case, doubled and trailing slashes): the worst that a wrong match does is to return to `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnRoutes {
    exact: Vec<String>,
    trees: Vec<String>,
}

impl OwnRoutes {
    /// These routes.
    #[must_use]
    pub fn new<I>(routes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut own = Self::default();
        for route in routes {
            match route.as_ref().strip_suffix("/*") {
                Some(tree) => own.trees.push(comparable(tree)),
                None => own.exact.push(comparable(route.as_ref())),
            }
        }
        own
    }

    fn contains(&self, path: &str) -> bool {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = comparable(path);
        self.exact.contains(&path)
            || self.trees.iter().any(|tree| {
                path.strip_prefix(tree.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

/// Lower case, percent-decoded, one slash between segments, none at the end.
fn comparable(path: &str) -> String {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escape = (byte == b'%').then(|| Some((hex(ahead.next()?)?, hex(ahead.next()?)?))).flatten();
        match escape {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                bytes = ahead;
            }
            None => decoded.push(byte),
        }
    }
    let decoded = String::from_utf8_lossy(&decoded).to_lowercase();
    let mut out = String::with_capacity(decoded.len() + 1);
    for segment in decoded.split(['/', '\\']).filter(|segment| !segment.is_empty()) {
        out.push('/');
        out.push_str(segment);
    }
    out
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
