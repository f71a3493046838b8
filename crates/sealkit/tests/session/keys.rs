//! Cookie passwords that change while the process runs.

use crate::{
    ears::heard,
    support::{ADA, PASSWORD, World, new_cookie, refused, session},
};
use sealkit::{
    EncodingPolicy, KeyRing, KeyUsage, Reason, Resolve, Sealkit, format::Format, session::AuthResponse,
};
use sealkit_devidp::MintSession;
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const NEWER: &str = "a-newer-password-of-the-tests-0123456789";

fn ring(passwords: &[(&str, &str)]) -> KeyRing {
    passwords
        .iter()
        .fold(KeyRing::builder(), |ring, (name, password)| ring.password(*name, *password))
        .build()
        .unwrap()
}

fn key_of(sealkit: &Sealkit, cookie: &str) -> String {
    sealkit.unseal(cookie).unwrap().1.key.unwrap().to_string()
}

fn sealed_by(sealkit: &Sealkit, world: &World) -> String {
    let answer = world.mint(MintSession::for_user(ADA)).response_json.to_string();
    let answer = AuthResponse::from_json(answer.as_bytes()).unwrap();
    sealkit.seal_session(&answer).unwrap().expose_secret().to_owned()
}

/// Password, and how many cookies it has opened.
fn usage(sealkit: &Sealkit) -> Vec<(String, u64)> {
    let name = |usage: &KeyUsage| usage.key.as_deref().unwrap_or("none").to_owned();
    sealkit.key_usage().iter().map(|usage| (name(usage), usage.opened)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_password_seals_and_the_old_one_opens_until_nobody_needs_it() {
    let world = World::new();
    let rotating = world.another(|config| config.key_ring(ring(&[("new", NEWER), ("old", PASSWORD)])));
    let mut cookies = [world.ada(), world.ada(), sealed_by(&rotating, &world)];
    for cookie in &cookies {
        session(&rotating.resolve([cookie.as_str().into()], Resolve::default()).await);
    }
    assert_eq!(usage(&rotating), [("old".to_owned(), 2), ("new".to_owned(), 1)]);
    world.pass(Duration::from_secs(301)).await;
    for cookie in &mut cookies {
        *cookie = new_cookie(&rotating.resolve([cookie.as_str().into()], Resolve::default()).await);
        assert_eq!(key_of(&rotating, cookie), "new");
    }
    assert_eq!(usage(&rotating), [("old".to_owned(), 4), ("new".to_owned(), 2)]);
    let last_needed = rotating.key_usage()[0].last_opened_at;
    world.pass(Duration::from_secs(60)).await;
    for cookie in &cookies {
        session(&rotating.authenticate(cookie).await);
    }
    // From here on only the new one grows: the old one can go.
    assert_eq!(usage(&rotating), [("old".to_owned(), 4), ("new".to_owned(), 5)]);
    let [old, new] = rotating.key_usage().try_into().unwrap();
    assert_eq!((old.last_opened_at, new.last_opened_at), (last_needed, world.now()));
    assert_eq!(new.last_age, Some(Duration::from_secs(60)), "since the token was issued");
    rotating.replace_keys(ring(&[("new", NEWER)])).unwrap();
    for cookie in &cookies {
        session(&rotating.authenticate(cookie).await);
    }
    refused(&rotating.authenticate(&world.ada()).await, Reason::InvalidSessionCookie);
}

#[tokio::test(start_paused = true)]
async fn a_cookie_that_does_not_open_is_nobodys_use_and_an_unproven_one_is_no_use_of_a_format() {
    let world = World::configured(|config| {
        let read = EncodingPolicy::default().read.with(Format::PlainJson);
        config.encoding(EncodingPolicy::default().with_read(read))
    });
    for value in ["garbage", "Fe26.2*1*a*b*c**d*e~2", r#"{"accessToken":"made.up.token"}"#] {
        assert!(world.authenticate(value).await.session().is_none());
    }
    assert_eq!(world.sealkit.key_usage(), []);
    // A seal is proof of its password, whatever is in it.
    assert!(world.authenticate(&world.around("made.up.token")).await.session().is_none());
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let payload = world.payload(&world.seal(&minted)).to_string();
    assert!(world.authenticate(&payload).await.session().is_none());
    session(&world.sealkit.refresh(&payload, sealkit::RefreshOptions::default()).await);
    assert_eq!(usage(&world.sealkit), [("current".to_owned(), 1), ("none".to_owned(), 2)]);
    assert_eq!(world.sealkit.key_usage()[1].format, Format::PlainJson);
}

#[tokio::test(start_paused = true)]
async fn passwords_that_cannot_seal_are_refused_and_nothing_changes() {
    let hex = "0123456789abcdef".repeat(4);
    let world = World::configured(|config| {
        config.key_ring(ring(&[("hex", &hex)])).encoding(EncodingPolicy::writing(Format::RustGcm))
    });
    let cookie = world.ada();
    let error = world.sealkit.replace_keys(ring(&[("text", PASSWORD)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`rust-gcm` needs exactly 64 hexadecimal digits; make one with `sealkit key new --format rust-gcm`"
    );
    session(&world.authenticate(&cookie).await);
    assert_eq!(key_of(&world.sealkit, &world.ada()), "hex");
    world.sealkit.replace_keys(ring(&[("text", PASSWORD), ("again", &hex)])).unwrap();
    session(&world.authenticate(&cookie).await);
    assert_eq!(key_of(&world.sealkit, &world.ada()), "again", "the first that fits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn passwords_are_replaced_under_load_and_nobody_is_refused() {
    let world = World::new();
    let (one, other) = (ring(&[("a", PASSWORD), ("b", NEWER)]), ring(&[("b", NEWER), ("a", PASSWORD)]));
    let sealkit = world.another(|config| config.key_ring(one.clone()));
    let cookie = sealed_by(&sealkit, &world);
    session(&sealkit.authenticate(&cookie).await);
    let visitors: Vec<_> = (0..4)
        .map(|_| {
            let (sealkit, mut cookie) = (sealkit.clone(), cookie.clone());
            tokio::spawn(async move {
                for _ in 0..100 {
                    let outcome = sealkit.authenticate(&cookie).await;
                    let payload = session(&outcome).unsealed().expose_text().to_owned();
                    cookie = sealkit.seal_payload(&payload).unwrap().expose_secret().to_owned();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut rings = [&one, &other].into_iter().cycle();
    while !visitors.iter().all(tokio::task::JoinHandle::is_finished) {
        sealkit.replace_keys(rings.next().unwrap().clone()).unwrap();
        tokio::task::yield_now().await;
    }
    for visitor in visitors {
        visitor.await.unwrap();
    }
    assert_eq!(usage(&sealkit).iter().map(|(_, opened)| opened).sum::<u64>(), 401);
}

/// A file of passwords that goes when the test ends.
struct File(PathBuf);

impl File {
    fn new(content: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sealkit-keys-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let file = Self(std::env::temp_dir().join(name));
        file.write(content);
        file
    }

    fn write(&self, content: impl AsRef<[u8]>) {
        fs::write(&self.0, content).unwrap();
    }

    fn world(&self) -> World {
        World::configured(|config| config.cookie_passwords_file(&self.0))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// What seals now.
fn sealing(world: &World) -> String {
    key_of(&world.sealkit, &world.ada())
}

/// Longer than it takes to see a change and to see that it has settled.
async fn a_while() {
    tokio::time::sleep(Duration::from_secs(16)).await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_is_picked_up_without_a_restart() {
    let file = File::new(&format!("old={PASSWORD}\n"));
    let world = file.world();
    let cookie = world.ada();
    a_while().await;
    assert_eq!(sealing(&world), "old");
    file.write(format!("new={NEWER}\nold={PASSWORD}\n"));
    a_while().await;
    assert_eq!(sealing(&world), "new");
    session(&world.authenticate(&cookie).await);
    file.write(format!("new={NEWER}\n"));
    a_while().await;
    refused(&world.authenticate(&cookie).await, Reason::InvalidSessionCookie);
    assert_eq!(heard().matches("the cookie passwords were replaced").count(), 2, "once for each change");
}

#[tokio::test(start_paused = true)]
async fn a_change_between_configuration_and_start_is_not_missed() {
    let file = File::new(&format!("old={PASSWORD}\n"));
    let world = World::configured(|config| {
        let config = config.cookie_passwords_file(&file.0);
        config.clone().build().unwrap();
        config
    });
    // The watching task has not run yet.
    file.write(format!("new={NEWER}\n"));
    a_while().await;
    assert_eq!(sealing(&world), "new");
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_keeps_the_old_passwords_and_says_so_once() {
    let file = File::new(&format!("old={PASSWORD}\n"));
    let world = file.world();
    let cookie = world.ada();
    for (broken, said) in [
        (
            format!("new={NEWER}\nsecret-without-a-name-0123456789\n").into_bytes(),
            "line 2 is no named password",
        ),
        (b"new=secret-too-short\n".to_vec(), "has 16 characters"),
        (b"new=\xff".to_vec(), "is not UTF-8 text"),
        (Vec::new(), "no cookie password given"),
    ] {
        file.write(&broken);
        a_while().await;
        a_while().await;
        assert_eq!(sealing(&world), "old", "{said}");
        session(&world.authenticate(&cookie).await);
        assert_eq!(heard().matches(said).count(), 1, "{said}");
        let error = world.sealkit.reload_keys().unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    fs::remove_file(&file.0).unwrap();
    a_while().await;
    assert_eq!(sealing(&world), "old");
    assert!(heard().contains("cannot be read") && !heard().contains("secret-"));
    file.write(format!("new={NEWER}\n"));
    a_while().await;
    assert_eq!(sealing(&world), "new");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_still_being_written_is_not_used() {
    let file = File::new(&format!("old={PASSWORD}\n"));
    let world = file.world();
    let whole = format!("new={NEWER}\nold={PASSWORD}\n");
    // Between the looks, so that each of them finds another content.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    // Long enough to be a password, and another one.
    let half = &whole[.."new=".len() + 34];
    for content in [half, &whole[..whole.len() - 3], whole.as_str()] {
        file.write(content);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(sealing(&world), "old");
    }
    a_while().await;
    assert_eq!(sealing(&world), "new");
    assert_eq!(heard().matches("the cookie passwords were replaced").count(), 1);
    session(&world.another(|config| config.cookie_password(NEWER)).authenticate(&world.ada()).await);
}

#[tokio::test(start_paused = true)]
async fn a_reload_by_hand_works_at_once_and_errs_where_there_is_no_file() {
    let file = File::new(&format!("old={PASSWORD}\n"));
    let world = file.world();
    file.write(format!("new={NEWER}\nold={PASSWORD}\n"));
    world.sealkit.reload_keys().unwrap();
    assert_eq!(sealing(&world), "new");
    let error = World::new().sealkit.reload_keys().unwrap_err();
    assert_eq!(
        error.to_string(),
        "SEALKIT_COOKIE_PASSWORDS_FILE: is not set; name a file with lines NAME=PASSWORD"
    );
    let rust = File::new("hex=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    let world = World::configured(|config| {
        config.cookie_passwords_file(&rust.0).encoding(EncodingPolicy::writing(Format::RustGcm))
    });
    rust.write(format!("text={PASSWORD}\n"));
    let error = world.sealkit.reload_keys().unwrap_err().to_string();
    assert!(error.starts_with("cookie_passwords_file: `rust-gcm` needs exactly 64"), "{error}");
    assert_eq!(sealing(&world), "hex");
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_at_the_file_when_the_last_handle_is_gone() {
    let file = File::new(&format!("old={PASSWORD}\n"));
    drop(file.world());
    file.write(format!("new={NEWER}\n"));
    a_while().await;
    assert!(!heard().contains("were replaced"));
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}
