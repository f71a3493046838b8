//! What a session cookie held: as it was stored, not yet proven by a token, and authentic only if its container was.

use super::{
    members::Members,
    seal::ANCHOR,
    text::{Borrowed, Lenient, Text, without_lone_surrogates},
    user::{User, UserPlaces, UserSeed},
};
use crate::{
    AccessToken, Detail, RefreshToken,
    casing::Style,
    format::{Format, envelope},
};
use serde::{
    Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, mem, ops::Deref};
use zeroize::Zeroizing;

/// The payload of a session cookie, as it was stored. Cheap to read, wiped on drop.
///
/// A seal says that somebody with the password wrote it, no more; an unsealed cookie says not even that
/// ([`is_authentic`](Self::is_authentic)), and everything in it is the visitor's claim. Who the user is, only a verified
/// [`Session`](super::Session) proves. Nothing turns one into the other but the verification of the token inside.
pub struct UnsealedSession {
    text: Wiped,
    style: Style,
    authentic: bool,
    places: Places,
}

/// What a payload is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It must hold an access token.
    Authenticate,
    /// A refresh token will do, if the container proves who wrote it.
    Refresh,
}

#[derive(Default)]
struct Places {
    access_token: Option<Text>,
    refresh_token: Option<Text>,
    organization_id: Option<Text>,
    authentication_method: Option<Text>,
    user: Option<UserPlaces>,
    impersonator: Option<ImpersonatorPlaces>,
}

#[derive(Default)]
struct ImpersonatorPlaces {
    email: Option<Text>,
    reason: Option<Text>,
}

impl UnsealedSession {
    /// Reads a payload that may be anybody's: a JSON object with an access token that is no empty text.
    ///
    /// # Errors
    /// [`Detail::NotASession`] for everything else. The text is wiped then, too.
    pub(crate) fn parse(plaintext: Vec<u8>, style: Style) -> Result<Self, Detail> {
        let session = Self::parse_object(plaintext, style)?;
        if session.access_token().is_empty() { Err(Detail::NotASession) } else { Ok(session) }
    }

    /// Reads a JSON object, whatever tokens it has.
    fn parse_object(plaintext: Vec<u8>, style: Style) -> Result<Self, Detail> {
        let text = match String::from_utf8(plaintext) {
            Ok(text) => Wiped(text),
            Err(error) => {
                wipe(error.into_bytes());
                return Err(Detail::NotASession);
            }
        };
        let places = Places::of(&text, style).or_else(|| match without_lone_surrogates(&text) {
            // Every place in this text is the same place in the one that is kept.
            Cow::Owned(clean) => Places::of(&Zeroizing::new(clean), style),
            Cow::Borrowed(_) => None,
        });
        Ok(Self { places: places.ok_or(Detail::NotASession)?, text, style, authentic: false })
    }

    /// Reads a payload that was, or will be, the content of a cookie of this format: a JSON object with an access token that is
    /// no empty text.
    ///
    /// That it came out of such a cookie is the caller's word: this opens nothing.
    ///
    /// # Errors
    /// [`Detail::NotASession`] for everything else. The text is wiped then, too.
    pub fn parse_as(payload: Vec<u8>, format: Format) -> Result<Self, Detail> {
        Ok(Self { authentic: format.is_authenticated(), ..Self::parse(payload, format.style())? })
    }

    /// Reads what came out of a container (with its envelope, if it has one).
    ///
    /// Of an iron seal the suffix has said which container it is. How its user's members are named, the user says
    /// ([`style`](Self::style)): Kotlin gives them the API's names, JavaScript and workos-android their own. A user that tells
    /// nothing is named as the container's writer names it.
    ///
    /// # Errors
    /// As [`parse_as`](Self::parse_as); `malformed` for an envelope of another version.
    pub fn read(plaintext: Vec<u8>, format: Format) -> Result<Self, Detail> {
        Self::read_for(plaintext, format, Purpose::Authenticate)
    }

    /// As [`read`](Self::read), but the tokens that must be there are those that `purpose` needs.
    pub(super) fn read_for(mut plaintext: Vec<u8>, format: Format, purpose: Purpose) -> Result<Self, Detail> {
        envelope::unwrap(format, &mut plaintext)?;
        let authentic = format.is_authenticated();
        let mut session = Self { authentic, ..Self::parse_object(plaintext, format.style())? };
        if !session.serves(purpose) {
            return Err(Detail::NotASession);
        }
        if matches!(format, Format::Iron | Format::KotlinIron) {
            match session.places.user.as_ref().and_then(|user| user.has_api_names) {
                Some(true) => session.style = Style::KotlinMixed,
                Some(false) => session.style = Style::Camel,
                None => {}
            }
        }
        Ok(session)
    }

    fn serves(&self, purpose: Purpose) -> bool {
        let refreshes = purpose == Purpose::Refresh && self.authentic && self.refresh_token().is_some();
        refreshes || !self.access_token().is_empty()
    }

    /// False when its container protects nothing: then everything but the access token is the visitor's own claim.
    ///
    /// True says what the container does, not that this session is anybody's; only a verified [`Session`](super::Session) proves.
    #[must_use]
    pub const fn is_authentic(&self) -> bool {
        self.authentic
    }

    /// The access token, not verified. Empty only in a payload that was opened to be refreshed and has none
    /// ([`SessionReader::unseal_to_refresh`](super::SessionReader::unseal_to_refresh)).
    #[must_use]
    pub fn access_token(&self) -> &str {
        self.places.access_token.as_ref().map_or("", |token| token.get(&self.text))
    }

    /// The access token as a secret of its own.
    #[must_use]
    pub fn to_access_token(&self) -> AccessToken {
        AccessToken::from(self.access_token())
    }

    /// The refresh token, if there is one that is no empty text.
    #[must_use]
    pub fn refresh_token(&self) -> Option<RefreshToken> {
        self.optional(self.places.refresh_token.as_ref()).map(RefreshToken::from)
    }

    /// `organizationId` as it was stored (node writes it; others do not); only a verified [`Session`](super::Session) proves.
    #[must_use]
    pub fn organization_id(&self) -> Option<&str> {
        self.optional(self.places.organization_id.as_ref())
    }

    /// `authenticationMethod` as it was stored; only a verified [`Session`](super::Session) proves.
    #[must_use]
    pub fn authentication_method(&self) -> Option<&str> {
        self.optional(self.places.authentication_method.as_ref())
    }

    /// The user as it was stored; only a verified [`Session`](super::Session) proves. A user without an id counts as none.
    #[must_use]
    pub fn user(&self) -> Option<User<'_>> {
        let places = self.places.user.as_ref()?;
        places.id(&self.text).map(|_| User::new(&self.text, places))
    }

    /// `impersonator.email` as it was stored; only a verified [`Session`](super::Session) proves.
    #[must_use]
    pub fn impersonator_email(&self) -> Option<&str> {
        self.optional(self.places.impersonator.as_ref()?.email.as_ref())
    }

    /// `impersonator.reason` as it was stored; only a verified [`Session`](super::Session) proves.
    #[must_use]
    pub fn impersonator_reason(&self) -> Option<&str> {
        self.places.impersonator.as_ref()?.reason.as_ref().map(|place| place.get(&self.text))
    }

    /// In which case the members are named.
    #[must_use]
    pub const fn style(&self) -> Style {
        self.style
    }

    /// The user whose session it was, if a refresh has brought another user's tokens: an explicit refresh must be about that user. `None`
    /// for every other session, and for what nobody sealed.
    #[must_use]
    pub fn anchor(&self) -> Option<String> {
        let members = Members::parse(self.expose_text()).ok().filter(|_| self.is_authentic())?;
        members.text(ANCHOR).map(|id| id.to_string()).filter(|id| !id.is_empty())
    }

    /// In which case the user's members are named, if they tell: the API's names stand for [`Style::KotlinMixed`].
    #[must_use]
    pub fn names_of_user(&self) -> Option<Style> {
        let has_api_names = self.places.user.as_ref()?.has_api_names?;
        Some(if has_api_names { Style::KotlinMixed } else { Style::Camel })
    }

    /// How many bytes of the payload each member takes, the largest first; those of the user one by one (`user.metadata`).
    #[must_use]
    pub fn sizes(&self) -> Vec<(String, usize)> {
        let payload = Members::parse(&self.text).unwrap_or_default();
        let mut sizes = Vec::new();
        for (name, value) in payload.iter() {
            match Members::parse(value) {
                Ok(user) if name == "user" => {
                    sizes.extend(user.iter().map(|(name, value)| (format!("user.{name}"), value.len())));
                }
                _ => sizes.push((name.to_owned(), value.len())),
            }
        }
        sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        sizes
    }

    /// The whole payload as it was stored. It holds both tokens: for tools, never for a log.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    fn optional<'a>(&'a self, place: Option<&'a Text>) -> Option<&'a str> {
        place.map(|place| place.get(&self.text)).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for UnsealedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsealedSession")
            .field("style", &self.style)
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}

/// A text that is wiped when it goes.
struct Wiped(String);

impl Deref for Wiped {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(mem::take(&mut self.0).into_bytes());
    }
}

/// Overwrites the whole buffer at memory speed; byte by byte, as `Zeroizing` does it, costs as much as decrypting did.
fn wipe(mut bytes: Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    zeroize::optimization_barrier(bytes.as_slice());
}

impl Places {
    /// Where the members stand, if the text is a JSON object whose known texts Rust can hold.
    fn of(text: &str, style: Style) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_str(text);
        let mut places = Self::default();
        json.deserialize_map(PlacesVisitor { base: text, style, places: &mut places })
            .and_then(|()| json.end())
            .ok()?;
        Some(places)
    }
}

struct PlacesVisitor<'b> {
    base: &'b str,
    style: Style,
    places: &'b mut Places,
}

impl<'de> Visitor<'de> for PlacesVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { base, style, places } = self;
        let names = style.session();
        while let Some(Borrowed(name)) = map.next_key()? {
            let slot = match names.api_name(&name) {
                Some("access_token") => &mut places.access_token,
                Some("refresh_token") => &mut places.refresh_token,
                Some("organization_id") => &mut places.organization_id,
                Some("authentication_method") => &mut places.authentication_method,
                Some("user") => {
                    map.next_value_seed(UserSeed { base, places: &mut places.user })?;
                    continue;
                }
                Some("impersonator") => {
                    places.impersonator = impersonator(base, map.next_value::<&RawValue>()?.get());
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *slot = map.next_value::<Lenient<'de>>()?.0.map(|text| Text::within(base, text));
        }
        Ok(())
    }
}

/// `{email, reason}`; anything else (null, or the text `"null"` that old Ruby wrote) is none.
fn impersonator(base: &str, json: &str) -> Option<ImpersonatorPlaces> {
    #[derive(serde::Deserialize)]
    struct Raw<'a> {
        #[serde(borrow, default)]
        email: Option<Lenient<'a>>,
        #[serde(borrow, default)]
        reason: Option<Lenient<'a>>,
    }
    let clean = without_lone_surrogates(json);
    let raw: Raw<'_> = serde_json::from_str(json).or_else(|_| serde_json::from_str(&clean)).ok()?;
    let text = |part: Option<Lenient<'_>>| part.and_then(|part| part.0).map(|part| Text::within(base, part));
    Some(ImpersonatorPlaces { email: text(raw.email), reason: text(raw.reason) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camel(json: &str) -> Result<UnsealedSession, Detail> {
        UnsealedSession::parse(json.as_bytes().to_vec(), Style::Camel)
    }

    #[test]
    fn only_an_object_with_an_access_token_is_a_session() {
        for json in [
            "",
            "null",
            "[]",
            "\"accessToken\"",
            "1",
            "true",
            "{}",
            r#"{"accessToken":null}"#,
            r#"{"accessToken":7}"#,
            r#"{"accessToken":""}"#,
            r#"{"access_token":"a"}"#,
            r#"{"accessToken":"a"} x"#,
            "\u{feff}{\"accessToken\":\"a\"}",
        ] {
            assert_eq!(camel(json).unwrap_err(), Detail::NotASession, "{json}");
        }
        assert_eq!(UnsealedSession::parse(vec![0xff, 0xfe], Style::Camel).unwrap_err(), Detail::NotASession);
        assert!(camel(r#"{"accessToken":"a"}"#).is_ok());
        for user in ["\"u\"", "7", "-7", "1.5", "true", "[{}]", "null"] {
            let session = camel(&format!(r#"{{"accessToken":"a","user":{user}}}"#)).unwrap();
            assert!(session.user().is_none(), "{user}");
        }
    }

    #[test]
    fn members_are_read_in_place_and_with_escapes() {
        let session = camel(
            r#"{"x":{"accessToken":"no"},"user":{"id":"user_1","firstName":"J\u00fcrgen","metadata":{"a_b":"1","aB":"2","n":3}},
               "accessToken":"t","refreshToken":"","impersonator":{"email":"e@x.test","reason":null},"organizationId":"org_1"}"#,
        )
        .unwrap();
        let user = session.user().unwrap();
        assert_eq!((session.access_token(), session.organization_id()), ("t", Some("org_1")));
        assert_eq!((user.id(), user.first_name()), (Some("user_1"), Some("Jürgen")));
        assert_eq!(
            user.metadata().into_iter().collect::<Vec<_>>(),
            [("aB".into(), "2".into()), ("a_b".into(), "1".into())]
        );
        assert_eq!((session.impersonator_email(), session.impersonator_reason()), (Some("e@x.test"), None));
        assert!(session.refresh_token().is_none());
    }

    #[test]
    fn what_makes_a_session_large_is_told_by_member() {
        let session =
            camel(r#"{"accessToken":"aaaaaa","user":{"id":"u","metadata":{"k":"a long value"}},"x":1}"#)
                .unwrap();
        let sizes = session.sizes();
        let sizes: Vec<_> = sizes.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
        assert_eq!(sizes, [("user.metadata", 20), ("accessToken", 8), ("user.id", 3), ("x", 1)]);
    }

    #[test]
    fn a_user_without_an_id_counts_as_none() {
        for user in ["{}", "null", r#"{"id":""}"#, r#"{"id":7}"#] {
            assert!(camel(&format!(r#"{{"accessToken":"a","user":{user}}}"#)).unwrap().user().is_none());
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let shown = format!(
            "{:?}",
            camel(r#"{"accessToken":"secret-token","user":{"id":"u","email":"a@b.test"}}"#).unwrap()
        );
        assert!(!shown.contains("secret") && !shown.contains("a@b"), "{shown}");
    }
}
