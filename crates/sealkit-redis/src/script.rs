//! What is done with a place at once: scripts of one key each, so that they work in a cluster.

use crate::{StoreError, connection::Connection};
use redis::{Script, Value};
use std::{fmt, time::Duration};

/// Takes the place where nothing is, where the holder let go, where it is taken by the same holder, and over a value that the
/// caller has seen there and has no use for. ARGV: lease, its life, that value or nothing.
const CLAIM: &str = "
local now = redis.call('GET', KEYS[1])
if now and now ~= ARGV[1] and now ~= 'N' and now ~= '' and (ARGV[3] == '' or now ~= ARGV[3]) then return now end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if now then return 2 end
return 1";

/// Puts a result in place of anything but another result. ARGV: result, its life, a result that nobody here can read or nothing.
const PUBLISH: &str = "
local now = redis.call('GET', KEYS[1])
if now and string.sub(now, 1, 1) == 'R' and now ~= ARGV[1] and (ARGV[3] == '' or now ~= ARGV[3]) then return now end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// Puts something in place of the caller's own lease. ARGV: lease, what comes in its place, its life.
const SETTLE: &str = "
local now = redis.call('GET', KEYS[1])
if now ~= ARGV[1] and now ~= ARGV[2] then return now end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// The scripts, with their digests.
pub(crate) struct Scripts {
    claim: Script,
    publish: Script,
    settle: Script,
}

/// How it went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Done, where nothing was.
    New,
    /// Done, in place of something.
    Over,
    /// Not done: this is there.
    Not(Option<Vec<u8>>),
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self { claim: Script::new(CLAIM), publish: Script::new(PUBLISH), settle: Script::new(SETTLE) }
    }

    pub(crate) async fn claim(
        &self,
        store: &Connection,
        operation: &'static str,
        key: &str,
        lease: &[u8],
        life: Duration,
        over: &[u8],
    ) -> Result<Done, StoreError> {
        let mut script = self.claim.key(key);
        done(store.script(operation, script.arg(lease).arg(millis(life)).arg(over)).await?)
    }

    pub(crate) async fn publish(
        &self,
        store: &Connection,
        key: &str,
        result: &[u8],
        life: Duration,
        over: &[u8],
    ) -> Result<Done, StoreError> {
        let mut script = self.publish.key(key);
        done(store.script("publish", script.arg(result).arg(millis(life)).arg(over)).await?)
    }

    pub(crate) async fn settle(
        &self,
        store: &Connection,
        key: &str,
        lease: &[u8],
        instead: &[u8],
        life: Duration,
    ) -> Result<Done, StoreError> {
        let mut script = self.settle.key(key);
        done(store.script("settle", script.arg(lease).arg(instead).arg(millis(life))).await?)
    }
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 50)
}

fn done(value: Value) -> Result<Done, StoreError> {
    match value {
        Value::Int(1) => Ok(Done::New),
        Value::Int(_) => Ok(Done::Over),
        Value::Nil => Ok(Done::Not(None)),
        Value::BulkString(value) => Ok(Done::Not(Some(value))),
        _ => Err(StoreError::Refused(redis::ErrorKind::UnexpectedReturnType)),
    }
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripts")
    }
}
