//! Webhooks.

use crate::{
    house::{ADA, House, event, refusal, settle},
    recorder::Seen,
};
use sealkit::{
    Clock as _, Reason,
    refresh::CoordinatorFuture,
    revocation::{Denial, DenyEntry, DenyListStore, Received, WeakDenyList, WebhookError},
};
use sealkit_devidp::Endpoint;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

const DAY: Duration = Duration::from_secs(86_400);

impl House {
    async fn receive(&self, body: &[u8]) -> Result<Received, WebhookError> {
        self.sealkit.receive_webhook(Some(&self.sign(body)), body).await
    }
}

#[tokio::test]
async fn an_event_is_applied_once_however_often_it_is_delivered() {
    let house = House::new();
    let (minted, cookie) = house.session();
    let body = event("session.revoked", Duration::ZERO, &json!({ "id": minted.session_id }));
    assert_eq!(refusal(&house.sealkit, &cookie).await, None);
    assert_eq!(house.receive(&body).await, Ok(Received::Applied));
    assert_eq!(refusal(&house.sealkit, &cookie).await, Some(Reason::SessionRevoked));
    for _ in 0..2 {
        assert_eq!(house.receive(&body).await, Ok(Received::Duplicate));
    }
    assert_eq!(house.sealkit.deny_list().len(), 1);
    let other = event("session.created", Duration::ZERO, &json!({ "id": minted.session_id }));
    assert_eq!(house.receive(&other).await, Ok(Received::Ignored));
}

#[tokio::test]
async fn what_is_delivered_late_or_in_another_order_overrules_older_tokens_only() {
    let house = House::new();
    let (_, cookie) = house.session();
    house.idp.advance(Duration::from_secs(60));
    let user = house.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    let organization = user.memberships()[0].organization().id().to_owned();
    let member = json!({ "user_id": user.id(), "organization_id": organization });
    for (name, data) in [
        ("user.deleted", json!({ "id": user.id() })),
        ("organization.deleted", json!({ "id": organization })),
        ("organization_membership.updated", member.clone()),
    ] {
        assert_eq!(house.receive(&event(name, DAY * 3, &data)).await, Ok(Received::Applied));
    }
    assert_eq!(refusal(&house.sealkit, &cookie).await, None, "its token is newer than all that");
    assert_eq!(house.idp.count(Endpoint::Authenticate), 0, "and is not even refreshed");

    let now = house.sealkit.clock().now();
    house.sealkit.deny_list().deny(Denial::user(user.id(), now)).await;
    let before = house.sealkit.deny_list().entries();
    let older = event("user.deleted", DAY, &json!({ "id": user.id() }));
    assert_eq!(house.receive(&older).await, Ok(Received::Applied));
    let of_user = |entries: Vec<DenyEntry>| {
        entries.into_iter().find(|entry| matches!(entry.denial, Denial::User { .. }))
    };
    assert_eq!(of_user(house.sealkit.deny_list().entries()), of_user(before), "nothing is taken back");
}

#[tokio::test]
async fn an_event_that_does_not_say_whom_it_concerns_is_passed_over() {
    let house = House::new();
    for data in [json!({}), json!(null), json!({ "id": 7 }), json!([{ "id": "session_1" }])] {
        let body = event("session.revoked", Duration::ZERO, &data);
        assert_eq!(house.receive(&body).await, Ok(Received::Ignored), "{data}");
    }
    assert!(house.sealkit.deny_list().is_empty());
    assert!(crate::ears::heard().contains("an event does not say whom it concerns"));
}

/// A store that answers only when it is let.
#[derive(Debug)]
struct Slow(Arc<Semaphore>);

impl DenyListStore for Slow {
    fn follow(&self, _: WeakDenyList) {}

    fn share(&self, _: DenyEntry) -> CoordinatorFuture<'_, ()> {
        Box::pin(async { self.0.acquire().await.unwrap().forget() })
    }

    fn age(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

#[tokio::test]
async fn an_event_whose_delivery_was_cut_off_is_applied_when_it_comes_again() {
    let mut house = House::new();
    let gate = Arc::new(Semaphore::new(0));
    house.sealkit = house.builder().deny_list_store(Arc::new(Slow(Arc::clone(&gate)))).build().unwrap();
    let body = event("session.revoked", Duration::ZERO, &json!({ "id": "session_1" }));
    {
        let mut delivery = std::pin::pin!(house.receive(&body));
        tokio::select! {
            biased;
            _ = &mut delivery => unreachable!("the store does not answer"),
            () = settle() => {}
        }
    }
    assert!(house.sealkit.deny_list().denies_session("session_1"), "denied here at once");
    gate.add_permits(1);
    assert_eq!(house.receive(&body).await, Ok(Received::Applied), "and shared now");
    assert_eq!(gate.available_permits(), 0);
    assert_eq!(house.receive(&body).await, Ok(Received::Duplicate));
}

#[tokio::test]
async fn the_tolerance_is_a_setting_and_the_secrets_a_list() {
    let house = House::with(|config| {
        let secrets = ["the-secret-after-the-rotation", crate::house::SECRET];
        config.webhook_secrets(secrets).webhook_tolerance(Duration::from_secs(10))
    });
    let body = event("session.revoked", Duration::ZERO, &json!({ "id": "session_1" }));
    let signature = house.sign(&body);
    let receive = || house.sealkit.receive_webhook(Some(&signature), &body);
    house.idp.advance(Duration::from_millis(10_001));
    assert_eq!(receive().await, Err(WebhookError::TooOld));
    house.idp.set_now(crate::house::NOW.saturating_sub(Duration::from_millis(10_001)));
    assert_eq!(receive().await, Err(WebhookError::TooFarInFuture));
    assert!(house.sealkit.deny_list().is_empty());
    house.idp.set_now(crate::house::NOW.saturating_sub(Duration::from_secs(10)));
    assert_eq!(receive().await, Ok(Received::Applied));
}

#[tokio::test]
async fn every_webhook_is_counted_by_event_and_outcome_from_closed_lists() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let house = House::new();
    let body = event("session.revoked", Duration::ZERO, &json!({ "id": "session_1" }));
    for _ in 0..2 {
        house.receive(&body).await.unwrap();
    }
    house.receive(&event("of.a.stranger", Duration::ZERO, &json!({}))).await.unwrap();
    assert!(house.receive(b"[]").await.is_err());
    assert!(house.sealkit.receive_webhook(None, &body).await.is_err());
    let count = |event: &str, outcome: &str| {
        seen.count(&format!("sealkit_webhooks_total event={event} outcome={outcome}"))
    };
    assert_eq!(count("session.revoked", "applied"), 1);
    assert_eq!(count("session.revoked", "duplicate"), 1);
    assert_eq!(count("other", "ignored"), 1);
    assert_eq!(count("unknown", "not_an_event"), 1);
    assert_eq!(count("unknown", "missing_signature"), 1);
    assert_eq!(seen.values("sealkit_webhooks_total").len(), 5, "and nothing else");
}
