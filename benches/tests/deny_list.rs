//! What denied sessions cost in memory. A binary of its own: it counts what is allocated, and nothing else runs in it.

use sealkit::{
    SystemClock, UnixMillis,
    revocation::{Denial, DenyEntry, DenyList, DenyListSettings},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Keeps account of what is held.
struct Held;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// What a common allocator takes for it: a word of its own, in steps of two, four at least.
fn taken(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

fn take(bytes: usize) {
    let held = HELD.fetch_add(taken(bytes), Relaxed) + taken(bytes);
    MOST.fetch_max(held, Relaxed);
}

fn give(bytes: usize) {
    HELD.fetch_sub(taken(bytes), Relaxed);
}

// SAFETY: every call is handed to the system's allocator unchanged; the account is two atomics and allocates nothing.
unsafe impl GlobalAlloc for Held {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give(layout.size());
        // SAFETY: the pointer came from `alloc` above with this layout, so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are held while it is copied.
        take(size);
        give(layout.size());
        // SAFETY: the pointer came from `alloc` above with this layout, so from the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Held = Held;

const SESSIONS: usize = 100_000;
const MEGABYTE: usize = 1_000_000;

/// An id like those of WorkOS: a prefix and 26 characters.
fn session_id(number: usize) -> String {
    format!("session_01K0{number:022}")
}

#[test]
fn a_hundred_thousand_denied_sessions_take_less_than_ten_megabytes() {
    let list = DenyList::new(Arc::new(SystemClock), DenyListSettings::default());
    let until = UnixMillis::from_millis(u64::MAX / 2);
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    for number in 0..SESSIONS {
        list.apply(DenyEntry::new(Denial::session(session_id(number)), until));
    }
    let (held, most) = (HELD.load(Relaxed) - before, MOST.load(Relaxed) - before);
    println!(
        "{SESSIONS} denied sessions: {:.1} MB, {:.0} bytes each; {:.1} MB while they came",
        held as f64 / MEGABYTE as f64,
        held as f64 / SESSIONS as f64,
        most as f64 / MEGABYTE as f64
    );
    assert_eq!(list.len(), SESSIONS);
    assert!((0..SESSIONS).all(|number| list.denies_session(&session_id(number))));
    assert!(held > SESSIONS * 34, "the account is kept");
    assert!(most < 10 * MEGABYTE, "{most} bytes");
    black_box(&list);
}
