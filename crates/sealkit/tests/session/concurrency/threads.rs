//! The whole layer on many threads at once: sign-outs at every moment of a grant, runtimes that go, and pairs of sessions.

use crate::support::{ADA, ANALYTICAL, GRACE, NAVY, Wire, World, new_cookie, session};
use bytes::Bytes;
use http::Request;
use sealkit::{
    CookieAction, Outcome, Reason, RefreshOptions, Resolve, Sealkit,
    api::{HttpTransport, TransportFuture},
    config::RefreshSettings,
};
use sealkit_devidp::MintSession;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Builder,
    sync::Semaphore,
    task::{JoinSet, yield_now},
};

/// Where a request for tokens is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// Before the provider has seen it.
    Before,
    /// When the provider has spent the token, before the answer is here.
    After,
    Nowhere,
}

/// A wire that holds requests for tokens until it is opened.
#[derive(Clone, Debug)]
struct Gated {
    wire: Wire,
    hold: Hold,
    held: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gated {
    fn new(world: &World, hold: Hold) -> Self {
        let [held, open] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
        Self { wire: world.wire.clone(), hold, held, open }
    }

    fn sealkit(&self, world: &World) -> Sealkit {
        world.builder().transport(Arc::new(self.clone())).build().unwrap()
    }

    async fn pass(&self, at: Hold, is_grant: bool) {
        if is_grant && self.hold == at {
            self.held.add_permits(1);
            let _ = self.open.acquire().await.unwrap();
        }
    }

    /// Until a grant is held.
    async fn is_held(&self) {
        self.held.acquire().await.unwrap().forget();
    }

    /// For all from now on.
    fn open(&self) {
        self.open.add_permits(1);
    }
}

impl HttpTransport for Gated {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            let is_grant = request.uri().path().ends_with("/authenticate");
            self.pass(Hold::Before, is_grant).await;
            let reply = self.wire.send(request).await;
            self.pass(Hold::After, is_grant).await;
            reply
        })
    }
}

async fn resolve(sealkit: &Sealkit, sealed: &str) -> Outcome {
    sealkit.resolve([sealed.to_owned().into()], Resolve::default()).await
}

#[track_caller]
fn is_over(outcome: &Outcome) {
    assert_eq!(outcome.reason(), Some(Reason::SessionRevoked), "{outcome:?}");
    assert_eq!(*outcome.cookie(), CookieAction::Clear);
}

/// Fifty requests on four threads, and a sign-out at this moment of their grant.
async fn fifty_and_a_sign_out(world: &World, hold: Hold, round: usize) {
    let gate = Gated::new(world, hold);
    let sealkit = gate.sealkit(world);
    session(&sealkit.authenticate(&world.ada()).await);
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let old = world.seal(&minted);
    let over = Arc::new(AtomicBool::new(false));
    let mut requests = JoinSet::new();
    for number in 0..50 {
        let (sealkit, old, over) = (sealkit.clone(), old.clone(), Arc::clone(&over));
        requests.spawn(async move {
            for _ in 0..(number * 7 + round) % 23 {
                yield_now().await;
            }
            let came_late = over.load(Ordering::SeqCst);
            (came_late, resolve(&sealkit, &old).await)
        });
    }
    if hold == Hold::Nowhere {
        for _ in 0..round * 3 {
            yield_now().await;
        }
    } else {
        gate.is_held().await;
    }
    sealkit.sign_out(&minted.session_id, None).await.unwrap();
    over.store(true, Ordering::SeqCst);
    gate.open();
    let mut cookies = vec![old];
    for (came_late, outcome) in requests.join_all().await {
        match outcome {
            // Decided before the sign-out: what it was given is worth nothing now.
            Outcome::Authenticated { cookie: CookieAction::Set(sealed), .. }
                if hold == Hold::Nowhere && !came_late =>
            {
                cookies.push(sealed.expose_secret().to_owned());
            }
            outcome => is_over(&outcome),
        }
    }
    assert!(sealkit.drain(Duration::from_secs(20)).await);
    for cookie in cookies {
        is_over(&resolve(&sealkit, &cookie).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_refreshes_and_a_sign_out_end_signed_out_on_many_threads() {
    let world = World::new();
    for hold in [Hold::Before, Hold::After, Hold::Nowhere] {
        for round in 0..12 {
            fifty_and_a_sign_out(&world, hold, round).await;
        }
    }
}

#[test]
fn a_runtime_that_goes_with_a_grant_logs_nobody_out() {
    let [ours, theirs] =
        [(); 2].map(|()| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
    let world = ours.block_on(async { World::new() });
    for hold in [Hold::Before, Hold::After] {
        let gate = Gated::new(&world, hold);
        let sealkit = gate.sealkit(&world);
        let old = world.expired();
        ours.block_on(async {
            session(&sealkit.authenticate(&world.ada()).await);
        });
        let going = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (theirs_too, cookie) = (sealkit.clone(), old.clone());
        going.spawn(async move { resolve(&theirs_too, &cookie).await });
        ours.block_on(gate.is_held());
        // Another runtime's caller waits for the same grant.
        let (waiting, cookie) = (sealkit.clone(), old.clone());
        let waiting = theirs.spawn(async move { resolve(&waiting, &cookie).await });
        going.shutdown_background();
        gate.open();
        let outcome = ours.block_on(waiting).unwrap();
        match &outcome {
            // It came when the grant had gone, and made its own.
            Outcome::Authenticated { .. } => {}
            _ => {
                assert_eq!(outcome.reason(), Some(Reason::ServerError), "{outcome:?}");
                assert_eq!(*outcome.cookie(), CookieAction::Keep);
            }
        }
        // The provider replays the token: nothing is lost.
        session(&ours.block_on(resolve(&sealkit, &old)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pairs_of_sessions_never_exchange_anything() {
    // A machine that is busy with something else must not look like a provider that does not answer.
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.caller_wait = Duration::from_secs(60);
        config.refresh(refresh)
    });
    let people = [(ADA, ANALYTICAL), (GRACE, NAVY), (ADA, NAVY)];
    let mut tasks = JoinSet::new();
    for number in 0..600 {
        let (email, organization) = people[number % 3];
        let minted = world.mint(MintSession::for_user(email).organization(organization).expired());
        let old = world.seal(&minted);
        for caller in 0..2 {
            let (sealkit, old, id) = (world.sealkit.clone(), old.clone(), minted.session_id.clone());
            tasks.spawn(async move {
                for _ in 0..(number * 5 + caller * 3) % 11 {
                    yield_now().await;
                }
                (id, email, organization, resolve(&sealkit, &old).await)
            });
        }
    }
    let mut pairs = BTreeSet::new();
    for (id, email, organization, outcome) in tasks.join_all().await {
        let session = session(&outcome);
        assert_eq!((session.id(), session.organization_id()), (&*id, Some(organization)));
        assert_eq!(session.claims().subject(), world.user_id(email));
        let payload = world.payload(&new_cookie(&outcome));
        assert_eq!(payload["user"]["email"], email);
        assert_eq!(payload["accessToken"], session.tokens().access_token());
        pairs.insert((payload["refreshToken"].to_string(), id, new_cookie(&outcome)));
    }
    // Each refresh token is one session's alone, and the provider knows it as that one's.
    let tokens: BTreeSet<_> = pairs.iter().map(|(token, id, _)| (token, id)).collect();
    assert_eq!((tokens.len(), world.grant_count()), (600, 600));
    let another = world.another(|config| config);
    let mut last = None;
    for (token, id, cookie) in &pairs {
        if last.replace(token) != Some(token) {
            let next = another.refresh(cookie, RefreshOptions::default()).await;
            assert_eq!(session(&next).id(), id);
        }
    }
}
