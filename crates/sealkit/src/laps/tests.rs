use super::{
    cause::{Cause, Loop, Measured, measure},
    marker::Written,
};
use crate::Arrival;
use sealkit_core::{
    Detail, Failure, Reason,
    cookie::{CookieSettings, CookieSettingsBuilder, Presence, SameSite},
    format::Wire,
};

/// What a callback wrote that set a value of so many bytes, in these cookies.
fn written(bytes: usize, settings: CookieSettingsBuilder) -> Written {
    let settings = settings.build().unwrap();
    let lines = settings.writes(&"x".repeat(bytes), Wire::Token, Presence::default()).unwrap();
    Written::of(&lines, &settings, Some("2026"), "session_1")
}

fn found(written: &Written, present: &str, arrival: Arrival<'_>) -> Loop {
    let present = Presence::of([present], "wos-session");
    measure(&Measured { laps: 2, written, present, arrival: &arrival, passwords: &["2025"], skew: None })
}

fn lax() -> CookieSettingsBuilder {
    CookieSettings::builder()
}

#[test]
fn the_first_measurement_that_explains_it_is_the_cause() {
    let at = |host| Arrival::new().host(Some(host)).scheme(Some("https"));
    let strict = lax().same_site(SameSite::Strict);
    let domain = || lax().domain("app.test");
    for (what, settings, bytes, arrival, cause) in [
        ("nothing explains it", lax(), 100, at("app.test"), Cause::NotReturned),
        ("large", domain(), 3_900, at("other.test"), Cause::NotReturnedSize),
        ("http", lax(), 100, at("app.test").scheme(Some("http")), Cause::NotReturnedSecure),
        ("https", lax().secure(false), 100, at("app.test"), Cause::NotReturnedSecure),
        ("nobody knows the scheme", lax(), 100, at("app.test").scheme(None), Cause::NotReturned),
        ("loopback keeps Secure", lax(), 100, at("localhost:3000").scheme(Some("http")), Cause::NotReturned),
        ("another domain", domain(), 100, at("other.test"), Cause::NotReturnedDomain),
        ("a name that ends alike", domain(), 100, at("myapp.test"), Cause::NotReturnedDomain),
        ("a sub-domain", domain(), 100, at("www.APP.test:8443"), Cause::NotReturned),
        ("another path", lax().path("/app"), 100, at("app.test"), Cause::NotReturnedDomain),
        (
            "strict, from elsewhere",
            strict.clone(),
            100,
            at("app.test").cross_site(true),
            Cause::NotReturnedSameSite,
        ),
        ("strict, from an own page", strict, 100, at("app.test").own(true), Cause::NotReturned),
    ] {
        assert_eq!(found(&written(bytes, settings), "", arrival).cause, cause, "{what}");
    }
}

#[test]
fn pieces_that_are_missing_are_counted() {
    let written = written(9_000, lax());
    assert_eq!(written.pieces, 3);
    let some = found(&written, "wos-session.0=x; wos-session.2=x", Arrival::new());
    assert_eq!(some.cause, Cause::NotReturned);
    assert!(some.detail.contains("2 of the 3 cookies"), "{}", some.detail);
    assert_eq!(found(&written, "", Arrival::new()).cause, Cause::NotReturnedSize);
}

#[test]
fn what_came_back_is_told_by_its_reason() {
    let written = written(100, lax());
    let of =
        |failure: Failure| found(&written, "wos-session=x", Arrival::new().denied().failure(Some(&failure)));
    let unreadable = of(Failure::new(Reason::InvalidSessionCookie).with_detail(Detail::BadPassword));
    assert_eq!(unreadable.cause, Cause::NotReadable);
    assert!(
        unreadable.detail.contains("the password 2026, and this process has 2025"),
        "{}",
        unreadable.detail
    );
    assert_eq!(of(Failure::new(Reason::SessionRevoked)).cause, Cause::Ended);
    assert_eq!(of(Failure::new(Reason::ExpiredJwt)).cause, Cause::Clock);
    let refused = of(Failure::new(Reason::InvalidIssuer).with_hint("claim `iss`"));
    assert_eq!(refused.cause, Cause::Refused);
    assert!(refused.detail.contains("invalid_issuer; claim `iss`"), "{}", refused.detail);
}

#[test]
fn a_page_names_no_setting_and_every_cause_has_a_code_of_its_own() {
    let codes: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    assert_eq!(codes.len(), Cause::ALL.len());
    for cause in Cause::ALL {
        let meaning = cause.meaning();
        assert!(
            !meaning.contains("WORKOS_") && !meaning.contains("SEALKIT_") && !meaning.ends_with('.'),
            "{meaning}"
        );
    }
}
