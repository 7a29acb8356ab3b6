//! Config through its APIs, on both backends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

mod catalog;
mod cells;
mod change_events;
mod channels;
mod confirmations;
mod dispatcher;
mod feed;
mod health;
mod history;
mod keys;
mod owners;
mod people;
mod portal;
mod routing;
mod silences;
mod slack;
mod snapshots;
mod status;
mod support;
mod team_config;
mod team_config_properties;
mod teams;
mod tenancy;
mod unsubscribe;
