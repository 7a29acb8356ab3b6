//! Black-box suites against the built binary, in real processes.
