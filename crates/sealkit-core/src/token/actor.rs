//! Who acts in a session: the claim `act` (RFC 8693 §4.1).

use super::claims::from_object;
use crate::session::text::Borrowed;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{fmt, str::FromStr};

/// Deepest chain of actors that is read.
const MAX_DEPTH: usize = 8;

/// The kind of actor that a token names beside its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActorKind {
    /// A person of the staff, named by an e-mail address: WorkOS's impersonation.
    Impersonator,
    /// An AI agent that acts for the user.
    Agent,
    /// Anything else.
    Other,
}

impl ActorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Impersonator, Self::Agent, Self::Other];

    /// The kind of the current actor in this JSON text of a claim `act`. `None` if it cannot be read: not an object with a
    /// `sub`, or more than 8 deep.
    #[must_use]
    pub fn of(act: &str) -> Option<Self> {
        RawActor::read(serde_json::from_str(act).ok()?).map(|actor| actor.kind())
    }

    /// The stable word, as `SEALKIT_ACTORS` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Impersonator => "impersonator",
            Self::Agent => "agent",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ActorKind {
    type Err = UnknownActorKind;

    fn from_str(word: &str) -> Result<Self, UnknownActorKind> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word).ok_or(UnknownActorKind)
    }
}

/// The text does not name a kind of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of actor: impersonator, agent or other")]
#[non_exhaustive]
pub struct UnknownActorKind;

/// The current actor of a token: the outermost `act`.
pub(super) struct RawActor<'a> {
    pub(super) sub: Borrowed<'a>,
    pub(super) profile: Option<Borrowed<'a>>,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow)]
    sub: Borrowed<'a>,
    #[serde(borrow, default)]
    sub_profile: Option<Borrowed<'a>>,
    #[serde(borrow, default)]
    act: Option<&'a RawValue>,
}

impl<'a> RawActor<'a> {
    /// Reads the chain. `None` if it cannot be read whole: an impersonation must not pass unseen.
    pub(super) fn read(act: &'a RawValue) -> Option<Self> {
        let mut current = None;
        let mut next = Some(act);
        for _ in 0..MAX_DEPTH {
            let Some(act) = next else { return current };
            let link: Link<'a> = from_object(act.get())?;
            if link.sub.0.is_empty() {
                return None;
            }
            next = link.act;
            current.get_or_insert(Self { sub: link.sub, profile: link.sub_profile });
        }
        if next.is_some() { None } else { current }
    }

    pub(super) fn kind(&self) -> ActorKind {
        match self.profile.as_ref().map(|profile| &*profile.0) {
            None | Some("user") if self.sub.0.matches('@').count() == 1 => ActorKind::Impersonator,
            Some("ai_agent") => ActorKind::Agent,
            _ => ActorKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(json: &str) -> Option<ActorKind> {
        ActorKind::of(json)
    }

    #[test]
    fn outermost_actor_decides_the_kind() {
        for (json, expected) in [
            (r#"{"sub":"s@example.com"}"#, ActorKind::Impersonator),
            (r#"{"sub":"s@example.com","sub_profile":null}"#, ActorKind::Impersonator),
            (r#"{"sub":"s@example.com","sub_profile":"user","x":1}"#, ActorKind::Impersonator),
            (r#"{"sub":"s\u0040example.com"}"#, ActorKind::Impersonator),
            (r#"{"sub":"agent_1","sub_profile":"ai_agent"}"#, ActorKind::Agent),
            (r#"{"sub":"a@b","sub_profile":"ai_agent"}"#, ActorKind::Agent),
            (r#"{"sub":"a@b@c"}"#, ActorKind::Other),
            (r#"{"sub":"user_1"}"#, ActorKind::Other),
            (r#"{"sub":"a@b","sub_profile":"service"}"#, ActorKind::Other),
            (r#"{"sub":"a@b","act":{"sub":"x","sub_profile":"ai_agent"}}"#, ActorKind::Impersonator),
        ] {
            assert_eq!(kind(json), Some(expected), "{json}");
        }
    }

    #[test]
    fn unreadable_chain_is_rejected_whole() {
        for json in [
            "7",
            "[]",
            "\"s@example.com\"",
            "{}",
            "true",
            r#"{"sub":""}"#,
            r#"{"sub":7}"#,
            r#"{"sub":null}"#,
            r#"{"sub":"a@b","sub_profile":7}"#,
            r#"{"sub":"a@b","sub":"c@d"}"#,
            r#"{"sub":"a@b","act":{}}"#,
            r#"{"sub":"a@b","act":"x"}"#,
            r#"{"sub":"a@b","act":{"sub":""}}"#,
            r#"["a@b"]"#,
        ] {
            assert!(kind(json).is_none(), "{json}");
        }
    }

    #[test]
    fn chain_of_eight_actors_is_the_longest() {
        let chain = |depth: usize| {
            let inner = r#"{"sub":"a@b","act":"#.repeat(depth - 1);
            format!(r#"{inner}{{"sub":"a@b"}}{}"#, "}".repeat(depth - 1))
        };
        assert_eq!(kind(&chain(MAX_DEPTH)), Some(ActorKind::Impersonator));
        assert_eq!(kind(&chain(MAX_DEPTH + 1)), None);
        assert_eq!(kind(&chain(3_000)), None);
    }
}
