//! watchbell-tests.
