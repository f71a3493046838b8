//! Every diagnosis that `inspect` can give: the code, what it says and the fix, in one table, from which
//! `docs/diagnoses.md` is printed.

/// What a diagnosis means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The answer when nothing is wrong.
    Answer,
    /// The session does not work.
    Fault,
    /// Good to know; the session may work.
    Note,
}

macro_rules! diagnoses {
    ($($variant:ident $code:literal $weight:ident $says:literal $fix:literal;)*) => {
        /// A diagnosis.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Diagnosis {
            $(#[doc = $says] $variant,)*
        }

        impl Diagnosis {
            /// Every diagnosis, in the order of the reference page.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            pub(crate) const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What is found, in a sentence.
            pub(crate) const fn says(self) -> &'static str {
                match self { $(Self::$variant => $says,)* }
            }

            /// What to do about it.
            pub(crate) const fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }

            /// What it means for the session.
            pub(crate) const fn weight(self) -> Weight {
                match self { $(Self::$variant => Weight::$weight,)* }
            }
        }
    };
}

diagnoses! {
    Works "works" Answer "this cookie authenticates its user" "nothing to do";
    NotVerified "not_verified" Answer "nothing speaks against it, but the token's signature was not checked" "give the key set with --jwks FILE, or let it be fetched with --online";

    CookieMissing "cookie_missing" Fault "there is no cookie of this name in the line" "name another with --name";
    CookieNameCase "cookie_name_case" Fault "the cookie's name is written in another case, and names are case-sensitive" "set WORKOS_COOKIE_NAME to the name that the browser sends, or name it with --name";
    Deletion "deletion" Fault "this line deletes the cookie: an empty value with Max-Age=0" "sign in again; if nobody signed out, look in the application's log for the reason of the answer that set it";
    EmptyValue "empty_value" Fault "the value is empty" "sign in again: a signed-out browser may keep an empty cookie";
    BadEscape "bad_percent_escape" Fault "the value has a malformed percent-escape" "copy the whole value again; whoever wrote it must encode as encodeURIComponent does";
    SplitIncomplete "split_incomplete" Fault "the pieces of a split cookie are there, but not all of them, or of different writes" "send all of name.0, name.1, …; if the browser lost one, sign in again";
    OnePiece "one_piece" Fault "this is one piece of a split cookie" "give the whole Cookie: header, so that all pieces are there";
    TooLong "too_long" Fault "it is longer than any cookie" "copy the cookie's value alone";

    PercentTwice "percent_encoded_twice" Fault "it is percent-encoded twice" "encode once: the framework does it already, so do not call encodeURIComponent (or CGI.escape, quote) before";
    PlusToSpace "plus_became_space" Fault "a form decoder has turned its + into spaces" "decode cookies with a percent-decoder that leaves + alone, not with one for forms (URLSearchParams, parse_qs, unquote_plus)";
    Quoted "quoted" Fault "quotes or backslashes around it belong to a shell or a log, not to the value" "pass the value without them";
    WhiteSpace "white_space_inside" Fault "line breaks or spaces stand in it that are not its own" "copy it again as one line, without the breaks of a terminal or a mail";
    PaddingLost "padding_lost" Fault "the = at its end is missing" "whoever parses the cookie header must split at the first = only, and must not strip the others";
    OtherAlphabet "other_alphabet" Fault "its base64 is in the other alphabet: + and / were exchanged with - and _" "pass the value on as it is, without decoding and encoding it";
    CutAtLimit "cut_off_at_4096" Fault "it is cut off at 4096 bytes, where browsers and proxies end a cookie" "make the session smaller or let the writer split the cookie; `sealkit inspect` on a whole one names the largest members";
    CutOff "cut_off" Fault "its end is missing" "copy the whole value; if the application gets it so, a proxy or a log on the way cuts it";
    JsonCutOff "json_cut_off" Fault "it is unsealed JSON without its end, as a raw ; in a name leaves it" "percent-encode the value in Set-Cookie (encodeURIComponent)";

    BareToken "bare_access_token" Fault "it is a bare JWT: an access token alone, not a session cookie" "look at the cookie that holds the session (wos-session); the token itself goes into an Authorization header";
    Opaque "opaque_token" Fault "it is a short opaque text, as refresh tokens and session ids are, not a session cookie" "look at the cookie that holds the session (wos-session); if it is a refresh token, it has leaked: end the session";
    ApiKey "api_key" Fault "it is a WorkOS API key: keep it secret" "replace it in the WorkOS dashboard if others have seen it";
    WorkosId "workos_id" Fault "it is the id of something at WorkOS, not a session cookie" "look at the cookie that holds the session (wos-session)";
    OldIron "old_iron" Fault "it is a seal of another iron version, which no WorkOS library writes" "have the writer seal with Fe26.2";
    Malformed "malformed" Fault "it begins like a known format, and its parts are not in order" "copy the value again, whole and unchanged";
    Unknown "unknown_format" Fault "it has not the shape of any format that is read here" "copy the cookie's value alone; if the application has an encryptor or session store of its own, only that can read it";
    OtherFormat "other_format" Fault "it is a cookie of another format than the one that is read" "have both sides agree on a format: `sealkit migrate` tells how to move there";
    EncodedForRaw "encoded_for_raw_reader" Fault "the cookie is percent-encoded, and servers of that language read the bytes as they are" "have the writer set the value raw: sealkit does it by the format of the session; other libraries must not call encodeURIComponent";
    NotForKotlin "not_for_kotlin" Fault "it ends in ~2 as the JavaScript libraries write it, and workos-kotlin throws at the ~" "have the reader take iron, or convert: `sealkit convert --to kotlin-iron`";
    KotlinForJavaScript "kotlin_for_javascript" Fault "workos-kotlin wrote it: node 7, authkit-nextjs and React Router take it for an empty session, node 8 and later miss user members" "convert it: `sealkit convert --to iron`";

    OtherPassword "other_password" Fault "its tag does not verify: another password sealed it, or it was changed on the way" "give the password that sealed it (--password-file, old ones after the new one), or copy the value again, whole and unchanged";
    NoPassword "no_password" Fault "it is sealed, and no password is given" "set WORKOS_COOKIE_PASSWORD or give --password-file [ID=]PATH";
    RubyPasswordBytes "ruby_v6_password_not_32_bytes" Fault "it is a seal of workos (Ruby) 5 or 6: the password must be exactly 32 bytes, and none given is" "give the 32-byte password that the Ruby service has; `sealkit key new --format ruby-v6` makes such a one";
    FernetPassword "fernet_password_shape" Fault "it is a seal of the Python SDK: the password must be base64 of 32 bytes (44 characters), and none given is" "give the password that the Python service has; `sealkit key new --format python-fernet` makes such a one";
    RustPassword "rust_password_not_hex" Fault "the crate workos needs a password of 64 hexadecimal digits, and none given is" "give the password that the Rust service has; `sealkit key new --format rust-gcm` makes such a one";
    PhpPassword "php_password_not_base64" Fault "workos-php 5 and later needs base64 of 32 bytes as password, and none given is" "give the password that the PHP service has; `sealkit key new --format php-secretbox` makes such a one";
    PasswordShort "password_too_short" Fault "a given password opens it, but has fewer than 32 characters" "move to a longer one (`sealkit key new`): JavaScript, Kotlin and sealkit refuse passwords of under 32 characters";
    PasswordSpace "password_white_space" Fault "it opens once the white space around the given password is gone" "remove the line end or the spaces from the password here (`printf %s`, not `echo`)";
    PasswordQuotes "password_quotes" Fault "it opens once the quotes around the given password are gone" "remove the quotes from the setting: env files of Docker and systemd keep them";
    PasswordLineEnd "password_line_end" Fault "it was sealed with the given password and a line end after it" "remove the line end from the writer's password; until then give it with the line end twice, for one is taken off here";
    PasswordPadding "password_padding_lost" Fault "it opens once the = that was lost stands at the end of the given password again" "give the password whole: whatever read it split at every =";
    DerivedPassword "derived_password" Fault "it is sealed with the password that open branches of the JavaScript libraries derive from API key and client id" "set a WORKOS_COOKIE_PASSWORD of its own in every service, or let this one derive it, too";
    PasswordId "password_id_unknown" Fault "it names a password id that no given password has" "give the password of that id with --password-file ID=PATH";
    OddSuffix "odd_suffix" Fault "an iron seal ends in nothing or in ~2, and this one in another suffix" "restore the end: the suffix is not protected, and no WorkOS library ever wrote another";
    RouterSignature "router_signature" Fault "the seal inside opens, but the framework's signature around it is wrong" "set the same WORKOS_COOKIE_PASSWORD in every service: the framework signed with another secret, or the cookie was changed";
    RouterInnerSeal "router_inner_seal" Fault "the framework's signature is right, but the seal inside does not open" "sign in again: the seal in this cookie was made with another password, or is damaged";
    RouterUnsigned "router_unsigned" Fault "it is a cookie of React Router or Remix without its signature" "copy the value whole, up to the 43 characters after the last dot";
    RouterEmpty "router_empty_session" Fault "it is a session of React Router or Remix with nothing of AuthKit in it: signed out, or never signed in" "sign in again; if that does not help, check that authLoader and the callback use the same session storage";

    SealExpired "seal_expired" Fault "the seal's own expiration is over" "sign in again; session seals of current libraries carry no expiration";
    EnvelopeExpired "envelope_expired" Fault "the time that workos-php 4 wrote into it is over" "sign in again; it lives 30 days unless the application says otherwise";
    SignInState "sign_in_state" Fault "this is the state of a sign-in (a verifier cookie), not a session" "look at the session cookie (wos-session); this one opens with `sealkit unseal --format pkce`";
    SignInStateExpired "sign_in_state_expired" Fault "this is the state of a sign-in (a verifier cookie) that took longer than its ten minutes" "start the sign-in again";
    EmptyPayload "empty_payload" Fault "it opens, and holds {}: iron-session's way of having no session" "sign in again";
    PayloadNull "payload_null" Fault "it opens, and holds nothing at all" "sign in again; workos (Ruby) 7.0.0 wrote this on every refresh, 7.1.1 repaired it";
    PayloadNotObject "payload_not_object" Fault "it opens, and what is inside is no JSON object" "seal the session as an object with access token and refresh token";
    OtherNames "other_member_names" Fault "its members are named as SDKs of other languages name them" "have the writer name them as its format's SDK does: `sealkit convert` knows the tables";
    NoAccessToken "no_access_token" Fault "it opens, and there is no access token inside" "have the writer store the access token of the answer; `sealkit unseal --any` shows what is inside; if a refresh token is sealed inside, `sealkit refresh` makes a session of it";

    NotAJwt "token_not_a_jwt" Fault "the access token is no JWT" "have the writer store the access token of the answer, whole and unchanged";
    TokenUnsigned "token_unsigned" Fault "the access token says alg none: nobody signed it" "do not trust it: sign in again, and find out who made this token";
    TokenAlgorithm "token_algorithm" Fault "the access token is not signed with RS256" "do not trust it: sign in again, and find out who made this token";
    TokenNoKeyId "token_no_key_id" Fault "the access token names no key" "sign in again; tokens of AuthKit name their key";
    TokenKeyUnknown "token_key_unknown" Fault "the key set of this client has no key with the token's id" "check that WORKOS_CLIENT_ID and the API base are those of the environment that issued the token";
    TokenKeyUnusable "token_key_unusable" Fault "the key set of this client has the token's key, and it cannot be used" "have the key corrected where the key set comes from (RFC 7517, RFC 7518)";
    TokenSignature "token_signature" Fault "the access token's signature does not verify" "do not trust it: sign in again, and find out who made this token";
    TokenAgent "token_agent" Fault "the access token is an AI agent's, not a user's session" "sign in as a user: an agent's token is not a session";
    TokenWidget "token_widget" Fault "the access token is a widget's, not a user's session" "sign in: a widget's token is not a session";
    TokenConnect "token_connect" Fault "the access token is a Connect token (an OAuth application or an MCP client), not a user's session" "sign in: a Connect token is not a session";
    TokenMachine "token_machine" Fault "the access token is a machine's, not a user's session" "sign in: a machine's token is not a session";
    TokenOtherApplication "token_other_application" Fault "the access token was issued to another application" "sign in through this application; if both applications share the cookie, list the token's `client_id` in SEALKIT_CLIENT_IDS; if WORKOS_CLIENT_ID is wrong, correct it; where the claim is not a text, only SEALKIT_BIND_CLIENT_ID=false accepts it";
    TokenWrongType "token_wrong_type" Fault "the header's `typ` names another kind of token than a session's" "sign in: such a token is not a session";
    TokenNoAuthTime "token_no_auth_time" Fault "the access token does not say when the user signed in (`auth_time`)" "sign in again; for an emulator that writes none set SEALKIT_REQUIRE_AUTH_TIME=false";
    TokenAuthTimeUnreadable "token_auth_time_unreadable" Fault "the claim `auth_time` is not a time: a number of seconds since 1970, not negative" "sign in again; if new sessions have it too, look at the JWT template: no setting accepts it";
    TokenActor "token_actor" Fault "another party acts in the session, and it is not allowed to" "sign in as the user; if such a party may act for users, set SEALKIT_ACTORS to every kind that may, such as impersonator,agent";
    TokenActorUnreadable "token_actor_unreadable" Fault "the claim `act` cannot be read: not an object with a `sub`, or more than 8 deep" "sign in again; if new sessions have it too, look at the JWT template";
    TokenNoSubject "token_no_subject" Fault "the access token names no user (`sub`)" "sign in again; if new sessions have it too, look at the JWT template";
    TokenNoSession "token_no_session" Fault "the access token names no session (`sid`): it is none of a user's session" "give the token of a signed-in user, not one of a machine (client credentials)";
    TokenNoExpiry "token_no_expiry" Fault "the access token has no `exp`" "sign in again; if new sessions have it too, look at the JWT template";
    TokenIssuer "token_issuer" Fault "the access token's issuer is not one that is accepted here" "correct WORKOS_CLIENT_ID or the API base; for a custom AuthKit domain set WORKOS_ISSUER to the token's `iss`";
    TokenAudience "token_audience" Fault "the access token is not meant for the configured audience" "add the token's `aud` to the accepted audiences";
    TokenNotYet "token_not_yet_valid" Fault "the access token is not valid yet" "set the clock of this machine: it lags behind the one that issued the token";
    TokenSubject "token_subject" Fault "the stored user is not the one that the access token proves" "sign in again: the user beside the token is another one than the token proves";
    TokenImpersonator "token_impersonator" Fault "cookie and token name different impersonators" "sign in again: the impersonator beside the token is another one than the token proves";
    TokenExpired "token_expired" Fault "the access token is right in everything but its time" "refresh it: `sealkit refresh`, or let the web layer do it";

    PercentOnce "percent_encoded" Note "it is percent-encoded once, as it stands in a header" "nothing to do where it comes from a header; what the application is given must be decoded";
    SeveralCookies "several_cookies" Note "the header has several cookies of this name, and libraries differ in which one they take" "delete the other: it is of another Domain or Path";
    TooLarge "too_large" Note "browsers drop a cookie of this size in silence, and the user lands in a sign-in loop" "make the largest members smaller, or let the writer split the cookie";
    NearlyTooLarge "nearly_too_large" Note "browsers keep it, but proxies and servers at their defaults may reject it: nginx answers 502 to a response head of over 4 KiB and 400 to a Cookie line of over 8 KiB, Tomcat (400), Jetty (431) and Ktor (400) reject a request head from 8 KiB on, Node.js (431) from 16 KiB on" "make the largest members smaller, or raise the limits: in nginx proxy_buffer_size, proxy_buffers, proxy_busy_buffers_size and large_client_header_buffers (docs/axum.md)";
    Unsealed "unsealed" Note "it is not sealed: anybody can forge everything but the access token" "read it only where that is meant (WORKOS_SESSION_ENCODING_READ), and never believe the user beside the token";
    SignedOnly "signed_only" Note "nobody can change it, but everybody who holds it reads both tokens; it is read only where it is named" "name the format where it is meant to be read; keep the cookie out of logs";
    Costly "costly" Note "a hundred thousand rounds for every attempt: it is read only where it is named" "name dotnet-gcm among the formats that are read";
    GoPassphrase "go_passphrase" Note "only workos-go reads it: the key is SHA-256 of the password, and the crate workos wants 64 hexadecimal digits" "share a password of 64 hexadecimal digits where Rust is to read it: `sealkit key new --format rust-gcm`";
    KotlinSeal "kotlin_seal" Note "workos-kotlin wrote it, without ~2: JavaScript libraries on iron-session 6 to 8 take it for an empty session" "convert it where JavaScript is to read it: `sealkit convert --to iron`";
    NoSuffix "iron_without_suffix" Note "the ~2 at its end is missing: libraries on iron-session 6 to 8 take it for an empty session" "have the writer append ~2, or convert: `sealkit convert --to iron`";
    SealEnds "seal_ends" Note "the seal has an end of its own, as older libraries wrote it" "update the writer (node 7.35.1, authkit-nextjs 0.16.2, authkit-remix 0.7.1): the user is signed out at that time";
    OldPassword "old_password" Note "a password after the first one opened it: it was sealed before the password changed" "leave it in the ring until no cookie needs it: `sealkit key status`";
    NoRefreshToken "no_refresh_token" Note "there is no refresh token: the session ends with its access token" "sign in again when it ends; have the writer store the refresh token";
    NoUser "no_user" Note "no user is stored: who it is comes from the token alone" "nothing to do for sealkit; node, Python and PHP want a user before they refresh";
    Impersonated "impersonated" Note "somebody else is signed in as this user" "nothing to do where support is meant to; show it to the user";
    ActingParty "acting_party" Note "another party than the user acts in the session, and SEALKIT_ACTORS allows it" "nothing to do where it is meant to; show it to the user";
    ImpersonatorUnproven "impersonator_unproven" Note "the cookie names an impersonator that the token does not prove" "do not show it as a fact";
}

/// The reference page: `sealkit inspect --codes > docs/diagnoses.md`.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# Diagnoses\n\n\
         `sealkit inspect` gives these. With `--json` they stand in `diagnoses`, each with its code, what it says (with what is particular \
         to the cookie after it) and the fix; the first one is the verdict's. Codes are stable. A *fault* means that the session \
         does not work, a *note* that there is something to know about one that may. No password and no token is ever shown.\n\n\
         | code | weight | says | fix |\n|---|---|---|---|\n",
    );
    for diagnosis in Diagnosis::ALL {
        let weight = match diagnosis.weight() {
            Weight::Answer => "answer",
            Weight::Fault => "fault",
            Weight::Note => "note",
        };
        page +=
            &format!("| `{}` | {weight} | {} | {} |\n", diagnosis.code(), diagnosis.says(), diagnosis.fix());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_note_names_the_limits_that_the_log_names() {
        let note = format!("{} {}", Diagnosis::NearlyTooLarge.says(), Diagnosis::NearlyTooLarge.fix());
        for name in [
            "proxy_buffer_size",
            "proxy_buffers",
            "proxy_busy_buffers_size",
            "large_client_header_buffers",
            "Tomcat",
            "Jetty",
            "Ktor",
            "Node.js",
        ] {
            assert!(note.contains(name) && sealkit::cookie::PROXY_LIMITS.contains(name), "{name}");
        }
    }
}
