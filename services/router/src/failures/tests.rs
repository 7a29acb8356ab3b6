use tonic::Status;
use watchbell_model::ids::{ChannelId, RuleId};

use super::*;
use crate::testing::{FakeConfig, noon, team_id};

fn channel() -> FilterOwner {
    FilterOwner::Channel(ChannelId::from_uuid(uuid::Uuid::from_u128(7)))
}

fn failed(owner: FilterOwner, error: &str) -> FailedExpression {
    FailedExpression {
        owner,
        error: error.to_owned(),
    }
}

/// What Config was told: owner, count and error.
fn told(config: &FakeConfig) -> Vec<(String, i64, String)> {
    let mut told: Vec<_> = std::mem::take(&mut *config.expression_failures.lock())
        .into_iter()
        .flat_map(|request| request.failures)
        .map(|failure| {
            let owner = match failure.owner.unwrap() {
                Owner::ChannelId(id) | Owner::RuleId(id) => id,
            };
            (owner[..4].to_owned(), failure.count, failure.error)
        })
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn failures_are_counted_by_channel_and_rule_and_told_once() {
    let (config, failures) = (FakeConfig::new(), Failures::default());
    let reporter = Reporter::new(failures.clone(), config.clone());
    let rule = FilterOwner::Rule(RuleId::from_uuid(uuid::Uuid::from_u128(7)));
    failures.note(
        team_id(),
        &[failed(channel(), "no score"), failed(rule, "no tags")],
        noon(),
    );
    failures.note(team_id(), &[failed(channel(), "no owner")], noon());
    reporter.tick().await;
    let expected = [
        ("chn_".to_owned(), 2, "no owner".to_owned()),
        ("rul_".to_owned(), 1, "no tags".to_owned()),
    ];
    assert_eq!(told(&config), expected);
    reporter.tick().await;
    assert_eq!(told(&config), []);
}

#[tokio::test]
async fn what_config_does_not_take_is_told_later_and_nothing_of_a_team_that_is_gone() {
    let (config, failures) = (FakeConfig::new(), Failures::default());
    let reporter = Reporter::new(failures.clone(), config.clone());
    *config.refusal.lock() = Some(Status::unavailable("away"));
    failures.note(team_id(), &[failed(channel(), "no score")], noon());
    reporter.tick().await;
    *config.refusal.lock() = None;
    failures.note(team_id(), &[failed(channel(), "no score")], noon());
    reporter.tick().await;
    assert_eq!(told(&config), [("chn_".to_owned(), 2, "no score".to_owned())]);

    *config.refusal.lock() = Some(Status::not_found("no such team"));
    failures.note(team_id(), &[failed(channel(), "no score")], noon());
    reporter.tick().await;
    assert!(failures.take().is_empty());
}

#[test]
fn what_is_counted_is_bounded() {
    let failures = Failures::default();
    for number in 0..CAPACITY as u128 + 10 {
        let owner = FilterOwner::Rule(RuleId::from_uuid(uuid::Uuid::from_u128(number)));
        failures.note(team_id(), &[failed(owner, "no score")], noon());
    }
    assert_eq!(failures.take()[&team_id()].len(), CAPACITY);
}
