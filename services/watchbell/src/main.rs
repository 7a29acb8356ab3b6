//! watchbell.
fn main() {}
