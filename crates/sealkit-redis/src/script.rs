//! What is done with a place at once: scripts of one key each, so that they work in a cluster.

use crate::{StoreError, connection::Connection};
use redis::{Script, Value};
use std::{fmt, time::Duration};

/// Takes the place where nothing is, where the holder let go, where the same holder has it, and over a value that the caller has
/// seen there and has no use for. ARGV: holder, life of the lease, that value or nothing, the longest life of a lease that is
/// believed. Of somebody else's lease it also says how long it lasts. One that lasts longer than any process would make it, or for
/// ever, is shortened to half the life of the caller's own: a holder renews it within that time, if there is one.
const CLAIM: &str = "
local now = redis.call('GET', KEYS[1])
if now and string.sub(now, 1, 1) == 'L' then
  if not string.find(now, ARGV[1], 1, true) then
    local left = redis.call('PTTL', KEYS[1])
    if left < 0 or left > tonumber(ARGV[4]) then
      left = math.ceil(ARGV[2] / 2)
      redis.call('PEXPIRE', KEYS[1], left)
    end
    return {now, left}
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 2
end
if now and now ~= 'N' and now ~= '' and (ARGV[3] == '' or now ~= ARGV[3]) then return now end
redis.call('SET', KEYS[1], 'Lg' .. ARGV[1], 'PX', ARGV[2])
if now then return 2 end
return 1";

/// Says that the holder is at it, beside others if there are any, and over refusals: those of a grant that was made beside a
/// holder's say nothing about that one. A holder that was refused itself and only looks leaves refusals, and prolongs no lease of
/// others: it could not tell when they are gone. ARGV: holder, life of the lease, `g` for a grant under way or `r` for one that was
/// refused, refusals that are of no use or nothing, the longest life of a lease that is believed.
const HOLD: &str = "
local now = redis.call('GET', KEYS[1])
local kind = now and string.sub(now, 1, 1) or ''
if kind == 'F' and ARGV[3] == 'r' and now ~= ARGV[4] then return now end
if kind ~= '' and kind ~= 'N' and kind ~= 'F' and kind ~= 'L' then return now end
local held, beside, value = false, false, 'L'
if kind == 'L' then
  for at = 2, #now, 17 do
    local state, who = string.sub(now, at, at), string.sub(now, at + 1, at + 16)
    if who == ARGV[1] then
      held = true
    else
      beside = beside or state == 'g'
      value = value .. state .. who
    end
  end
end
value = value .. ARGV[3] .. ARGV[1]
if beside and ARGV[3] == 'r' then
  redis.call('SET', KEYS[1], value, 'KEEPTTL')
  local left = redis.call('PTTL', KEYS[1])
  if left < 0 or left > tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 2)) end
else
  redis.call('SET', KEYS[1], value, 'PX', ARGV[2])
end
if beside then return 3 end
if held then return 2 end
return 1";

/// Puts a result in place of anything but another result. ARGV: result, its life, a result that nobody here can read or nothing.
const PUBLISH: &str = "
local now = redis.call('GET', KEYS[1])
if now and string.sub(now, 1, 1) == 'R' and now ~= ARGV[1] and (ARGV[3] == '' or now ~= ARGV[3]) then return now end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// Puts something in place of the caller's own lease. Where there are others, it takes back its own and puts nothing. ARGV: holder,
/// what comes in its place, its life.
const SETTLE: &str = "
local now = redis.call('GET', KEYS[1])
if now == ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1
end
if not now or string.sub(now, 1, 1) ~= 'L' or not string.find(now, ARGV[1], 1, true) then return now end
local others = 'L'
for at = 2, #now, 17 do
  if string.sub(now, at + 1, at + 16) ~= ARGV[1] then others = others .. string.sub(now, at, at + 16) end
end
if #others > 1 then
  redis.call('SET', KEYS[1], others, 'KEEPTTL')
  if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
  return others
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// The scripts, with their digests.
pub(crate) struct Scripts {
    claim: Script,
    hold: Script,
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

/// How a claim went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The place is the caller's, and nothing was there.
    New,
    /// The place is the caller's.
    Over,
    /// Somebody has a lease, for so long if it is not renewed.
    Held(Duration),
    /// It is not the caller's: this is there.
    Not(Vec<u8>),
}

/// Whom a holder has met.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// Nobody, and its own lease was not there either: it had not come yet, or was lost.
    Nobody,
    /// Only itself.
    Itself,
    /// Somebody whose grant is under way.
    Others,
    /// Whatever has taken the place of all leases.
    Not(Vec<u8>),
}

/// Whether a holder's grant is under way, or was refused and somebody else's is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    UnderWay,
    Refused,
}

impl Holding {
    const fn letter(self) -> &'static str {
        match self {
            Self::UnderWay => "g",
            Self::Refused => "r",
        }
    }
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            claim: Script::new(CLAIM),
            hold: Script::new(HOLD),
            publish: Script::new(PUBLISH),
            settle: Script::new(SETTLE),
        }
    }

    pub(crate) async fn claim(
        &self,
        store: &Connection,
        key: &str,
        holder: &[u8],
        life: Duration,
        over: &[u8],
    ) -> Result<Claimed, StoreError> {
        let mut script = self.claim.key(key);
        match store.script("claim", script.arg(holder).arg(millis(life)).arg(over).arg(longest(life))).await?
        {
            Value::Int(1) => Ok(Claimed::New),
            Value::Int(_) => Ok(Claimed::Over),
            Value::BulkString(value) => Ok(Claimed::Not(value)),
            Value::Array(held) => match held.get(1) {
                Some(Value::Int(left)) => {
                    Ok(Claimed::Held(u64::try_from(*left).map_or(Duration::ZERO, Duration::from_millis)))
                }
                _ => Err(UNEXPECTED),
            },
            _ => Err(UNEXPECTED),
        }
    }

    /// `operation` names it in the metrics.
    pub(crate) async fn hold(
        &self,
        store: &Connection,
        operation: &'static str,
        (key, holder, life): (&str, &[u8], Duration),
        holding: Holding,
        over: &[u8],
    ) -> Result<Met, StoreError> {
        let mut script = self.hold.key(key);
        script.arg(holder).arg(millis(life)).arg(holding.letter()).arg(over).arg(longest(life));
        match store.script(operation, &script).await? {
            Value::Int(1) => Ok(Met::Nobody),
            Value::Int(2) => Ok(Met::Itself),
            Value::Int(_) => Ok(Met::Others),
            Value::BulkString(value) => Ok(Met::Not(value)),
            _ => Err(UNEXPECTED),
        }
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
        holder: &[u8],
        instead: &[u8],
        life: Duration,
    ) -> Result<Done, StoreError> {
        let mut script = self.settle.key(key);
        done(store.script("settle", script.arg(holder).arg(instead).arg(millis(life))).await?)
    }
}

/// No answer of these scripts.
const UNEXPECTED: StoreError = StoreError::Refused(redis::ErrorKind::UnexpectedReturnType);

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 50)
}

/// The longest life of a lease that is believed, in milliseconds: a minute, or three times that of our own. Replicas may have other
/// settings.
fn longest(life: Duration) -> u64 {
    millis(life.saturating_mul(3)).max(60_000)
}

fn done(value: Value) -> Result<Done, StoreError> {
    match value {
        Value::Int(1) => Ok(Done::New),
        Value::Int(_) => Ok(Done::Over),
        Value::Nil => Ok(Done::Not(None)),
        Value::BulkString(value) => Ok(Done::Not(Some(value))),
        _ => Err(UNEXPECTED),
    }
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripts")
    }
}
