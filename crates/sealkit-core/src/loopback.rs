//! Which hosts are this machine itself.

use std::net::Ipv6Addr;
use url::Host;

/// True when the host is this machine itself: `localhost`, names under it (RFC 6761 §6.3), with or without a final dot, 127.0.0.0/8,
/// `::1`, and IPv4 addresses of that network written as IPv6.
#[must_use]
pub fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.as_ref().trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => {
            *address == Ipv6Addr::LOCALHOST || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_many_names() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST.", true),
            ("app.localhost", true),
            ("127.0.0.1", true),
            ("127.255.0.9", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("notlocalhost", false),
            ("localhost.test", false),
            ("128.0.0.1", false),
            ("[::2]", false),
            ("[::ffff:10.0.0.1]", false),
        ] {
            assert_eq!(Host::parse(host).as_ref().is_ok_and(is_loopback), expected, "{host}");
        }
    }
}
