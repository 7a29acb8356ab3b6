//! watchbell-router.
