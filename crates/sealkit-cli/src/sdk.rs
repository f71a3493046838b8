//! The SDKs that share a session, by the names that people give them: what each reads and writes by itself, and where it takes
//! its password.

use sealkit::{
    config::env::COOKIE_PASSWORD,
    format::{ForeignCookie, Format},
};

/// A family of versions of an SDK that read and write the same cookies.
#[derive(Debug)]
pub(crate) struct Sdk {
    names: &'static [&'static str],
    /// What it is, with its versions.
    pub(crate) title: &'static str,
    /// What it writes; the first unless it is told otherwise.
    pub(crate) writes: &'static [Format],
    /// What it reads by itself.
    pub(crate) reads: &'static [Format],
    /// What it opens with a reservation.
    partly: &'static [(Format, &'static str)],
    /// Where it takes its password.
    pub(crate) password: Place,
}

/// Where an SDK takes its cookie password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A variable of the environment.
    Variable,
    /// A parameter of this name.
    Parameter(&'static str),
    /// A ring of several.
    Ring,
}

/// How well an SDK reads a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Yes,
    Partly(&'static str),
    /// Not at all, and what it does instead.
    No(ForeignCookie),
}

const NO_CAMEL_USER: &str =
    "it opens, but the user's members have the API's names: `user.firstName` is undefined";
const LONG_PASSWORD: &str = "it opens only under a password of exactly 32 bytes";
const HEX_PASSWORD: &str = "it opens under a password of 64 hexadecimal digits, if the refresh token and every member of `user` that it demands are there";

const ALL: &[Sdk] = &[
    Sdk {
        names: &["next", "nextjs", "authkit-nextjs"],
        title: "authkit-nextjs, all versions",
        writes: &[Format::Iron, Format::PlainJson],
        reads: &[Format::Iron],
        partly: &[(Format::PlainJson, "open branch only, in no release")],
        password: Place::Variable,
    },
    Sdk {
        names: &["node", "workos-node"],
        title: "@workos-inc/node 7.15 and later",
        writes: &[Format::Iron],
        reads: &[Format::Iron],
        partly: &[(Format::KotlinIron, NO_CAMEL_USER)],
        password: Place::Parameter("cookiePassword"),
    },
    Sdk {
        names: &["react-router", "authkit-react-router"],
        title: "authkit-react-router",
        writes: &[Format::RrCookie],
        reads: &[Format::RrCookie],
        partly: &[],
        password: Place::Variable,
    },
    Sdk {
        names: &["remix", "authkit-remix"],
        title: "authkit-remix",
        writes: &[Format::RrCookie],
        reads: &[Format::RrCookie],
        partly: &[],
        password: Place::Variable,
    },
    Sdk {
        names: &["sveltekit", "authkit-sveltekit"],
        title: "authkit-sveltekit, on authkit-session",
        writes: &[Format::Iron, Format::PlainJson, Format::B64urlJson],
        reads: &[Format::Iron],
        partly: AUTHKIT_SESSION,
        password: Place::Variable,
    },
    Sdk {
        names: &["tanstack", "tanstack-start", "authkit-tanstack-start"],
        title: "authkit-tanstack-start, on authkit-session",
        writes: &[Format::Iron, Format::PlainJson, Format::B64urlJson],
        reads: &[Format::Iron],
        partly: AUTHKIT_SESSION,
        password: Place::Variable,
    },
    Sdk {
        names: &["authkit-session"],
        title: "authkit-session",
        writes: &[Format::Iron, Format::PlainJson, Format::B64urlJson],
        reads: &[Format::Iron],
        partly: AUTHKIT_SESSION,
        password: Place::Variable,
    },
    Sdk {
        names: &["python"],
        title: "workos (PyPI) 5.10 and later",
        writes: &[Format::PythonFernet],
        reads: &[Format::PythonFernet],
        partly: &[],
        password: Place::Parameter("cookie_password"),
    },
    Sdk {
        names: &["ruby", "ruby7"],
        title: "workos (Ruby) 7.1.2 and later",
        writes: &[Format::RubyV7],
        reads: &[Format::RubyV7],
        partly: &[(Format::RubyV6, LONG_PASSWORD)],
        password: Place::Parameter("cookie_password"),
    },
    Sdk {
        names: &["ruby6", "ruby5"],
        title: "workos (Ruby) 5.7 to 6.x",
        writes: &[Format::RubyV6],
        reads: &[Format::RubyV6],
        partly: &[],
        password: Place::Parameter("cookie_password"),
    },
    Sdk {
        names: &["go"],
        title: "workos-go 7.0 and later",
        writes: &[Format::GoGcm],
        reads: &[Format::GoGcm, Format::RustGcm],
        partly: &[],
        password: Place::Parameter("cookiePassword"),
    },
    Sdk {
        names: &["rust"],
        title: "the crate workos 3.x",
        writes: &[Format::RustGcm],
        reads: &[Format::RustGcm],
        partly: &[(Format::GoGcm, HEX_PASSWORD)],
        password: Place::Parameter("cookie_password"),
    },
    Sdk {
        names: &["php", "php5"],
        title: "workos-php 5.0 and later",
        writes: &[Format::PhpSecretbox],
        reads: &[Format::PhpSecretbox],
        partly: &[],
        password: Place::Parameter("cookiePassword"),
    },
    Sdk {
        names: &["php4"],
        title: "workos-php 4.30 to 4.32",
        writes: &[Format::PhpHalite, Format::PhpSigned],
        reads: &[Format::PhpHalite],
        partly: &[(Format::PhpSigned, "with its signing-only class alone")],
        password: Place::Parameter("cookiePassword"),
    },
    Sdk {
        names: &["kotlin"],
        title: "workos-kotlin 5.0 and later",
        writes: &[Format::KotlinIron],
        reads: &[Format::KotlinIron],
        partly: &[],
        password: Place::Parameter("cookiePassword"),
    },
    Sdk {
        names: &["dotnet", ".net"],
        title: "workos.net 3.0 and later",
        writes: &[Format::DotnetGcm],
        reads: &[Format::DotnetGcm],
        partly: &[],
        password: Place::Parameter("cookiePassword"),
    },
    Sdk {
        names: &["sealkit"],
        title: "sealkit",
        writes: Format::ALL,
        reads: Format::ALL,
        partly: &[],
        password: Place::Ring,
    },
];

const AUTHKIT_SESSION: &[(Format, &str)] = &[
    (Format::KotlinIron, NO_CAMEL_USER),
    (Format::PlainJson, "open branch only, in no release"),
    (Format::B64urlJson, "open branch only, in no release"),
];

impl Sdk {
    /// # Errors
    /// A sentence with the names that there are.
    pub(crate) fn named(name: &str) -> Result<&'static Self, String> {
        let name = name.to_ascii_lowercase();
        ALL.iter().find(|sdk| sdk.names.contains(&name.as_str())).ok_or_else(|| {
            let known: Vec<&str> = ALL.iter().map(Self::name).collect();
            format!("no such SDK; known: {}", known.join(", "))
        })
    }

    /// The shortest of its names.
    pub(crate) fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// What it writes unless it is told otherwise.
    pub(crate) fn written(&self) -> Format {
        match self.writes {
            [first, ..] => *first,
            [] => Format::Iron,
        }
    }

    pub(crate) fn is_sealkit(&self) -> bool {
        self.password == Place::Ring
    }

    pub(crate) fn reading(&self, format: Format) -> Reading {
        if self.reads.contains(&format) {
            return Reading::Yes;
        }
        match self.partly.iter().find(|(opened, _)| *opened == format) {
            Some((_, but)) => Reading::Partly(but),
            None => Reading::No(format.read_by(self.written())),
        }
    }
}

impl Place {
    /// A setting with its value, as it is typed.
    pub(crate) fn setting(self, value: &str) -> String {
        match self {
            Self::Variable => format!("{COOKIE_PASSWORD}={value}"),
            Self::Parameter(name) => format!("{name}: \"{value}\""),
            Self::Ring => value.to_owned(),
        }
    }
}

/// Every SDK with its versions, as help shows them.
pub(crate) fn listed() -> String {
    let lines = ALL.iter().map(|sdk| format!("\n  {:<16} {}", sdk.name(), sdk.title));
    format!("SDKs:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_one_sdk_s_and_every_format_is_somebody_s() {
        let mut names = HashSet::new();
        for sdk in ALL {
            assert!(
                !sdk.writes.is_empty() && sdk.names.iter().all(|name| names.insert(*name)),
                "{}",
                sdk.name()
            );
            let own = sdk.reading(sdk.written());
            assert!(!matches!(own, Reading::No(_)), "{} reads what it writes", sdk.name());
        }
        for format in Format::ALL.iter().filter(|format| **format != Format::SignedJson) {
            let writers = ALL.iter().filter(|sdk| !sdk.is_sealkit() && sdk.writes.contains(format));
            assert_ne!(writers.count(), 0, "{format}");
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_others_are_told() {
        assert_eq!(Sdk::named("NextJS").map(Sdk::name), Ok("next"));
        assert!(Sdk::named("perl").is_err_and(|told| told.contains("next, node, react-router")));
    }
}
