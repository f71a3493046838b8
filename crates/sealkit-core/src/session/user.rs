//! The user as the seal holds it.

use super::text::{Borrowed, Lenient, LenientBool, Place, Text, without_lone_surrogates};
use serde::{
    Serialize, Serializer,
    de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap as _,
};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// The user of a session, read in place. Every member but the id may be missing: old SDKs wrote fewer.
///
/// `Serialize` writes the API's names (`first_name`), whatever the cookie holds.
#[derive(Clone, Copy)]
pub struct User<'s> {
    text: &'s str,
    places: &'s UserPlaces,
}

/// Where the user's members stand in the payload.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserPlaces {
    id: Option<Text>,
    email: Option<Text>,
    email_verified: Option<bool>,
    name: Option<Text>,
    first_name: Option<Text>,
    last_name: Option<Text>,
    profile_picture_url: Option<Text>,
    locale: Option<Text>,
    external_id: Option<Text>,
    last_sign_in_at: Option<Text>,
    created_at: Option<Text>,
    updated_at: Option<Text>,
    metadata: Option<Place>,
    /// Whether the members are named as the API names them: some are, and none as JavaScript names it. None when nothing tells.
    pub(super) has_api_names: Option<bool>,
}

impl UserPlaces {
    fn sees_name(&mut self, name: &str) {
        match name {
            "emailVerified" | "firstName" | "lastName" | "profilePictureUrl" | "externalId"
            | "lastSignInAt" | "createdAt" | "updatedAt" => self.has_api_names = Some(false),
            "email_verified"
            | "first_name"
            | "last_name"
            | "profile_picture_url"
            | "external_id"
            | "last_sign_in_at"
            | "created_at"
            | "updated_at" => {
                self.has_api_names.get_or_insert(true);
            }
            _ => {}
        }
    }

    pub(crate) fn id<'a>(&'a self, text: &'a str) -> Option<&'a str> {
        self.id.as_ref().map(|id| id.get(text)).filter(|id| !id.is_empty())
    }
}

macro_rules! members {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> Option<&'s str> {
            self.places.$name.as_ref().map(|place| place.get(self.text))
        }
    )*};
}

impl<'s> User<'s> {
    pub(crate) const fn new(text: &'s str, places: &'s UserPlaces) -> Self {
        Self { text, places }
    }

    /// `id`, as sealed. Of a verified session it equals the token's `sub`.
    #[must_use]
    pub fn id(&self) -> Option<&'s str> {
        self.places.id(self.text)
    }

    /// `email_verified`.
    #[must_use]
    pub const fn email_verified(&self) -> Option<bool> {
        self.places.email_verified
    }

    members! {
        /// `email`.
        email
        /// `name`: the whole name, where the SDK stores it.
        name
        /// `first_name`.
        first_name
        /// `last_name`.
        last_name
        /// `profile_picture_url`.
        profile_picture_url
        /// `locale`.
        locale
        /// `external_id`: your own id of the user.
        external_id
        /// `last_sign_in_at`, RFC 3339 as the API wrote it.
        last_sign_in_at
        /// `created_at`, RFC 3339 as the API wrote it.
        created_at
        /// `updated_at`, RFC 3339 as the API wrote it.
        updated_at
    }

    /// `metadata`: your own names and texts. Values that are no texts are left out.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<Cow<'s, str>, Cow<'s, str>> {
        let Some(json) = self.places.metadata.and_then(|place| place.get(self.text)) else {
            return BTreeMap::new();
        };
        let texts: Option<BTreeMap<String, Lenient<'s>>> = serde_json::from_str(json).ok();
        if let Some(texts) = texts {
            return texts
                .into_iter()
                .filter_map(|(name, value)| Some((Cow::Owned(name), value.0?)))
                .collect();
        }
        let clean = without_lone_surrogates(json);
        let texts: BTreeMap<String, Lenient<'_>> = serde_json::from_str(&clean).unwrap_or_default();
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        texts.into_iter().filter_map(|(name, value)| Some((Cow::Owned(name), value.0.map(owned)?))).collect()
    }

    /// What to call the user: the name, else first and last name, else the e-mail address.
    #[must_use]
    pub fn display_name(&self) -> Option<Cow<'s, str>> {
        let given = |text: Option<&'s str>| text.filter(|text| !text.is_empty());
        match (given(self.name()), given(self.first_name()), given(self.last_name())) {
            (Some(name), ..) | (None, Some(name), None) | (None, None, Some(name)) => {
                Some(Cow::Borrowed(name))
            }
            (None, Some(first), Some(last)) => Some(Cow::Owned(format!("{first} {last}"))),
            (None, None, None) => self.email().map(Cow::Borrowed),
        }
    }
}

impl fmt::Debug for User<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Serialize for User<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("object", "user")?;
        map.serialize_entry("id", &self.id())?;
        map.serialize_entry("email", &self.email())?;
        map.serialize_entry("email_verified", &self.email_verified())?;
        map.serialize_entry("name", &self.name())?;
        map.serialize_entry("first_name", &self.first_name())?;
        map.serialize_entry("last_name", &self.last_name())?;
        map.serialize_entry("profile_picture_url", &self.profile_picture_url())?;
        map.serialize_entry("last_sign_in_at", &self.last_sign_in_at())?;
        map.serialize_entry("locale", &self.locale())?;
        map.serialize_entry("created_at", &self.created_at())?;
        map.serialize_entry("updated_at", &self.updated_at())?;
        map.serialize_entry("external_id", &self.external_id())?;
        map.serialize_entry("metadata", &self.metadata())?;
        map.end()
    }
}

/// Reads a user object in one pass; its places are relative to `base`, the text that is being parsed. `places` stays `None`
/// for null and for everything else that is not an object, which no SDK takes for a user. (Places are large: what is filled where it stays need not be moved there.)
pub(crate) struct UserSeed<'b> {
    pub(crate) base: &'b str,
    pub(crate) places: &'b mut Option<UserPlaces>,
}

impl<'de> de::DeserializeSeed<'de> for UserSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UserSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user object or null")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        *self.places = None;
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.visit_unit()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let places = self.places.insert(UserPlaces::default());
        while let Some(Borrowed(name)) = map.next_key()? {
            places.sees_name(&name);
            let slot = match &*name {
                "id" => &mut places.id,
                "email" => &mut places.email,
                "name" => &mut places.name,
                "firstName" | "first_name" => &mut places.first_name,
                "lastName" | "last_name" => &mut places.last_name,
                "profilePictureUrl" | "profile_picture_url" => &mut places.profile_picture_url,
                "locale" => &mut places.locale,
                "externalId" | "external_id" => &mut places.external_id,
                "lastSignInAt" | "last_sign_in_at" => &mut places.last_sign_in_at,
                "createdAt" | "created_at" => &mut places.created_at,
                "updatedAt" | "updated_at" => &mut places.updated_at,
                "emailVerified" | "email_verified" => {
                    places.email_verified = map.next_value::<LenientBool>()?.0;
                    continue;
                }
                "metadata" => {
                    places.metadata = Place::within(self.base, map.next_value::<&RawValue>()?.get());
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *slot = map.next_value::<Lenient<'de>>()?.0.map(|text| Text::within(self.base, text));
        }
        Ok(())
    }
}
