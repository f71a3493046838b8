//! camelCase and snake_case, by table and by nothing else.
//!
//! A generic converter would be wrong: names inside `metadata` and `impersonator` are the application's own and are never
//! re-cased, nor is any value. Source: workos-node 11.0.0 `serializers/user.serializer.ts`, `interfaces`.

/// In which case the members of a payload are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// `accessToken`, `emailVerified`: what the JavaScript libraries write.
    Camel,
    /// `accessToken` outside, `email_verified` inside `user`: what Kotlin writes.
    KotlinMixed,
    /// `access_token`, `email_verified`: what every other SDK and the API write.
    Snake,
    /// The same as workos-ruby up to 6.x writes it: who impersonates nobody is the text `"null"`.
    Ruby6,
}

/// A member's name: camelCase, snake_case.
type Name = (&'static str, &'static str);

/// Top-level members.
const SESSION: &[Name] = &[
    ("accessToken", "access_token"),
    ("refreshToken", "refresh_token"),
    ("user", "user"),
    ("impersonator", "impersonator"),
    ("organizationId", "organization_id"),
    ("authenticationMethod", "authentication_method"),
    ("oauthTokens", "oauth_tokens"),
];

/// Members of `user`, in the order in which node writes them.
const USER: &[Name] = &[
    ("object", "object"),
    ("id", "id"),
    ("email", "email"),
    ("emailVerified", "email_verified"),
    ("name", "name"),
    ("firstName", "first_name"),
    ("profilePictureUrl", "profile_picture_url"),
    ("lastName", "last_name"),
    ("lastSignInAt", "last_sign_in_at"),
    ("locale", "locale"),
    ("createdAt", "created_at"),
    ("updatedAt", "updated_at"),
    ("externalId", "external_id"),
    ("metadata", "metadata"),
];

/// Members of `oauthTokens`.
const OAUTH_TOKENS: &[Name] = &[
    ("provider", "provider"),
    ("accessToken", "access_token"),
    ("refreshToken", "refresh_token"),
    ("expiresAt", "expires_at"),
    ("scopes", "scopes"),
];

/// The names of one level of the payload.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    table: &'static [Name],
    camel: bool,
}

impl Style {
    pub(crate) const fn session(self) -> Names {
        Names { table: SESSION, camel: matches!(self, Self::Camel | Self::KotlinMixed) }
    }

    pub(crate) const fn user(self) -> Names {
        Names { table: USER, camel: matches!(self, Self::Camel) }
    }

    pub(crate) const fn oauth_tokens(self) -> Names {
        Names { table: OAUTH_TOKENS, camel: matches!(self, Self::Camel | Self::KotlinMixed) }
    }
}

impl Names {
    /// How this style spells the member that the API calls `snake`.
    pub(crate) fn of(self, snake: &str) -> &str {
        match self.table.iter().find(|(_, own)| *own == snake) {
            Some((camel, _)) if self.camel => camel,
            _ => snake,
        }
    }

    /// What the API calls the member that this style spells `name`, if the table knows it.
    pub(crate) fn api_name(self, name: &str) -> Option<&'static str> {
        self.table
            .iter()
            .find(|(camel, snake)| if self.camel { *camel == name } else { *snake == name })
            .map(|own| own.1)
    }

    /// The members by their API names, in the order in which they are written.
    pub(crate) fn api_names(self) -> impl Iterator<Item = &'static str> {
        self.table.iter().map(|(_, snake)| *snake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back_and_unknown_ones_stay() {
        for style in [Style::Camel, Style::KotlinMixed, Style::Snake, Style::Ruby6] {
            for names in [style.session(), style.user(), style.oauth_tokens()] {
                for api in names.api_names() {
                    assert_eq!(names.api_name(names.of(api)), Some(api));
                }
                assert_eq!(names.of("favorite_color"), "favorite_color");
                assert_eq!(names.api_name("favoriteColor"), None);
            }
        }
        assert_eq!(Style::KotlinMixed.session().of("access_token"), "accessToken");
        assert_eq!(Style::KotlinMixed.user().of("email_verified"), "email_verified");
    }
}
