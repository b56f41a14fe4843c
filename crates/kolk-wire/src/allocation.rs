//! Counts what the current thread allocates, so that tests can hold decoders to their budget.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The most bytes that `work` held at a time, beyond what was there before it.
pub(crate) fn peak<R>(work: impl FnOnce() -> R) -> (R, usize) {
    LIVE.set(0);
    PEAK.set(0);
    let result = work();
    (result, usize::try_from(PEAK.get()).expect("never below the start"))
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(size: usize, sign: isize) {
    let size = isize::try_from(size).expect("a layout's size fits isize");
    // A thread that is ending has no counters left.
    let live = LIVE.try_with(|live| {
        live.set(live.get() + sign * size);
        live.get()
    });
    if let Ok(live) = live {
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live)));
    }
}

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one only counts, in tests")]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn peak_sees_what_was_freed_again() {
    let ((), bytes) = peak(|| drop(vec![0u8; 1000]));
    assert_eq!(bytes, 1000);
}
