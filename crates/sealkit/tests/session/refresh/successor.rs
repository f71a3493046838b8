//! What is sealed after a refresh, and for whom.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_user_keeps_the_old_one() {
    let world = World::new();
    let sealed = world.expired();
    let without = |answer: &mut Value| drop(answer.as_object_mut().unwrap().remove("user"));
    world.idp.fault(Endpoint::Authenticate, Fault::edit(without));
    let outcome = refresh(&world, &sealed).await;
    assert_eq!(session(&outcome).user().unwrap().email(), Some(ADA));
    assert_eq!(world.payload(&new_cookie(&outcome))["user"], world.payload(&sealed)["user"]);
    // Whoever did the refresh hears that the user is from before; a later request cannot know.
    assert_eq!(session(&outcome).warnings(), [Warning::StaleUser]);
    let later = world.authenticate(&new_cookie(&outcome)).await;
    assert!(session(&later).warnings().is_empty());
    assert!(session(&refresh(&world, &new_cookie(&outcome)).await).warnings().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_user_before_and_after_none_is_made_up() {
    let world = World::new();
    let sealed =
        world.reseal(&world.expired(), |payload| drop(payload.as_object_mut().unwrap().remove("user")));
    let without = |answer: &mut Value| drop(answer.as_object_mut().unwrap().remove("user"));
    world.idp.fault(Endpoint::Authenticate, Fault::edit(without));
    let outcome = refresh(&world, &sealed).await;
    assert!(session(&outcome).user().is_none() && session(&outcome).warnings().is_empty());
    assert!(world.payload(&new_cookie(&outcome)).get("user").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_user_that_is_no_object_costs_neither_the_pair_nor_the_session() {
    for odd in [json!("user_1"), json!(7), json!([]), json!(true)] {
        let world = World::new();
        let sealed = world.expired();
        let change = odd.clone();
        world.idp.fault(
            Endpoint::Authenticate,
            Fault::edit(move |answer| {
                answer["user"] = change.clone();
                answer["impersonator"] = change.clone();
            }),
        );
        let outcome = refresh(&world, &sealed).await;
        assert_eq!(session(&outcome).user().unwrap().email(), Some(ADA), "{odd}");
        session(&world.authenticate(&new_cookie(&outcome)).await);
        assert_eq!(world.grant_count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_costs_one_grant_and_is_named() {
    let world = World::new();
    let ahead = ManualClock::new(world.now().saturating_add(Duration::from_secs(3600)));
    let sealkit = world.builder().clock(std::sync::Arc::new(ahead)).build().unwrap();
    let sealed = world.ada();
    for outcome in [
        sealkit.resolve([sealed.as_str().into()], Resolve::new(true, true)).await,
        sealkit.refresh(&world.ada(), RefreshOptions::default()).await,
    ] {
        assert_eq!(outcome.reason(), Some(Reason::ExpiredJwt), "{outcome:?}");
        assert!(outcome.failure().unwrap().hint().unwrap().contains("clock is ahead"));
        session(&world.authenticate(&new_cookie(&outcome)).await);
    }
    assert_eq!(world.grant_count(), 2, "one each");
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_and_values_are_no_reason_to_fail() {
    let world = World::new();
    let sealed = world.expired();
    world.idp.fault(
        Endpoint::Authenticate,
        Fault::edit(|answer| {
            answer["authentication_method"] = "TelepathyOAuth".into();
            answer["brand_new"] = json!({ "nested": [1, null, "x"] });
            answer["user"]["shoe_size"] = 43.into();
            answer["user"]["metadata"] = json!({ "first_name": "kept", "camelCase": "kept" });
            answer["sealed_session"] = "ignored".into();
        }),
    );
    let outcome = refresh(&world, &sealed).await;
    assert_eq!(session(&outcome).authentication_method(), Some("TelepathyOAuth"));
    let payload = world.payload(&new_cookie(&outcome));
    assert_eq!(payload["user"]["shoe_size"], 43);
    assert_eq!(payload["user"]["metadata"], json!({ "first_name": "kept", "camelCase": "kept" }));
    assert!(payload.get("sealed_session").is_none() && payload.get("brand_new").is_none());
}

#[tokio::test(start_paused = true)]
async fn user_and_impersonator_of_the_answer_are_sealed_and_not_the_old_ones() {
    let world = World::new();
    let minted = world
        .mint(MintSession::for_user(ADA).impersonator("support@example.com", Some("ticket 7")).expired());
    let sealed = world.reseal(&world.seal(&minted), |payload| {
        payload["user"]["firstName"] = "Old".into();
        payload["impersonator"]["reason"] = "an old reason".into();
        payload["mine"] = json!({ "kept": true });
    });
    let payload = world.payload(&new_cookie(&refresh(&world, &sealed).await));
    assert_eq!(payload["user"]["firstName"], "Ada");
    assert_eq!(payload["impersonator"], json!({ "email": "support@example.com", "reason": "ticket 7" }));
    assert_eq!(payload["mine"], json!({ "kept": true }));
}

#[tokio::test(start_paused = true)]
async fn a_rotated_pair_is_never_dropped_although_its_keys_are_down() {
    for keep_old in [true, false] {
        let world = World::new();
        session(&world.authenticate(&world.ada()).await);
        let sealed = world.expired();
        world.idp.rotate_keys(keep_old).unwrap();
        world.idp.fault(Endpoint::Jwks, Fault::status(503).always());
        let outcome = world.resolve(&sealed).await;
        assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
        assert_eq!(outcome.reason(), Some(Reason::JwksUnavailable));
        let rotated = new_cookie(&outcome);
        assert!(outcome.session().is_none() && outcome.failure().unwrap().is_retryable());

        refused(&world.resolve(&rotated).await, Reason::JwksUnavailable);
        world.idp.clear_faults(Endpoint::Jwks);
        world.pass(Duration::from_secs(31)).await;
        session(&world.resolve(&rotated).await);
        assert_eq!(world.grant_count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_pair_is_never_dropped_although_its_token_is_not_acceptable() {
    let world = World::new();
    let sealed = world.expired();
    let mut claims = world.claims();
    claims["iss"] = "https://elsewhere.example".into();
    let token = world.idp.sign(&claims).unwrap();
    let other = move |answer: &mut Value| answer["access_token"] = token.as_str().into();
    world.idp.fault(Endpoint::Authenticate, Fault::edit(other));
    let outcome = world.resolve(&sealed).await;
    assert!(matches!(outcome, Outcome::Rejected { .. }));
    assert_eq!(outcome.reason(), Some(Reason::InvalidIssuer));
    let payload = world.payload(&new_cookie(&outcome));
    assert_ne!(payload["refreshToken"], world.payload(&sealed)["refreshToken"]);
    session(&refresh(&world, &new_cookie(&outcome)).await);
}

#[tokio::test(start_paused = true)]
async fn another_subject_is_refused_on_this_request_and_on_the_next() {
    for stored_user in [true, false] {
        for keys_known in [true, false] {
            let world = World::new();
            if keys_known {
                session(&world.authenticate(&world.ada()).await);
            }
            let grace = world.mint(MintSession::for_user(GRACE)).response_json;
            let sealed = world.reseal(&world.expired(), |payload| {
                if !stored_user {
                    payload.as_object_mut().unwrap().remove("user");
                }
            });
            world.idp.fault(Endpoint::Authenticate, Fault::json(200, &grace));
            let outcome = refresh(&world, &sealed).await;
            assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch), "{stored_user} {keys_known}");
            let swapped = new_cookie(&outcome);
            assert_eq!(world.payload(&swapped)["user"]["id"], world.user_id(ADA));
            assert_eq!(world.payload(&swapped)["accessToken"], grace["access_token"]);
            refused(&world.authenticate(&swapped).await, Reason::SubjectMismatch);
            refused(&world.resolve(&swapped).await, Reason::SubjectMismatch);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_password_opens_and_the_first_seals() {
    let old = "the-old-password-0123456789-0123456789";
    let world = World::new();
    let before = world.another(|config| config.cookie_password(old));
    let sealed = before.seal_payload(&world.payload(&world.expired()).to_string()).unwrap();
    let ring = KeyRing::builder().password("new", PASSWORD).password("old", old).build().unwrap();
    let both = world.another(|config| config.key_ring(ring));
    let outcome = both.refresh(sealed.expose_secret(), RefreshOptions::default()).await;
    assert_eq!(session(&outcome).seal().key.as_deref(), Some("new"));
    // What is new opens with the new password alone, and not with the old one.
    session(&world.authenticate(&new_cookie(&outcome)).await);
    refused(&before.authenticate(&new_cookie(&outcome)).await, Reason::InvalidSessionCookie);
}

#[tokio::test(start_paused = true)]
async fn a_switch_ends_in_the_organization_that_was_asked_for() {
    let world = World::new();
    let sealed = world.ada();
    let outcome = switch(&world, &sealed, NAVY).await;
    assert_eq!(session(&outcome).organization_id(), Some(NAVY));
    assert!(session(&outcome).claims().has_permission("compilers:read"));
    assert_eq!(world.payload(&new_cookie(&outcome))["organizationId"], NAVY);
    assert_eq!(world.grants()[0].json()["organization_id"], NAVY);
    // Without an argument it stays.
    world.pass(Duration::from_secs(301)).await;
    let later = refresh(&world, &new_cookie(&outcome)).await;
    assert_eq!(session(&later).organization_id(), Some(NAVY));
}

#[tokio::test(start_paused = true)]
async fn a_replay_with_another_organization_is_not_believed_to_have_switched() {
    let world = patient();
    world.idp.set_replays_any_organization(true);
    let minted = world.mint(MintSession::for_user(ADA));
    let sealed = world.seal(&minted);
    // Another process has refreshed the same session just now, in its old organization.
    let other = world.another(|config| config);
    session(&other.refresh(&sealed, RefreshOptions::default()).await);
    let outcome = switch(&world, &sealed, NAVY).await;
    assert_eq!(session(&outcome).organization_id(), Some(NAVY));
    assert_eq!(world.grant_count(), 3, "one of the other's, one replay, and one with the successor's token");
}

#[tokio::test(start_paused = true)]
async fn rejected_replay_for_another_organization_ends_nothing() {
    let world = patient();
    let minted = world.mint(MintSession::for_user(ADA));
    let sealed = world.seal(&minted);
    // Another process has refreshed the same session just now, and WorkOS gives its pair for the same request only.
    let other = world.another(|config| config);
    session(&other.refresh(&sealed, RefreshOptions::default()).await);
    let outcome = switch(&world, &sealed, NAVY).await;
    assert!(!matches!(outcome.cookie(), CookieAction::Clear), "{outcome:?}");
    assert!(outcome.session().is_none_or(|session| session.organization_id() != Some(NAVY)), "{outcome:?}");
    // The token that came is still good.
    session(&world.authenticate(&sealed).await);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_does_not_switch_is_asked_twice_and_the_pair_is_kept() {
    let world = World::new();
    let sealed = world.ada();
    let elsewhere = world.mint(MintSession::for_user(ADA));
    world.idp.fault(
        Endpoint::Authenticate,
        Fault::edit(move |answer| answer["access_token"] = elsewhere.access_token.clone().into()).always(),
    );
    let outcome = switch(&world, &sealed, NAVY).await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
    assert_eq!(outcome.reason(), Some(Reason::InvalidResponse));
    assert_eq!(world.grant_count(), 2);
    // The pair is kept, and asked again, it switches.
    world.idp.clear_faults(Endpoint::Authenticate);
    let outcome = switch(&world, &new_cookie(&outcome), NAVY).await;
    assert_eq!(session(&outcome).organization_id(), Some(NAVY));
}
