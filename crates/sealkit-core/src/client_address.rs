//! The address of the client behind proxies: a pure function of the peer, `X-Forwarded-For` and the trusted networks.
//!
//! ```text
//! X-Forwarded-For: made up, by the client, 203.0.113.9, 10.0.0.2      peer 10.0.0.1     trusted 10.0.0.0/8
//!                  ◄── nothing here is believed    ▲ client   ◄─ trusted ◄─ trusted     (read from the right)
//! ```

use ipnet::IpNet;
use std::{fmt, net::IpAddr, net::SocketAddr, str::FromStr, sync::Arc};

/// Most entries of `X-Forwarded-For` that are looked at. No deployment has more trusted proxies in a row.
const MAX_HOPS: usize = 32;

/// The networks of the proxies whose `X-Forwarded-For` is believed. The default trusts none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Takes networks (`10.0.0.0/8`, `2001:db8::/32`) and single addresses (`192.0.2.1`).
    ///
    /// IPv4 networks that are written as IPv6 (`::ffff:10.0.0.0/104`) are IPv4 networks.
    ///
    /// # Errors
    /// [`TrustedProxiesError`] with every entry that is not one, by its position.
    pub fn new<I>(networks: I) -> Result<Self, TrustedProxiesError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let (mut trusted, mut problems) = (Vec::new(), Vec::new());
        for (index, text) in networks.into_iter().enumerate() {
            match network(text.as_ref()) {
                Ok(network) => trusted.push(network),
                Err(fault) => problems.push(NetworkProblem { position: index.saturating_add(1), fault }),
            }
        }
        if problems.is_empty() { Ok(Self(trusted.into())) } else { Err(TrustedProxiesError { problems }) }
    }

    /// True if no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this address is one of a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the peer's; or, if the peer is a trusted proxy, the right-most address of `X-Forwarded-For` that is
    /// not one. `forwarded_for` gives the header's lines as they came; several are one list (RFC 9110 §5.2).
    ///
    /// Every proxy appends the address of its own peer, so a list is only as true as the part that trusted proxies wrote: its right
    /// end. An entry is an address, perhaps with a port or in brackets. One that is not ends the search without a result: a trusted
    /// proxy wrote it, and does not know the client. If every entry is a trusted proxy, the client is the left-most.
    ///
    /// `None` if the peer is not known, or a trusted proxy does not know its client.
    #[must_use]
    pub fn client_address<'h, I>(&self, peer: Option<IpAddr>, forwarded_for: I) -> Option<IpAddr>
    where
        I: IntoIterator<Item = &'h [u8]>,
        I::IntoIter: DoubleEndedIterator,
    {
        let mut client = peer?.to_canonical();
        let entries = forwarded_for.into_iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        // Lists may have empty entries, which count for nothing (RFC 9110 §5.6.1.2).
        let entries = entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty());
        for entry in entries.take(MAX_HOPS) {
            if !self.contains(client) {
                break;
            }
            client = address(entry)?;
        }
        Some(client)
    }
}

/// An entry of `X-Forwarded-For`: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let bare =
        text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inner| inner.contains(':'));
    let parsed = bare.unwrap_or(text).parse().ok();
    let address: IpAddr = parsed.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

fn network(text: &str) -> Result<IpNet, NetworkFault> {
    let text = text.trim();
    let network = match IpNet::from_str(text) {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().map_err(|_| NetworkFault::NotANetwork)?),
    };
    if network.addr() != network.network() {
        return Err(NetworkFault::HostBits);
    }
    let network = canonical(network);
    if network.prefix_len() == 0 { Err(NetworkFault::Everything) } else { Ok(network) }
}

/// An IPv4 network that is written as IPv6, as the IPv4 network; any other as it is.
fn canonical(network: IpNet) -> IpNet {
    let prefix = network.prefix_len().checked_sub(96);
    match (network, network.addr().to_canonical(), prefix) {
        (IpNet::V6(_), address @ IpAddr::V4(_), Some(prefix)) => {
            IpNet::new(address, prefix).unwrap_or(network)
        }
        _ => network,
    }
}

/// Why an entry cannot be a trusted network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkFault {
    /// Neither a network nor an address.
    NotANetwork,
    /// The address has bits behind the prefix: `10.0.0.1/8`. It may mean the one address or the whole network.
    HostBits,
    /// The network of every address: then the client itself is a trusted proxy, and can claim any address.
    Everything,
}

/// One entry that cannot be a trusted network. It is named by its position, for what stands in a wrong variable may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkProblem {
    /// Its place in the list, from 1.
    pub position: usize,
    /// Why.
    pub fault: NetworkFault,
}

impl fmt::Display for NetworkProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            NetworkFault::NotANetwork => {
                "is not a network; write networks like 10.0.0.0/8 or 2001:db8::/32, or addresses, separated by commas"
            }
            NetworkFault::HostBits => {
                "has bits behind its prefix; write the network's first address, or the one address without a prefix"
            }
            NetworkFault::Everything => {
                "trusts every address, so a client could claim any; write the networks of your proxies"
            }
        };
        write!(f, "entry {} {what}", self.position)
    }
}

/// Entries that cannot be trusted networks. `Display` shows none of their text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TrustedProxiesError {
    problems: Vec<NetworkProblem>,
}

impl TrustedProxiesError {
    /// All of them, in the order of the list.
    #[must_use]
    pub fn problems(&self) -> &[NetworkProblem] {
        &self.problems
    }
}

impl fmt::Display for TrustedProxiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trusted() -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8", "192.0.2.7", "2001:db8:aaaa::/48", "::ffff:198.51.100.0/120"])
            .unwrap()
    }

    fn client(peer: &str, lines: &[&str]) -> Option<String> {
        let lines = lines.iter().map(|line| line.as_bytes());
        trusted().client_address(Some(peer.parse().unwrap()), lines).map(|address| address.to_string())
    }

    #[test]
    fn untrusted_peer_is_the_client_whatever_it_claims() {
        for lines in [&[][..], &["203.0.113.9"], &["10.0.0.2"], &["junk"], &["203.0.113.9, 10.0.0.2"]] {
            assert_eq!(client("203.0.113.1", lines).as_deref(), Some("203.0.113.1"), "{lines:?}");
            assert_eq!(client("::ffff:203.0.113.1", lines).as_deref(), Some("203.0.113.1"), "{lines:?}");
            assert_eq!(client("2001:db8::1", lines).as_deref(), Some("2001:db8::1"), "{lines:?}");
        }
        let nobody = TrustedProxies::default();
        assert!(nobody.is_empty());
        let claimed = nobody.client_address(Some([10, 0, 0, 1].into()), [&b"203.0.113.9"[..]]);
        assert_eq!(claimed, Some([10, 0, 0, 1].into()));
    }

    #[test]
    fn right_most_untrusted_address_is_the_client() {
        for (lines, expected) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (&["203.0.113.9,10.0.0.2,192.0.2.7 , 198.51.100.77"], "203.0.113.9"),
            // What the client wrote itself stands to the left of what it cannot write.
            (&["198.18.0.1, 203.0.113.9"], "203.0.113.9"),
            (&["junk, 10.0.0.3, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            // Several lines are one list, in their order.
            (&["198.18.0.1", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
            (&["198.18.0.1, 203.0.113.9", "10.0.0.3, 10.0.0.2"], "203.0.113.9"),
            // Empty entries count for nothing.
            (&["203.0.113.9,, 10.0.0.2,", "", " , "], "203.0.113.9"),
            // All of them are trusted: the client is within.
            (&["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", lines).as_deref(), Some(expected), "{lines:?}");
            assert_eq!(client("::ffff:10.0.0.1", lines).as_deref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn entries_may_have_ports_and_brackets() {
        for (entry, expected) in [
            ("203.0.113.9:5678", "203.0.113.9"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("\t2001:db8::1 ", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
        ] {
            assert_eq!(client("2001:db8:aaaa::5", &[entry]).as_deref(), Some(expected), "{entry}");
            let behind = format!("{entry}, 10.0.0.2:9, [2001:db8:aaaa::6]:1, ::ffff:10.0.0.3");
            assert_eq!(client("10.0.0.1", &[&behind]).as_deref(), Some(expected), "{behind}");
        }
    }

    #[test]
    fn junk_ends_the_search_and_nothing_beyond_is_believed() {
        for junk in [
            "unknown",
            "_hidden",
            "203.0.113.9:",
            "203.0.113.9:99999",
            "203.0.113.9:80:80",
            "203.0.113.09",
            "203.0.113",
            "[203.0.113.9]",
            "[203.0.113.9]:80",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "fe80::1%eth0",
            "\"203.0.113.9\"",
            "for=203.0.113.9",
            "203.0.113.9/32",
            "203.0.113.9 10.0.0.2",
            "\u{661}",
        ] {
            for list in
                [junk.to_owned(), format!("203.0.113.9, {junk}"), format!("203.0.113.9,{junk},10.0.0.2")]
            {
                assert_eq!(client("10.0.0.1", &[&list]), None, "{list}");
            }
            // Beyond the client nobody looks.
            assert_eq!(client("10.0.0.1", &[junk, "203.0.113.9"]).as_deref(), Some("203.0.113.9"), "{junk}");
        }
        let bytes = trusted().client_address(Some([10, 0, 0, 1].into()), [&b"203.0.113.9, \xff"[..]]);
        assert_eq!(bytes, None);
    }

    #[test]
    fn unknown_peer_has_no_address() {
        assert_eq!(trusted().client_address(None, [&b"203.0.113.9"[..]]), None);
    }

    #[test]
    fn long_lists_cost_no_more_than_their_right_end() {
        let list = format!("203.0.113.9{}", ", 10.0.0.2".repeat(MAX_HOPS - 1));
        assert_eq!(client("10.0.0.1", &[&list]).as_deref(), Some("203.0.113.9"));
        let longer = format!("203.0.113.9{}", ", 10.0.0.2".repeat(100_000));
        assert_eq!(client("10.0.0.1", &[&longer]).as_deref(), Some("10.0.0.2"));
    }

    #[test]
    fn networks_that_cannot_be_are_named_by_position() {
        let error = TrustedProxies::new([
            "10.0.0.0/8",
            "sk_live_secret",
            "10.0.0.0/33",
            "",
            "10.0.0.1/8",
            "2001:db8::1/32",
            "0.0.0.0/0",
            "::/0",
            "::ffff:0.0.0.0/96",
            " 10.1.0.0/16 ",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.0.0",
        ])
        .unwrap_err();
        insta::assert_snapshot!(error, @r"
        entry 2 is not a network; write networks like 10.0.0.0/8 or 2001:db8::/32, or addresses, separated by commas
        entry 3 is not a network; write networks like 10.0.0.0/8 or 2001:db8::/32, or addresses, separated by commas
        entry 4 is not a network; write networks like 10.0.0.0/8 or 2001:db8::/32, or addresses, separated by commas
        entry 5 has bits behind its prefix; write the network's first address, or the one address without a prefix
        entry 6 has bits behind its prefix; write the network's first address, or the one address without a prefix
        entry 7 trusts every address, so a client could claim any; write the networks of your proxies
        entry 8 trusts every address, so a client could claim any; write the networks of your proxies
        entry 9 trusts every address, so a client could claim any; write the networks of your proxies
        entry 11 is not a network; write networks like 10.0.0.0/8 or 2001:db8::/32, or addresses, separated by commas
        entry 12 is not a network; write networks like 10.0.0.0/8 or 2001:db8::/32, or addresses, separated by commas
        ");
        assert!(!format!("{error:?} {error}").contains("sk_live"));
        assert_eq!(error.problems().len(), 10);
    }

    #[test]
    fn networks_written_as_ipv6_are_ipv4_networks() {
        let trusted = TrustedProxies::new(["::ffff:10.0.0.0/104", "::ffff:192.0.2.1", "::/8"]).unwrap();
        for (address, yes) in [
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("::1", true),
        ] {
            assert_eq!(trusted.contains(address.parse().unwrap()), yes, "{address}");
        }
    }

    proptest! {
        #[test]
        fn client_of_a_trusted_chain_is_never_what_the_client_wrote(
            forged in "([0-9a-f.:,\\[\\] ]{0,40})",
            proxies in 0_usize..4,
        ) {
            let list = format!("{forged}, 203.0.113.9{}", ", 10.0.0.2".repeat(proxies));
            prop_assert_eq!(client("10.0.0.1", &[&list]), Some("203.0.113.9".to_owned()));
        }
    }
}
