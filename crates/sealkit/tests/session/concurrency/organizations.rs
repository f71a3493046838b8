//! Callers of one session who want different organizations, in any order: each gets its own, and no token is spent twice.

use crate::support::{ANALYTICAL, NAVY, World, refused, session};
use proptest::prelude::*;
use sealkit::{CookieAction, Reason, RefreshOptions, Resolve};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use tokio::{runtime::Builder, task::JoinSet};

const MILLISECOND: Duration = Duration::from_millis(1);

/// What a caller asks for, and when it comes.
#[derive(Clone, Copy, Debug)]
struct Caller {
    organization: Option<&'static str>,
    comes_after: Duration,
}

fn caller() -> impl Strategy<Value = Caller> {
    let organization = prop_oneof![Just(None), Just(Some(ANALYTICAL)), Just(Some(NAVY))];
    // A grant takes ten milliseconds: together, during another's grant, just at its end, afterwards.
    let comes_after = prop_oneof![Just(0_u32), 1..10_u32, Just(10), 11..40_u32];
    (organization, comes_after)
        .prop_map(|(organization, after)| Caller { organization, comes_after: MILLISECOND * after })
}

async fn meet(callers: Vec<Caller>) {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    world.idp.set_replay_window(Duration::ZERO);
    world.idp.fault(Endpoint::Authenticate, Fault::delay(MILLISECOND * 10).after_effect().always());
    let minted = world.mint(MintSession::for_user(crate::support::ADA).expired());
    let old = world.seal(&minted);
    let mut tasks = JoinSet::new();
    for caller in &callers {
        let (sealkit, old, caller) = (world.sealkit.clone(), old.clone(), *caller);
        tasks.spawn(async move {
            tokio::time::sleep(caller.comes_after).await;
            let outcome = match caller.organization {
                None => sealkit.resolve([old.into()], Resolve::default()).await,
                Some(id) => sealkit.refresh(&old, RefreshOptions::default().with_organization(id)).await,
            };
            (caller, outcome)
        });
    }
    for (caller, outcome) in tasks.join_all().await {
        let session = session(&outcome);
        assert_eq!(session.id(), minted.session_id);
        if let Some(wanted) = caller.organization {
            assert_eq!(session.organization_id(), Some(wanted), "{callers:?}");
        }
        assert!(matches!(outcome.cookie(), CookieAction::Set(_)));
    }
    let sent: Vec<_> = world.grants().iter().map(|grant| grant.json()["refresh_token"].to_string()).collect();
    let distinct: BTreeSet<_> = sent.iter().collect();
    assert_eq!(distinct.len(), sent.len(), "a token was spent twice: {callers:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_gets_the_organization_that_they_asked_for(callers in prop::collection::vec(caller(), 2..7)) {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(meet(callers));
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_refused_harms_nobody_who_waits_with_it() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    let old = world.expired();
    let refusal = json!({ "error": "organization_not_found" });
    let refuse = Fault::json(400, &refusal).delayed(MILLISECOND * 10);
    world.idp.fault(Endpoint::Authenticate, refuse.times(1));
    let (sealkit, cookie) = (world.sealkit.clone(), old.clone());
    let switching = tokio::spawn(async move {
        sealkit.refresh(&cookie, RefreshOptions::default().with_organization("org_of_others")).await
    });
    tokio::task::yield_now().await;
    let waiting = world.resolve(&old).await;
    refused(&switching.await.unwrap(), Reason::OrganizationNotFound);
    assert_eq!(session(&waiting).organization_id(), Some(ANALYTICAL));
    assert_eq!(world.grant_count(), 2, "the token had not been spent");
}
