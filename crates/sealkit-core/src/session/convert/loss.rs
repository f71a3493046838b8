//! What is told of an SDK that does not do everything with a session.

use std::fmt;

/// Something that a session holds and an SDK of a format does not do with it.
///
/// The container holds every member all the same: what the SDK leaves alone is still there when sealkit opens the cookie, as
/// long as the SDK has not re-sealed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Loss {
    /// What the SDK does, or does not do.
    pub effect: Effect,
    /// The member by its API name, with a dot between levels: `user.metadata`.
    pub member: String,
    /// The SDK that it is about, where the SDKs of the format differ; none where it is true of all that were measured.
    pub sdk: Option<&'static str>,
    /// The member for which the SDK takes this one, if it is not this one's own name.
    pub taken_for: Option<&'static str>,
}

macro_rules! effects {
    ($($variant:ident $code:literal $meaning:literal;)*) => {
        /// The effect of an SDK on a member of a session.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Effect {
            $(#[doc = concat!("`", $code, "`: ", $meaning, ".")] $variant,)*
        }

        impl Effect {
            /// Every effect.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// A clause without a full stop, for people; the member is its subject.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

effects! {
    NotKept "not_kept" "the SDK does not keep it when it re-seals the session";
    NullLeftOut "null_left_out" "null or empty, which the SDK leaves out when it re-seals the session";
    Needed "needed" "missing or of another type, so that the SDK does not open the session";
    Changed "changed" "the SDK reads it as another value";
    NotRefreshed "not_refreshed" "the SDK opens the session, and does not refresh it";
    Collides "collides" "its name is another member's there, so it is not written";
}

impl Loss {
    pub(super) fn new(effect: Effect, member: impl Into<String>) -> Self {
        Self { effect, member: member.into(), sdk: None, taken_for: None }
    }

    /// The stable code of the effect.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.effect.as_str()
    }

    /// The member that it is about.
    #[must_use]
    pub fn member(&self) -> &str {
        &self.member
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.effect.meaning())?;
        if let Some(other) = self.taken_for {
            write!(f, "; it takes it for {other}")?;
        }
        match self.sdk {
            Some(sdk) => write!(f, " ({sdk})"),
            None => Ok(()),
        }
    }
}
