//! Fuzz targets: a target takes any bytes for what a stranger sent, gives them to one parser, and panics when the
//! parser breaks a promise. `cargo test` replays `corpus/`; `.ci/fuzz` lets libFuzzer look for more.
//!
//! Whatever the target, an input may have [`MAX_MEMORY`] allocated for it, and 2 MiB of stack, which is what a worker
//! thread has.

// Test code: what breaks a promise ends the run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod input;
mod targets;

use std::alloc::System;
use std::thread;

use cap::Cap;

pub use targets::{TARGETS, Target};

/// What one input may have allocated at a time, in bytes.
pub const MAX_MEMORY: usize = 256 * 1024 * 1024;
/// What a worker thread has, in bytes.
const STACK: usize = 2 * 1024 * 1024;

/// Allocating more than allowed ends the process, which the engine takes for a find.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Runs a target on an input.
///
/// # Panics
/// When a promise is broken.
pub fn run(target: &Target, input: &[u8]) {
    ALLOCATOR
        .set_limit(ALLOCATOR.allocated() + MAX_MEMORY)
        .expect("more than is allocated");
    (target.run)(input);
}

/// Runs something on the stack of a worker thread.
///
/// # Panics
/// When that does.
pub fn on_small_stack<R: Send + 'static>(run: impl FnOnce() -> R + Send + 'static) -> R {
    let thread = thread::Builder::new().stack_size(STACK).spawn(run);
    thread
        .expect("a thread")
        .join()
        .expect("the target to keep its promises")
}
