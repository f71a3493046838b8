//! What each framework's cookie parser does with a value. docs/share-a-session.md has the table.

use crate::{jar::Jar, servers::Servers};

/// The form of a value in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireForm {
    /// The seal's own characters.
    Raw,
    /// Percent-encoded.
    Encoded,
}

impl WireForm {
    const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Encoded => "percent-encoded",
        }
    }

    /// The value of a cookie is in this form.
    pub(crate) fn assert(self, value: &str, case: &str) {
        let wrong: &[char] = match self {
            Self::Raw => &['%'],
            Self::Encoded => &['+', '/', '=', '\n', ' '],
        };
        assert!(!value.contains(wrong), "{case}: not {}: {value}", self.name());
    }
}

/// What comes out of `a%2Bb+c/d%3D`, which is `a+b+c/d=` percent-encoded in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decodes {
    Never,
    Once,
    /// As a form is decoded.
    OnceAndPlusIsSpace,
}

const PROBE: &str = "a%2Bb+c/d%3D";

impl Decodes {
    const fn gives(self) -> &'static str {
        match self {
            Self::Never => PROBE,
            Self::Once => "a+b+c/d=",
            Self::OnceAndPlusIsSpace => "a+b c/d=",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Once => "once",
            Self::OnceAndPlusIsSpace => "once, and `+` is a space",
        }
    }
}

/// A row of the table.
struct Reader {
    /// The server in its peer; empty where the framework gives out no cookie that is not its own, or is not run here.
    server: &'static str,
    name: &'static str,
    formats: &'static str,
    decodes: Decodes,
    /// What readers like this need.
    wire: WireForm,
    note: &'static str,
}

const fn reader(
    server: &'static str,
    name: &'static str,
    formats: &'static str,
    decodes: Decodes,
    wire: WireForm,
) -> Reader {
    Reader { server, name, formats, decodes, wire, note: "" }
}

const READERS: [Reader; 13] = {
    use Decodes::{Never, Once, OnceAndPlusIsSpace};
    use WireForm::{Encoded, Raw};
    [
        reader("express", "express 5 with `cookie-parser`", "`iron`", Once, Encoded),
        reader("", "React Router 7", "`rr-cookie`", Once, Encoded),
        reader("starlette", "Starlette", "`python-fernet`", Never, Raw),
        reader("fastapi", "FastAPI", "`python-fernet`", Never, Raw),
        reader("flask", "Flask", "`python-fernet`", Never, Raw),
        reader("django", "Django", "`python-fernet`", Never, Raw),
        reader("http.cookies", "Python's `http.cookies`", "`python-fernet`", Never, Raw),
        reader("ruby-v7", "Rack 2 on Puma", "`ruby-v7`, `ruby-v6`", OnceAndPlusIsSpace, Encoded),
        reader("php", "PHP 8's `$_COOKIE`", "`php-secretbox`, `php-halite`", Once, Encoded),
        reader("go", "Go `net/http`", "`go-gcm`", Never, Raw),
        reader("tomcat", "Tomcat 11", "`kotlin-iron`", Never, Raw),
        reader("jdk", "the JDK's `HttpServer`, its header split by hand", "`kotlin-iron`", Never, Raw),
        Reader {
            note: " (its documentation; not run)",
            ..reader("", "ASP.NET Core", "`dotnet-gcm`", Once, Encoded)
        },
    ]
};

/// Asks those of these servers that give out any cookie. `None` skips the test.
pub(crate) async fn measure(servers: &Servers) -> Option<()> {
    let jar = Jar::new()?;
    for reader in READERS.iter().filter(|reader| !reader.server.is_empty()) {
        let Some(url) = servers.find(reader.server) else { continue };
        let answer = jar.get_with(&format!("probe={PROBE}"), &format!("{url}/probe")).await;
        assert_eq!(answer.body["value"], reader.decodes.gives(), "{}: {answer:?}", reader.name);
    }
    Some(())
}

#[test]
fn guide_shows_the_measured_table() {
    let mut table =
        "| framework | decodes cookies | format | sealkit writes |\n|---|---|---|---|\n".to_owned();
    for Reader { name, formats, decodes, wire, note, .. } in &READERS {
        table += &format!("| {name} | {}{note} | {formats} | {} |\n", decodes.name(), wire.name());
    }
    let guide = include_str!("../../../../docs/share-a-session.md");
    assert!(guide.contains(&table), "docs/share-a-session.md must have this table:\n{table}");
}
