//! watchbell-edge.
