//! The queues, without anything costly in them.

use super::*;
use std::{future::Future, pin::pin, task::Poll};

fn turns(waiting: usize, known: usize) -> CostlyTurns {
    let limits = LimitSettings {
        costly_at_once: 2,
        costly_waiting: waiting,
        costly_known: known,
        ..LimitSettings::default()
    };
    CostlyTurns::new(&limits)
}

/// What the future gives if it does not wait.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn known_session_never_waits_for_forgeries() {
    let turns = Arc::new(turns(3, 100));
    turns.remember("good", "session_1");
    let working = [turns.to_open("forged 1").await.unwrap(), turns.to_open("forged 2").await.unwrap()];
    let waiting: Vec<_> = (0..3)
        .map(|i| {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { turns.to_open(&format!("forged {i}")).await.is_ok() })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(at_once(turns.to_open("forged 6")).await.unwrap().unwrap_err(), Busy, "the queue is full");
    assert!(at_once(turns.to_open("good")).await.unwrap().is_ok());
    drop(working);
    for one in waiting {
        assert!(one.await.unwrap());
    }
}

#[tokio::test]
async fn one_session_has_one_turn_at_a_time() {
    let turns = Arc::new(turns(2, 100));
    turns.remember("ada's", "session_1");
    turns.remember("grace's", "session_2");
    let ada = turns.to_open("ada's").await.unwrap();
    let more: Vec<_> = (0..2)
        .map(|_| {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { turns.to_open("ada's").await.is_ok() })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(at_once(turns.to_open("ada's")).await.unwrap().unwrap_err(), Busy);
    assert_eq!(
        at_once(turns.to_seal("session_1")).await.unwrap().unwrap_err(),
        Busy,
        "sealing waits in the same queue"
    );
    assert!(at_once(turns.to_open("grace's")).await.unwrap().is_ok(), "another session has its own");
    drop(ada);
    for one in more {
        assert!(one.await.unwrap());
    }
}

#[tokio::test]
async fn caller_that_goes_away_leaves_its_place() {
    let turns = turns(1, 100);
    let _working = [turns.to_open("a").await.unwrap(), turns.to_open("b").await.unwrap()];
    for _ in 0..10 {
        assert!(at_once(turns.to_open("c")).await.is_none(), "it waited, and was dropped");
    }
}

#[test]
fn one_session_pushes_out_its_own_values_only() {
    let turns = turns(1, 100);
    turns.remember("grace's", "session_2");
    for i in 0..1_000 {
        turns.remember(&format!("ada's {i}"), "session_1");
    }
    assert!(turns.knows("grace's") && turns.knows("ada's 999") && !turns.knows("ada's 995"));
    let known = turns.known();
    assert_eq!((known.sessions.len(), known.owners.len()), (2, VALUES + 1));
}

#[test]
fn full_memory_forgets_sessions_that_were_seen_least_recently() {
    let turns = turns(1, 16);
    for i in 0..16 {
        turns.remember(&format!("value {i}"), &format!("session_{i}"));
    }
    turns.known().lane_of(&turns.hash("value 0"));
    turns.remember("value 16", "session_16");
    assert!(turns.knows("value 0") && turns.knows("value 16") && !turns.knows("value 1"));
    let known = turns.known();
    assert!(known.sessions.len() <= 16 && known.owners.len() == known.sessions.len());
}
