//! `fuzz TARGET [ARGUMENTS OF LIBFUZZER]`: looks for inputs that break a target's promises, guided by the coverage of
//! Watchbell's own crates. `.ci/fuzz` builds and calls it.

#![allow(unsafe_code, reason = "libFuzzer is C++")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ffi::{CString, c_char, c_int};
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::OnceLock;

use bolero_libfuzzer as _;
use watchbell_fuzz::{TARGETS, Target, on_small_stack, run};

static TARGET: OnceLock<&'static Target> = OnceLock::new();

unsafe extern "C" {
    fn LLVMFuzzerStartTest(argc: c_int, argv: *const *const c_char) -> c_int;
}

#[unsafe(no_mangle)]
extern "C" fn LLVMFuzzerInitialize(_argc: *const c_int, _argv: *const *const *const c_char) -> c_int {
    0
}

/// # Safety
/// libFuzzer gives `size` bytes at `data`.
#[unsafe(no_mangle)]
unsafe extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> c_int {
    let input = match size {
        0 => &[],
        // SAFETY: as above; for an empty input the pointer may be null.
        _ => unsafe { std::slice::from_raw_parts(data, size) },
    };
    let target = TARGET.get().expect("main has set it");
    if panic::catch_unwind(AssertUnwindSafe(|| run(target, input))).is_err() {
        // libFuzzer keeps the input of a process that is aborted.
        process::abort();
    }
    0
}

fn main() {
    let mut arguments = std::env::args();
    let program = arguments.next().expect("the program's name");
    let name = arguments.next().unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        // `.ci/fuzz` asks for the list.
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        process::exit(if name == "--list" { 0 } else { 2 });
    };
    TARGET.get_or_init(|| target);
    let arguments: Vec<_> = std::iter::once(program).chain(arguments).collect();
    let code = on_small_stack(|| {
        let arguments: Vec<_> = arguments
            .into_iter()
            .map(|argument| CString::new(argument).expect("no NUL"))
            .collect();
        let pointers: Vec<_> = arguments
            .iter()
            .map(|argument| argument.as_ptr())
            .chain([std::ptr::null()])
            .collect();
        let count = c_int::try_from(arguments.len()).expect("few");
        // SAFETY: as many strings as are counted, and a null pointer after them, all of which outlive the call.
        unsafe { LLVMFuzzerStartTest(count, pointers.as_ptr()) }
    });
    process::exit(code);
}
