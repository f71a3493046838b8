//! Splitting and joining together, against a model of a browser's jar.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const LIMIT: usize = 24 * 1024;

/// Encoded text that fits into a piece of `wos-session`: 4096 less `wos-session.0` and `~sk1.5.0123456789abcdef.`.
const ROOM: usize = 4096 - 13 - 24;

/// What a browser does with `Set-Cookie` lines of one host and path.
#[derive(Clone, Default)]
struct Jar(BTreeMap<String, String>);

impl Jar {
    fn take(&mut self, lines: &[SetCookie]) {
        for line in lines {
            assert!(line.name_and_value_bytes() <= MAX_COOKIE_BYTES, "{line:?}");
            if line.to_header_value().contains("Max-Age=0") {
                self.0.remove(line.name());
            } else {
                self.0.insert(line.name().to_owned(), line.encoded_value().to_owned());
            }
        }
    }

    fn pairs(&self) -> Vec<String> {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    fn header(&self) -> String {
        self.pairs().join("; ")
    }

    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn present(&self) -> Presence<'static> {
        Presence::of([self.header().as_str()], DEFAULT_NAME)
    }

    fn store(&mut self, value: &str) {
        let lines = CookieSettings::default().writes(value, self.present()).unwrap();
        self.take(&lines);
    }

    fn holding(value: &str) -> Self {
        let mut jar = Self::default();
        jar.store(value);
        jar
    }
}

fn read(header: &str) -> Vec<String> {
    values([header], DEFAULT_NAME, LIMIT).map(|value| value.into_owned()).collect()
}

fn write(value: &str) -> Vec<SetCookie> {
    CookieSettings::default().writes(value, Presence::NONE).unwrap()
}

/// `bytes` characters that are not encoded and do not repeat at the size of a piece.
fn plain(bytes: usize, seed: usize) -> String {
    (0..bytes).map(|at| char::from(b'a' + u8::try_from((at * 7 + at / 26 + seed) % 26).unwrap())).collect()
}

fn raw(pieces: &[(u8, &str)]) -> String {
    pieces.iter().map(|(index, value)| format!("wos-session.{index}={value}")).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_value_is_split_when_it_does_not_fit_and_only_then() {
    let fits = plain(MAX_COOKIE_BYTES - DEFAULT_NAME.len(), 0);
    assert_eq!(write(&fits), [CookieSettings::default().set(&fits).unwrap()]);
    let pieces = write(&format!("{fits}x"));
    assert_eq!(pieces.iter().map(SetCookie::name).collect::<Vec<_>>(), ["wos-session.0", "wos-session.1"]);
}

#[test]
fn a_piece_has_its_marker_and_the_attributes_of_the_whole() {
    let pieces = write(&plain(5000, 0));
    let [first, second] = pieces.as_slice() else { panic!("{pieces:?}") };
    let generation = &first.encoded_value()[7..23];
    assert!(first.encoded_value().starts_with(&format!("~sk1.2.{generation}.ahov")), "{generation}");
    assert!(second.encoded_value().starts_with(&format!("~sk1-1.{generation}.")));
    for piece in &pieces {
        let line = piece.to_header_value();
        assert!(line.ends_with("; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax"), "{line}");
    }
    assert_eq!(first.name_and_value_bytes(), MAX_COOKIE_BYTES);
}

#[test]
fn the_generation_is_the_start_of_the_sha_256_of_the_value() {
    let pieces = write(&"a".repeat(5000));
    // printf 'a%.0s' {1..5000} | sha256sum
    assert_eq!(&pieces[0].encoded_value()[..24], GENERATION_OF_5000_A);
}

const GENERATION_OF_5000_A: &str = "~sk1.2.c526c6222044dab5.";

#[test]
fn sizes_around_the_limits_of_one_to_five_pieces_come_back() {
    for pieces in 1..=5 {
        for size in [pieces * ROOM - 1, pieces * ROOM, pieces * ROOM + 1] {
            let value = plain(size, pieces);
            let outcome = CookieSettings::default().writes(&value, Presence::NONE);
            if size > 5 * ROOM {
                assert_eq!(outcome, Err(CookieTooLarge { bytes: 5 * 4096 + 1, limit: 5 * 4096 }));
                continue;
            }
            let lines = outcome.unwrap();
            let expected = if size <= 4096 - 11 { 1 } else { size.div_ceil(ROOM) };
            assert_eq!(lines.len(), expected, "{size}");
            let mut jar = Jar::default();
            jar.take(&lines);
            assert_eq!(read(&jar.header()), [value], "{size}");
        }
    }
}

#[test]
fn five_full_pieces_are_read_from_one_header_line() {
    let value = plain(5 * ROOM, 3);
    let jar = Jar::holding(&value);
    assert_eq!(jar.names().len(), MAX_CHUNKS);
    assert!(jar.header().len() <= MAX_HEADER_BYTES);
    assert_eq!(read(&jar.header()), [value]);
}

#[test]
fn no_cut_falls_inside_a_character_or_an_escape() {
    for special in ["%", "%41", "\"", ";", "\n", "\r\n", "é", "€", "🔑", "+", " ", ".", "~sk1-1."] {
        for before in 0..14 {
            let value =
                format!("{}{}{}", plain(ROOM - before, 1), special.repeat(3), plain(ROOM + before, 2));
            let lines = write(&value);
            for line in &lines {
                assert!(decode_value(line.encoded_value()).is_some(), "{special:?} {before}");
                assert!(line.name_and_value_bytes() <= MAX_COOKIE_BYTES);
            }
            let mut jar = Jar::default();
            jar.take(&lines);
            assert_eq!(read(&jar.header()), [value], "{special:?} {before}");
        }
    }
    // Twelve bytes a character: what is left at the end of a piece does not hold another one.
    let value = "🔑".repeat(1600);
    assert_eq!(read(&Jar::holding(&value).header()), [value]);
}

#[test]
fn a_value_that_five_pieces_cannot_hold_is_an_error_that_says_how_much_is_left_over() {
    let error = CookieSettings::default().writes(&plain(5 * ROOM + 100, 0), Presence::NONE).unwrap_err();
    insta::assert_snapshot!(error, @"cookie is 20580 bytes (name and encoded value, in as many pieces as there may be), limit is 20480");
    let error =
        CookieSettings::default().writes(&"🔑".repeat(ROOM / 12 * 5 + 1), Presence::NONE).unwrap_err();
    assert_eq!(error.bytes, 20_480 + 12);
    assert!(CookieSettings::default().writes(&"+".repeat(1 << 20), Presence::NONE).is_err());
}

#[test]
fn where_the_application_says_so_a_large_value_is_refused() {
    let settings = CookieSettings::builder().large_cookies(LargeCookies::Refuse).build().unwrap();
    let error = settings.writes(&plain(4086, 0), Presence::NONE).unwrap_err();
    insta::assert_snapshot!(error, @"cookie is 4097 bytes (name and encoded value), limit is 4096");
    assert_eq!(settings.writes(&plain(4085, 0), Presence::NONE).unwrap().len(), 1);
    assert_eq!(settings.large_cookies(), LargeCookies::Refuse);
    assert_eq!(CookieSettings::default().large_cookies(), LargeCookies::Split);
}

#[test]
fn the_longest_name_leaves_room() {
    let name = "n".repeat(256);
    let settings = CookieSettings::builder().name(name.as_str()).build().unwrap();
    let value = plain(15_000, 0);
    let mut jar = Jar::default();
    jar.take(&settings.writes(&value, Presence::NONE).unwrap());
    assert_eq!(values([jar.header().as_str()], &name, LIMIT).collect::<Vec<_>>(), [value]);
}

#[test]
fn full_pieces_are_no_reason_to_warn_unless_no_other_may_follow() {
    assert!(write(&plain(4 * ROOM, 0)).iter().all(|piece| !piece.nearly_too_large()));
    let nearly: Vec<_> = write(&plain(5 * ROOM, 0)).iter().map(SetCookie::nearly_too_large).collect();
    assert_eq!(nearly, [false, false, false, false, true]);
    assert!(write(&plain(4 * ROOM + 100, 0)).iter().all(|piece| !piece.nearly_too_large()));
}

#[test]
fn shrinking_and_growing_leaves_nothing_behind() {
    let mut jar = Jar::default();
    for (pieces, seed) in [5, 2, 1, 3, 1, 5, 4, 4].into_iter().zip(0..) {
        let value = plain(if pieces == 1 { 100 } else { pieces * ROOM - 5 }, seed);
        jar.store(&value);
        assert_eq!(jar.names().len(), pieces);
        assert_eq!(read(&jar.header()), [value]);
    }
}

#[test]
fn what_iron_session_9_left_is_deleted_too() {
    let mut jar = Jar::default();
    for index in 0..4 {
        jar.0.insert(format!("wos-session.{index}"), format!("Fe26.2*{index}"));
    }
    jar.0.insert("other.1".to_owned(), "theirs".to_owned());
    jar.store(&plain(5000, 0));
    assert_eq!(jar.names(), ["other.1", "wos-session.0", "wos-session.1"]);
    jar.store("small");
    assert_eq!(jar.names(), ["other.1", "wos-session"]);
}

#[test]
fn what_is_set_comes_first_and_deletions_follow_in_order() {
    let present =
        Presence::of(["wos-session.9=x; wos-session.1=; wos-session=x; wos-session.3=~"], DEFAULT_NAME);
    let names = |lines: &[SetCookie]| -> Vec<_> {
        lines.iter().map(|line| (line.name().to_owned(), line.is_deletion())).collect()
    };
    let named = |expected: &[(&str, bool)]| -> Vec<_> {
        expected.iter().map(|(name, gone)| ((*name).to_owned(), *gone)).collect()
    };
    let settings = CookieSettings::default();
    assert_eq!(
        names(&settings.writes("small", present).unwrap()),
        named(&[
            ("wos-session", false),
            ("wos-session.1", true),
            ("wos-session.3", true),
            ("wos-session.9", true)
        ])
    );
    assert_eq!(
        names(&settings.writes(&plain(5000, 0), present).unwrap()),
        named(&[
            ("wos-session.0", false),
            ("wos-session.1", false),
            ("wos-session", true),
            ("wos-session.3", true),
            ("wos-session.9", true)
        ])
    );
    assert_eq!(
        names(&settings.clears(present)),
        named(&[
            ("wos-session", true),
            ("wos-session.1", true),
            ("wos-session.3", true),
            ("wos-session.9", true)
        ])
    );
    assert_eq!(settings.clears(Presence::NONE), [settings.delete()]);
}

#[test]
fn a_deletion_has_the_attributes_of_what_it_deletes() {
    let settings = CookieSettings::builder().domain("example.com").path("/app").build().unwrap();
    let lines = settings.clears(Presence::of(["wos-session.0=x"], DEFAULT_NAME));
    insta::assert_snapshot!(lines[3].to_header_value(), @"wos-session.0=; Path=/app; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax");
}

#[test]
fn signing_out_leaves_nothing_of_a_split_session() {
    let mut jar = Jar::holding(&plain(5 * ROOM, 0));
    let lines = CookieSettings::default().clears(jar.present());
    jar.take(&lines);
    assert!(jar.0.is_empty());
}

#[test]
fn pieces_of_two_generations_are_never_one_value() {
    let (old, new) = (Jar::holding(&plain(3 * ROOM, 1)), Jar::holding(&plain(3 * ROOM, 2)));
    for mask in 1..7_usize {
        let mut mixed = Jar::default();
        for (at, (name, value)) in old.0.iter().enumerate() {
            let value = if mask >> at & 1 == 1 { &new.0[name] } else { value };
            mixed.0.insert(name.clone(), value.clone());
        }
        assert_eq!(read(&mixed.header()), Vec::<String>::new(), "{mask:03b}");
    }
}

#[test]
fn a_mix_under_one_generation_is_found_out_by_the_hash() {
    let (a, b) = (plain(2 * ROOM, 1), plain(2 * ROOM, 2));
    let (mut jar, other) = (Jar::holding(&a), Jar::holding(&b));
    let generation = jar.0["wos-session.0"][7..23].to_owned();
    let forged = format!("~sk1-1.{generation}.{}", &other.0["wos-session.1"][24..]);
    jar.0.insert("wos-session.1".to_owned(), forged);
    assert!(read(&jar.header()).is_empty());
}

#[test]
fn a_missing_piece_or_another_count_is_no_value() {
    let jar = Jar::holding(&plain(4 * ROOM, 1));
    for name in jar.names() {
        let mut less = jar.clone();
        less.0.remove(name);
        assert!(read(&less.header()).is_empty(), "{name}");
    }
    for count in ["0", "1", "2", "3", "5", "6", "9", "", "04", "+4", "4294967300", "-1", "x"] {
        let mut other = jar.clone();
        let first = other.0["wos-session.0"].replacen("~sk1.4.", &format!("~sk1.{count}."), 1);
        other.0.insert("wos-session.0".to_owned(), first);
        assert!(read(&other.header()).is_empty(), "{count}");
    }
}

#[test]
fn the_same_pieces_of_two_hosts_are_told_apart_in_any_order() {
    let (a, b) = (plain(2 * ROOM, 1), plain(3 * ROOM, 2));
    let (of_a, of_b) = (Jar::holding(&a).pairs(), Jar::holding(&b).pairs());
    let header = [&of_b[2], &of_a[0], &of_b[0], &of_b[1], &of_a[1]].map(String::as_str).join("; ");
    assert_eq!(read(&header), [a.clone(), b]);
    // Twice the same is one.
    let twice = [&of_a[0], &of_a[1], &of_a[1], &of_a[0]].map(String::as_str).join("; ");
    assert_eq!(read(&twice), std::slice::from_ref(&a));
    // Half of one does not hurt the other.
    let half = [&of_b[0], &of_b[2], &of_a[1], &of_a[0]].map(String::as_str).join("; ");
    assert_eq!(read(&half), [a]);
}

#[test]
fn of_several_values_those_in_one_cookie_come_first_and_one_from_pieces_always_has_a_place() {
    let split = plain(2 * ROOM, 1);
    let pieces = Jar::holding(&split).header();
    let with = |rest: &str| read(&format!("{pieces}; {rest}"));
    assert_eq!(with("wos-session=1"), ["1", split.as_str()]);
    assert_eq!(
        with("wos-session=1; wos-session=2; wos-session=3; wos-session=4"),
        ["1", "2", split.as_str()]
    );
    // Pieces that come to nothing take nobody's place.
    let broken = "wos-session.0=~sk1.2.0123456789abcdef.x; wos-session.1=~sk1-1.0123456789abcdef.y";
    assert_eq!(
        read(&format!("wos-session=1; wos-session=2; wos-session=3; {broken}; wos-session=4")),
        ["1", "2", "3"]
    );
}

#[test]
fn the_unmarked_pieces_of_iron_session_9_are_read() {
    let seal = format!("Fe26.2*1*{}~2", plain(9000, 0));
    let parts = [&seal[..4000], &seal[4000..8000], &seal[8000..]];
    assert_eq!(read(&raw(&[(2, parts[2]), (0, parts[0]), (1, parts[1])])), [seal.as_str()]);
    // It reads one piece too, and stops at the first that is missing, whatever stands behind it.
    assert_eq!(read(&raw(&[(0, "Fe26.2*a"), (2, "c")])), ["Fe26.2*a"]);
    assert_eq!(read(&raw(&[(0, "Fe26.2*a"), (1, ""), (2, "c")])), ["Fe26.2*a"]);
    // At most four.
    let five = raw(&[(0, "Fe26.2*a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")]);
    assert_eq!(read(&five), ["Fe26.2*abcd"]);
    // The first of a name, as it does.
    assert_eq!(read(&raw(&[(0, "Fe26.2*a"), (0, "Fe26.2*z"), (1, "b"), (1, "y")])), ["Fe26.2*ab"]);
    assert_eq!(read(&raw(&[(0, "Fe26.2%2Aa"), (1, "\"b%3D\"")])), ["Fe26.2*ab="]);
}

#[test]
fn unmarked_pieces_are_nothing_but_an_iron_seal() {
    for first in ["{\"user\":", "eyJhIjoi", "sj1.x", "Fe26.1*", "~sk2.2.x", "%zz"] {
        assert!(read(&raw(&[(0, first), (1, "b")])).is_empty(), "{first}");
    }
    assert!(read(&raw(&[(1, "Fe26.2*a")])).is_empty());
    // Ours in the middle are not joined as theirs.
    let mixed = raw(&[(0, "Fe26.2*a"), (1, "~sk1-1.0123456789abcdef.b"), (2, "c")]);
    assert_eq!(read(&mixed), ["Fe26.2*a"]);
    assert!(read("wos-session.00=Fe26.2*a; wos-session.+0=Fe26.2*a; wos-session.=Fe26.2*a").is_empty());
    assert!(read("wos-session.10=Fe26.2*a; wos-session0=Fe26.2*a; WOS-SESSION.0=Fe26.2*a").is_empty());
}

#[test]
fn ours_come_before_those_of_iron_session() {
    let split = plain(2 * ROOM, 1);
    let header = format!("{}; {}", raw(&[(0, "Fe26.2*a"), (1, "b")]), Jar::holding(&split).header());
    assert_eq!(read(&header), [split.as_str(), "Fe26.2*ab"]);
}

#[test]
fn a_value_over_the_limit_is_not_put_together() {
    let value = plain(3 * ROOM, 1);
    let header = Jar::holding(&value).header();
    assert_eq!(values([header.as_str()], DEFAULT_NAME, value.len()).count(), 1);
    assert_eq!(values([header.as_str()], DEFAULT_NAME, value.len() - 1).count(), 0);
    // It is the decoded size that counts.
    let encoded = "+".repeat(2000);
    let header = Jar::holding(&encoded).header();
    assert_eq!(values([header.as_str()], DEFAULT_NAME, 2000).collect::<Vec<_>>(), [encoded]);
    let seal = raw(&[(0, "Fe26.2*a"), (1, "b")]);
    assert_eq!(values([seal.as_str()], DEFAULT_NAME, 8).count(), 0);
}

#[test]
fn nothing_is_allocated_for_a_value_in_one_cookie_that_is_not_encoded() {
    let found: Vec<_> = values(["a=1; wos-session=Fe26.2*1*a~2; b=2"], DEFAULT_NAME, LIMIT).collect();
    assert!(matches!(found.as_slice(), [std::borrow::Cow::Borrowed("Fe26.2*1*a~2")]));
}

#[test]
fn without_pieces_it_reads_what_candidates_reads() {
    for header in ["s=%; s=; s=1; s=%ff; s=2; s=3; s=4", "s=\"q\"", "", "s", "S=1; s=2; sx=3"] {
        let plain: Vec<_> = candidates([header], "s").collect();
        assert_eq!(values([header], "s", LIMIT).collect::<Vec<_>>(), plain, "{header}");
    }
}

#[test]
fn an_exhausted_iterator_stays_exhausted() {
    let mut found = values(["wos-session=1"], DEFAULT_NAME, LIMIT);
    assert!(found.next().is_some());
    assert!((0..5).all(|_| found.next().is_none()));
}

#[test]
fn ten_thousand_pieces_are_bounded_work() {
    for (index, value) in [(0, "~sk1.5.{g}.x"), (1, "~sk1-1.{g}.x"), (0, "Fe26.2*"), (3, "~sk1"), (9, "x")] {
        let header: String = (0..10_000)
            .map(|at| format!("wos-session.{index}={};", value.replace("{g}", &format!("{at:016x}"))))
            .collect();
        assert!(values([header.as_str()], DEFAULT_NAME, LIMIT).count() <= 1);
        let lines: Vec<_> = header.split(';').collect();
        assert!(values(lines, DEFAULT_NAME, LIMIT).count() <= 1);
        assert_eq!(Presence::of([header.as_str()], DEFAULT_NAME).pieces().collect::<Vec<_>>(), [index]);
    }
    assert_eq!(values(std::iter::repeat_n("", 10_000_000), DEFAULT_NAME, LIMIT).count(), 0);
}

#[test]
fn of_more_than_three_generations_the_first_three_are_read() {
    let headers: Vec<_> = (0..5).map(|seed| Jar::holding(&"ab".repeat(2100 + seed)).header()).collect();
    let found = read(&headers.join("; "));
    assert_eq!(found.iter().map(String::len).collect::<Vec<_>>(), [4200, 4202, 4204]);
}

#[test]
fn debug_shows_no_piece() {
    let header = raw(&[(0, "Fe26.2*secret")]);
    let mut found = values([header.as_str()], DEFAULT_NAME, LIMIT);
    assert_eq!(format!("{found:?}"), "Values { name: \"wos-session\", limit: 24576, .. }");
    found.next();
    assert!(!format!("{found:?}").contains("secret"));
    assert!(!format!("{:?}", write(&plain(5000, 0))).contains("ahov"));
}

#[test]
fn presence_is_what_the_lines_name() {
    let lines = ["wos-session=; wos-session.4=%zz", "wos-session.12=x; wos-session.x=1; wos-sessions=1"];
    let present = Presence::of(lines, DEFAULT_NAME);
    assert!(present.unsplit() && !present.is_empty());
    assert_eq!(present.pieces().collect::<Vec<_>>(), [4]);
    assert_eq!(Presence::of(["wos-session"], DEFAULT_NAME), Presence::NONE);
    assert!(Presence::NONE.is_empty() && !Presence::NONE.with_unsplit().is_empty());
}

/// Text that is mostly large, of characters of every encoded width.
fn large() -> impl Strategy<Value = String> {
    let unit = prop_oneof![
        4 => "[A-Za-z0-9*~_.-]{1,40}",
        2 => "[%;\"\\n ,=+{}]{1,8}",
        1 => "(?s:.{1,6})",
        1 => "(é|€|🔑|%41|~sk1\\.2\\.){1,5}",
    ];
    (proptest::collection::vec(unit, 1..30), 1..40_usize)
        .prop_map(|(units, times)| units.concat().repeat(times))
}

proptest! {
    #[test]
    fn what_is_split_joins_again_in_any_order_and_leaves_nothing_stale(
        values in proptest::collection::vec(large(), 1..4),
        order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut jar = Jar::default();
        let mut stored: Option<String> = None;
        for value in values {
            match CookieSettings::default().writes(&value, jar.present()) {
                Ok(lines) => {
                    let set = lines.iter().filter(|line| !line.is_deletion()).count();
                    jar.take(&lines);
                    prop_assert_eq!(jar.0.len(), set);
                    stored = Some(value);
                }
                Err(error) => prop_assert!(error.bytes > error.limit),
            }
            let mut pairs: Vec<_> = jar.pairs().into_iter().zip(&order).collect();
            pairs.sort_by_key(|(_, at)| **at);
            let pairs: Vec<_> = pairs.iter().map(|(pair, _)| pair.as_str()).collect();
            let expected: Vec<_> = stored.iter().cloned().collect();
            prop_assert_eq!(read(&pairs.join("; ")), expected.clone());
            // As HTTP/2 sends it: a line for each.
            let found: Vec<_> = super::values(pairs, DEFAULT_NAME, LIMIT).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_split_value_with_any_byte_changed_is_not_that_value_and_no_other(at in any::<prop::sample::Index>(), seed in 0..26_usize) {
        let jar = Jar::holding(&plain(2 * ROOM, seed));
        let mut header = jar.header().into_bytes();
        let at = at.index(header.len());
        header[at] = if header[at] == b'!' { b'x' } else { b'!' };
        prop_assert_eq!(values([header.as_slice()], DEFAULT_NAME, LIMIT).count(), 0);
    }

    #[test]
    fn any_pieces_are_read_without_harm(
        header in "(s|s\\.[0-9]|s\\.|; ?|=|~sk1|[.-][0-9]\\.|0123456789abcdef|\\.|%41|%|\"|Fe26\\.2\\*|x){0,80}",
        limit in 0..64_usize,
    ) {
        let present = Presence::of([header.as_str()], "s");
        let found: Vec<_> = values([header.as_str()], "s", limit).collect();
        prop_assert!(found.len() <= MAX_CANDIDATES);
        let unsplit = candidates([header.as_str()], "s").count();
        prop_assert!(found.len() >= unsplit.min(MAX_CANDIDATES));
        prop_assert!(found.iter().skip(unsplit).all(|value| value.len() <= limit));
        prop_assert!(unsplit == 0 || present.unsplit());
        prop_assert!(found.len() <= unsplit || present.pieces().next() == Some(0));
    }

    #[test]
    fn any_bytes_are_read_without_harm(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..6),
    ) {
        let lines = lines.iter().map(Vec::as_slice);
        for (name, _) in pairs(lines.clone()) {
            prop_assert!(values(lines.clone(), name, LIMIT).count() <= MAX_CANDIDATES);
            prop_assert!(Presence::of(lines.clone(), name).unsplit());
        }
    }
}
