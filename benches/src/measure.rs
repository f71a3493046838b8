//! Calibrated batches, CPU and wall medians, heap allocations per operation; one JSON line each.

use rustix::time::{ClockId, clock_gettime};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Instant,
};

struct Counting;

static COUNT: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    if COUNT.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(bytes as u64, Relaxed);
    }
}

// SAFETY: every call is handed to the system's allocator unchanged; counting touches two atomics and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above with this layout, so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the pointer came from `alloc` above with this layout, so from the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// CPU time of this process in nanoseconds.
fn cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Runs `operation` in batches for `BUDGET_MS` (1500) and prints the medians; `ONLY` names the one operation to run.
pub fn measure<T>(format: &str, name: &str, mut operation: impl FnMut() -> T) {
    if std::env::var("ONLY").is_ok_and(|only| only != name) {
        return;
    }
    let budget = setting("BUDGET_MS", 1500.0) * 1e6;
    let batches = setting("BATCHES", 25.0) as usize;
    let (begun, mut warm) = (cpu_ns(), 0u32);
    while cpu_ns() - begun < budget / 3.0 {
        for _ in 0..16 {
            black_box(operation());
        }
        warm += 16;
    }
    let each = (cpu_ns() - begun) / f64::from(warm);
    let size = ((budget / batches as f64 / each) as u64).max(1);
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..batches {
        let (cpu_before, wall_before) = (cpu_ns(), Instant::now());
        for _ in 0..size {
            black_box(operation());
        }
        wall.push(wall_before.elapsed().as_nanos() as f64 / size as f64);
        cpu.push((cpu_ns() - cpu_before) / size as f64);
    }
    wall.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    ALLOCATIONS.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    COUNT.store(true, Relaxed);
    for _ in 0..100 {
        black_box(operation());
    }
    COUNT.store(false, Relaxed);
    println!(
        "{}",
        serde_json::json!({
            "peer": "sealkit", "version": env!("CARGO_PKG_VERSION"), "format": format, "op": name, "lang": "rust", "conc": 1,
            "wall_ns": wall[batches / 2], "wall_p90_ns": wall[batches * 9 / 10], "cpu_ns": cpu[batches / 2],
            "cpu_min_ns": cpu[0], "batches": batches, "ops": size * batches as u64,
            "allocs": ALLOCATIONS.load(Relaxed) as f64 / 100.0, "alloc_bytes": BYTES.load(Relaxed) as f64 / 100.0,
        })
    );
}
