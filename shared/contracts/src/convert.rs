//! Conversions between messages and domain types.
