//! Channel state in memory, without I/O loops: policies as Config last returned them, health, holds, silences, storms and mail
//! budgets.

pub(crate) mod cache;
pub(crate) mod health;
pub(crate) mod hold;
pub(crate) mod mail_budget;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod silence;
pub(crate) mod storm;
