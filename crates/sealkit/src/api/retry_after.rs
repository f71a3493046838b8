//! `Retry-After` (RFC 9110 §10.2.3) and `Date`, read from strangers.

use crate::clock::unix_millis;
use http::{HeaderMap, header};
use sealkit_core::UnixMillis;
use serde_json::Value;
use std::time::Duration;

/// Longest wait that is believed.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait, from delta-seconds (a fraction is rounded up) or an HTTP date; at most a day. Anything else is ignored.
pub(super) fn retry_after(headers: &HeaderMap, now: UnixMillis) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = seconds(text).or_else(|| Some(http_date(text)?.saturating_since(now)))?;
    Some(wait.min(MAX_WAIT))
}

/// The same from the member `retry_after` of a body: a number of seconds, or a text that the header could hold as such. A
/// fraction is rounded up.
pub(super) fn wait_in_body(value: &Value) -> Option<Duration> {
    let wait = match value {
        Value::Number(number) => match number.as_u64() {
            Some(whole) => Duration::from_secs(whole),
            // Bounded before the conversion, which fails for what is too large, negative or not a number.
            None => Duration::try_from_secs_f64(number.as_f64()?.min(MAX_WAIT.as_secs_f64())).ok()?,
        },
        Value::String(text) => seconds(text)?,
        _ => return None,
    };
    let up = u64::from(wait.subsec_nanos() > 0);
    Some(Duration::from_secs(wait.as_secs().saturating_add(up)).min(MAX_WAIT))
}

/// When the answer was made, by the sender's clock.
pub(super) fn date(headers: &HeaderMap) -> Option<UnixMillis> {
    http_date(headers.get(header::DATE)?.to_str().ok()?.trim())
}

/// The same, of an answer that was made for us: one that a cache has kept shows the time at which it was made for somebody else.
pub(super) fn fresh_date(headers: &HeaderMap) -> Option<UnixMillis> {
    let kept = headers.get(header::AGE).is_some_and(|age| age.as_bytes().trim_ascii() != b"0");
    if kept { None } else { date(headers) }
}

fn http_date(text: &str) -> Option<UnixMillis> {
    httpdate::parse_http_date(text).ok().map(unix_millis)
}

/// Digits, perhaps with a fraction. More digits than fit are more than a day.
fn seconds(text: &str) -> Option<Duration> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let up = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(Duration::from_secs(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(up)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::json;

    const NOW: UnixMillis = UnixMillis::from_secs(1_767_225_600); // Thu, 01 Jan 2026 00:00:00 GMT

    fn wait(value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        retry_after(&headers, NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn delta_seconds_and_dates_are_read() {
        assert_eq!(wait("0"), Some(0));
        assert_eq!(wait(" 17 "), Some(17));
        assert_eq!(wait("1.2"), Some(2));
        assert_eq!(wait("3.0"), Some(3));
        assert_eq!(wait("Thu, 01 Jan 2026 00:00:09 GMT"), Some(9));
        assert_eq!(wait("Thursday, 01-Jan-26 00:00:09 GMT"), Some(9));
        assert_eq!(wait("Wed, 31 Dec 2025 23:00:00 GMT"), Some(0));
    }

    #[test]
    fn huge_waits_are_a_day() {
        for value in [
            "86401",
            "99999999999999999999999999",
            "1e300".trim_end_matches("e300").repeat(400).as_str(),
            "Fri, 01 Jan 2055 00:00:00 GMT",
        ] {
            assert_eq!(wait(value), Some(86_400), "{value}");
        }
    }

    #[test]
    fn garbage_is_no_wait() {
        for value in [
            "",
            "NaN",
            "inf",
            "-1",
            "+1",
            "1e9",
            "1.",
            ".5",
            "1,5",
            "0x10",
            "soon",
            "1 2",
            "Thu, 99 Jan 2026 00:00:00 GMT",
        ] {
            assert_eq!(wait(value), None, "{value:?}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers, NOW), None);
        headers.insert(header::RETRY_AFTER, HeaderValue::from_bytes(b"1\xff").unwrap());
        assert_eq!(retry_after(&headers, NOW), None);
    }

    #[test]
    fn wait_in_body_is_a_number_of_seconds() {
        let wait = |value: Value| wait_in_body(&value).map(|wait| (wait.as_secs(), wait.subsec_nanos()));
        for (value, seconds) in [
            (json!(0), 0),
            (json!(-0.0), 0),
            (json!(30), 30),
            (json!(30.0), 30),
            (json!(0.2), 1),
            (json!(15.000_001), 16),
            (json!(86_401), 86_400),
            (json!(u64::MAX), 86_400),
            (json!(1e300), 86_400),
            (json!("30"), 30),
            (json!("1.2"), 2),
            (json!("99999999999999999999999"), 86_400),
        ] {
            assert_eq!(wait(value.clone()), Some((seconds, 0)), "{value}");
        }
        for value in [
            Value::Null,
            json!(true),
            json!([30]),
            json!({"seconds": 30}),
            json!(-1),
            json!(-0.5),
            json!(-1e300),
            json!(""),
            json!(" 30"),
            json!("-1"),
            json!("NaN"),
            json!("1e3"),
            json!("Thu, 01 Jan 2026 00:00:09 GMT"),
        ] {
            assert_eq!(wait(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn the_date_header_is_read() {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
        assert_eq!(date(&headers), Some(NOW));
        headers.insert(header::DATE, HeaderValue::from_static("yesterday"));
        assert_eq!(date(&headers), None);
    }

    #[test]
    fn the_date_of_an_answer_from_a_cache_says_nothing_about_the_time() {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
        assert_eq!(fresh_date(&headers), Some(NOW));
        for (age, fresh) in [("0", Some(NOW)), ("1", None), ("3600", None), ("soon", None)] {
            headers.insert(header::AGE, HeaderValue::from_static(age));
            assert_eq!((fresh_date(&headers), date(&headers)), (fresh, Some(NOW)), "{age}");
        }
    }
}
