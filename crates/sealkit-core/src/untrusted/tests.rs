use super::*;
use proptest::prelude::*;

fn shown(text: &str) -> String {
    Untrusted::new(text).to_string()
}

/// Reads an escaped text back.
fn unescaped(shown: &str) -> String {
    let mut text = String::new();
    let mut rest = shown.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next().unwrap() {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'u' => {
                let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                text.push(char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap());
            }
            other => text.push(other),
        }
    }
    text
}

#[test]
fn names_of_every_script_stay_readable() {
    for name in [
        "Jürgen Müller",
        "田中 太郎",
        "田中\u{3000}太郎",
        "Дмитрий",
        "محمد",
        "प्रिया",
        "e\u{301}milie",
        "😀",
        "O'Neil",
    ] {
        assert_eq!(Untrusted::new(name).unquoted().to_string(), name);
    }
    for word in ["user_01JG", "https://api.workos.com/user_management/client_1", "Jürgen", "a,b;c:d", "😀"]
    {
        assert_eq!(shown(word), word);
    }
}

#[test]
fn everything_but_a_word_is_quoted() {
    assert_eq!(shown(""), r#""""#);
    assert_eq!(shown("k reason=works"), r#""k reason=works""#);
    assert_eq!(shown("k=v"), r#""k=v""#, "a log field is not forged");
    assert_eq!(shown(r#"say "hi""#), r#""say \"hi\"""#);
    assert_eq!(format!("{:?}", Untrusted::new("word")), r#""word""#);
    assert_eq!(Untrusted::new(r#"say "hi""#).unquoted().to_string(), r#"say "hi""#);
}

#[test]
fn control_and_format_characters_are_escaped() {
    for (text, escaped) in [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x07", r"\u{1b}[2J\u{7}"),
        ("\0\x7f\u{85}\u{9b}1m", r"\u{0}\u{7f}\u{85}\u{9b}1m"),
        ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
        (
            "\u{61c}\u{200e}\u{200f}\u{202e}x\u{2066}\u{2069}",
            r"\u{61c}\u{200e}\u{200f}\u{202e}x\u{2066}\u{2069}",
        ),
        ("a\u{200b}\u{200d}\u{ad}\u{feff}\u{2060}b", r"a\u{200b}\u{200d}\u{ad}\u{feff}\u{2060}b"),
        ("\u{e0041}\u{fe0f}\u{3164}\u{fffe}\u{10ffff}", r"\u{e0041}\u{fe0f}\u{3164}\u{fffe}\u{10ffff}"),
        ("a   b", r"a \u{20}\u{20}b"),
        ("a \u{3000}\u{a0}b", r"a \u{3000}\u{a0}b"),
        (r"\u{1b}", r"\\u{1b}"),
    ] {
        assert_eq!(Untrusted::new(text).unquoted().to_string(), escaped);
        assert_eq!(shown(text), format!("\"{escaped}\""));
        assert_eq!(unescaped(escaped), text);
    }
}

#[test]
fn long_text_is_cut_with_its_length() {
    let text = "é".repeat(Untrusted::<&str>::LIMIT);
    assert_eq!(shown(&text), text);
    let longer = format!("{text}xy");
    assert_eq!(shown(&longer), format!("\"{text}\\…(2 more)\""));
    assert_eq!(Untrusted::new(&longer).unquoted().to_string(), format!("{text}\\…(2 more)"));
    assert_eq!(shown("a\\…(2 more)"), r#""a\\…(2 more)""#, "the mark of a cut is not forged");
    assert_eq!(Untrusted::new(&longer).expose_raw(), longer);
}

#[test]
fn name_that_may_be_a_secret_is_withheld() {
    let name = |text: &str| Untrusted::new(text).as_name().to_string();
    assert_eq!(name("my app"), r#""my app""#);
    assert_eq!(name(&"a".repeat(31)), "a".repeat(31));
    for secret in
        ["a".repeat(32).as_str(), "sk_test_1", " whsec_x", "Fe26.2*1*", "eyJhbGciOiJSUzI1NiJ9.e30.AA"]
    {
        assert_eq!(name(secret), format!("[not shown, {} characters]", secret.chars().count()));
    }
}

#[test]
fn composed_sentence_stays_one_line() {
    assert_eq!(one_line("kid \"a\\u{1b}\", plain"), "kid \"a\\u{1b}\", plain");
    assert_eq!(one_line("a\nb\u{202e}\x1b[31m"), r"a\nb\u{202e}\u{1b}[31m");
}

proptest! {
    #[test]
    fn no_text_prints_a_hidden_character_and_all_read_back(text in any::<String>()) {
        for printed in [shown(&text), format!("{:?}", Untrusted::new(&text)), Untrusted::new(&text).unquoted().to_string()] {
            prop_assert!(!printed.contains(is_hidden), "{printed:?}");
            prop_assert!(!printed.contains("  "));
        }
        if text.chars().count() <= Untrusted::<&str>::LIMIT {
            prop_assert_eq!(unescaped(&Untrusted::new(&text).unquoted().to_string()), text);
        }
    }

    #[test]
    fn escaped_json_is_the_same_document(text in any::<String>(), name in any::<String>()) {
        let value = serde_json::json!({ name: [&text, "\u{9b}\u{202e}\u{e0001}\u{2028}"] });
        for document in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            let escaped = escape_json(&document);
            prop_assert!(!escaped.contains(|c| is_hidden(c) && c != '\n'));
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), &value);
        }
    }
}
