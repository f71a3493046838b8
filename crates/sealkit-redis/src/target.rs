//! Where the store is: what a URL says, read once and never shown.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use std::fmt;

/// A place to connect to.
#[derive(Clone)]
pub(crate) enum Target {
    /// One server, or whatever stands behind its address.
    Single(Box<ConnectionInfo>),
    /// The primary that the Sentinels name.
    Sentinel {
        /// Whom to ask.
        sentinels: Vec<ConnectionAddr>,
        /// What they call the primary.
        name: String,
        /// How to sign in there; not at the Sentinels.
        server: Box<RedisConnectionInfo>,
    },
    /// A cluster, of which these nodes are known.
    Cluster(Vec<ConnectionInfo>),
}

/// What is wrong with a URL, and what to do about it. Never shows it.
pub(crate) type Wrong = (&'static str, &'static str);

const SHAPE: &str = "write redis://HOST:PORT, rediss://… for TLS, redis+sentinel://HOST:PORT,…/PRIMARY or redis+cluster://HOST:PORT,…";

impl Target {
    /// Reads `redis://`, `redis+unix://`, `redis+sentinel://` and `redis+cluster://`, with `rediss` for TLS and `valkey` for
    /// `redis`.
    pub(crate) fn parse(url: &str) -> Result<Self, Wrong> {
        let (scheme, rest) = url.split_once("://").ok_or(("is no URL", SHAPE))?;
        if rest.contains('#') {
            return Err((
                "has a fragment, which would switch off the check of certificates",
                "set SEALKIT_COORDINATOR_CA to the authority that signed the server's certificate",
            ));
        }
        let (plain, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let plain = match plain {
            "redis" | "valkey" | "unix" => "redis",
            "rediss" | "valkeys" => "rediss",
            _ => return Err(("has a scheme that is not known here", SHAPE)),
        };
        match kind {
            "" if scheme != "unix" => Ok(Self::Single(Box::new(connection(&format!("{plain}://{rest}"))?))),
            "" | "unix" => Ok(Self::Single(Box::new(connection(&format!("redis+unix://{rest}"))?))),
            "sentinel" => Self::sentinel(plain, rest),
            "cluster" => {
                let (nodes, path) = nodes(plain, rest)?;
                if !path.is_empty() {
                    return Err(("names a database, and a cluster has one only", "leave the path out"));
                }
                Ok(Self::Cluster(nodes))
            }
            _ => Err(("has a scheme that is not known here", SHAPE)),
        }
    }

    fn sentinel(plain: &str, rest: &str) -> Result<Self, Wrong> {
        let (nodes, path) = nodes(plain, rest)?;
        let (name, database) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err((
                "does not say what the Sentinels call the primary",
                "add its name as the path: redis+sentinel://HOST:PORT/PRIMARY",
            ));
        }
        let database = match database {
            "" => 0,
            number => number
                .parse()
                .map_err(|_| ("has a database that is no number", "write it as /PRIMARY/NUMBER"))?,
        };
        let server = nodes.first().map(|node| node.redis_settings().clone()).unwrap_or_default();
        let sentinels = nodes.into_iter().map(|node| node.addr().clone()).collect();
        Ok(Self::Sentinel { sentinels, name: name.to_owned(), server: Box::new(server.set_db(database)) })
    }

    /// Whether the way there is encrypted.
    pub(crate) fn has_tls(&self) -> bool {
        let first = match self {
            Self::Single(server) => Some(server.addr()),
            Self::Sentinel { sentinels, .. } => sentinels.first(),
            Self::Cluster(nodes) => nodes.first().map(ConnectionInfo::addr),
        };
        matches!(first, Some(ConnectionAddr::TcpTls { .. }))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, kind, all: &mut dyn Iterator<Item = &ConnectionAddr>| {
            f.write_str(kind)?;
            f.debug_list().entries(all.map(ToString::to_string)).finish()
        };
        match self {
            Self::Single(server) => list(f, "Single", &mut std::iter::once(server.addr())),
            Self::Sentinel { sentinels, .. } => list(f, "Sentinel", &mut sentinels.iter()),
            Self::Cluster(nodes) => list(f, "Cluster", &mut nodes.iter().map(ConnectionInfo::addr)),
        }
    }
}

/// The servers between user and path, each with the user; and the path without its first slash.
fn nodes<'a>(plain: &str, rest: &'a str) -> Result<(Vec<ConnectionInfo>, &'a str), Wrong> {
    if rest.contains('?') {
        return Err(("has a query, which is not read here", "leave it out"));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let nodes: Result<Vec<_>, _> =
        hosts.split(',').map(|host| connection(&format!("{plain}://{user}{host}"))).collect();
    Ok((nodes?, path.trim_end_matches('/')))
}

fn connection(url: &str) -> Result<ConnectionInfo, Wrong> {
    url.into_connection_info().map_err(|_| ("is no URL of a server", SHAPE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        format!("{:?}", Target::parse(url).unwrap())
    }

    #[test]
    fn every_way_to_a_store_is_read_and_shown_without_credentials() {
        for (url, expected) in [
            ("redis://localhost", r#"Single["localhost:6379"]"#),
            ("redis://ada:se%40cret@10.0.0.1:7000/3", r#"Single["10.0.0.1:7000"]"#),
            ("valkeys://:secret@cache.example:6380", r#"Single["cache.example:6380"]"#),
            ("redis+unix:///run/redis.sock?db=2&pass=secret", r#"Single["/run/redis.sock"]"#),
            ("unix:///run/redis.sock", r#"Single["/run/redis.sock"]"#),
            ("redis+sentinel://:secret@a:1,b:2/primary/4", r#"Sentinel["a:1", "b:2"]"#),
            ("rediss+cluster://secret:secret@a:1,b:2,[::1]:3/", r#"Cluster["a:1", "b:2", "::1:3"]"#),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
        let Target::Sentinel { name, server, .. } =
            Target::parse("redis+sentinel://ada:se%40cret@a,b/primary/4").unwrap()
        else {
            panic!("no Sentinel")
        };
        assert_eq!((name.as_str(), server.db()), ("primary", 4));
        assert_eq!((server.username(), server.password()), (Some("ada"), Some("se@cret")));
        assert!(Target::parse("rediss+sentinel://a/p").unwrap().has_tls());
        assert!(!Target::parse("redis+cluster://a").unwrap().has_tls());
    }

    #[test]
    fn what_is_no_way_to_a_store_says_what_to_write() {
        for url in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis+http://localhost",
            "redis://",
            "redis://localhost/x",
            "rediss://localhost/#insecure",
            "redis+sentinel://localhost",
            "redis+sentinel://localhost/primary/x",
            "redis+sentinel://localhost/primary?x=y",
            "redis+cluster://localhost/1",
            "redis+cluster://a,,b",
        ] {
            let (problem, fix) = Target::parse(url).unwrap_err();
            assert!(!problem.is_empty() && !fix.is_empty(), "{url}");
        }
    }
}
