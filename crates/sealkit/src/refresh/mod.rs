//! Refreshing: one grant per refresh token, retried inside the replay window, its result kept and given to everybody.
//!
//! ```text
//! caller ─► coordinator ─► grant, in a task of its own ─► token endpoint (again, while a replay is safe)
//!   ▲            │
//!   └── result ──┘ kept, so that a late request with the old cookie gets the same successor
//! ```

mod cipher;
mod coordinator;
mod grant;
mod in_process;
mod key;
mod pauses;

pub use cipher::ResultCipher;
pub use coordinator::{
    CoordinatorFuture, CoordinatorStatus, GrantJob, GrantRequest, GrantResult, Published, RefreshCoordinator,
};
pub use grant::RetrySettings;
pub use in_process::{InProcessCoordinator, InProcessSettings, PublishedJob};
pub use key::{CoordinationKey, CoordinatorSecret, CoordinatorSecrets, Place, ShortSecret};

pub(crate) use grant::{Means, grant};
pub(crate) use pauses::Pauses;
