//! watchbell-digest.
