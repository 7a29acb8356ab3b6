//! The status of integrations: Config's word on what is set up, the Dispatcher's on what became of it.

use std::time::Duration;

use chrono::TimeDelta;
use tonic::Code;
use watchbell_config::Migrator;
use watchbell_contracts::api::{RoutingApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::expression_failure::Owner;
use watchbell_contracts::config::v1::{
    Channel, ChannelHealth, EmailDestination, EventFilter, ExpressionFailure, GetIntegrationStatusRequest,
    GetIntegrationStatusResponse, IntegrationStatus, ReportExpressionFailuresRequest, Rule,
    UpdateRuleRequest,
};
use watchbell_contracts::dispatcher::v1::ChannelStats;
use watchbell_contracts::event::v1::ChannelKind;
use watchbell_egress::EgressPolicy;
use watchbell_model::clock::Clock;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_store::store_tests;

use crate::dispatcher::DispatcherStandIn;
use crate::support::{Config, guarded_rule, of_team};

async fn status(config: &Config, team: TeamId) -> GetIntegrationStatusResponse {
    let request = GetIntegrationStatusRequest::default();
    let answer = config
        .service
        .get_integration_status(of_team(request, team))
        .await;
    answer.unwrap().into_inner()
}

fn of(answer: &GetIntegrationStatusResponse, kind: ChannelKind) -> &IntegrationStatus {
    answer
        .integrations
        .iter()
        .find(|status| status.kind() == kind)
        .unwrap()
}

fn minutes_ago(config: &Config, minutes: i64) -> Option<prost_types::Timestamp> {
    Some(timestamp(config.clock.now() - TimeDelta::minutes(minutes)))
}

async fn report(config: &Config, team: TeamId, failures: Vec<ExpressionFailure>) {
    let request = ReportExpressionFailuresRequest {
        team_id: team.to_string(),
        failures,
    };
    config
        .service
        .report_expression_failures(internal_request(request))
        .await
        .unwrap();
}

fn failure(owner: Owner, count: i64, error: &str) -> ExpressionFailure {
    ExpressionFailure {
        owner: Some(owner),
        count,
        error: error.to_owned(),
        ..ExpressionFailure::default()
    }
}

fn rule_id(owner: Owner) -> String {
    match owner {
        Owner::ChannelId(id) | Owner::RuleId(id) => id,
    }
}

store_tests! {
    migrator = Migrator;

    async fn email_works_without_a_channel_where_the_platform_has_a_mail_server(store: Store) {
        let without = Config::on(&store);
        let team = without.team().await;
        let answer = status(&without, team).await;
        assert!(!of(&answer, ChannelKind::Email).configured);
        let with = Config::with(&store, without.key.clone(), vec![], EgressPolicy::default(), |settings| {
            settings.platform_mail = true;
        });
        let answer = status(&with, team).await;
        let email = of(&answer, ChannelKind::Email);
        assert_eq!((email.configured, email.health(), email.channel_count), (true, ChannelHealth::Healthy, 0));
        assert!(!of(&answer, ChannelKind::Slack).configured);
    }

    async fn an_email_channel_without_any_mail_server_is_warned_of(store: Store) {
        let without = Config::on(&store);
        let team = without.team().await;
        let channel = Channel {
            display_name: "ops".to_owned(),
            destination: Some(Destination::Email(EmailDestination {
                recipients: vec!["ops@acme.example".to_owned()],
                ..EmailDestination::default()
            })),
            ..Channel::default()
        };
        let created = without.create(team, channel).await.unwrap();
        let says = "The channel “ops” has no mail server: set one for the platform, or give the channel its own.";
        assert_eq!(created.warnings, [says]);
        let answer = status(&without, team).await;
        let email = of(&answer, ChannelKind::Email);
        assert_eq!((email.configured, email.health(), email.channel_count), (false, ChannelHealth::Unspecified, 1));
        assert_eq!(email.warnings, [says]);
        let with = Config::with(&store, without.key.clone(), vec![], EgressPolicy::default(), |settings| {
            settings.platform_mail = true;
        });
        let answer = status(&with, team).await;
        let email = of(&answer, ChannelKind::Email);
        assert!(email.configured && email.warnings.is_empty());
    }

    async fn the_status_tells_what_the_dispatcher_saw_of_each_kind(store: Store) {
        let config = Config::on(&store);
        let dispatcher = DispatcherStandIn::attached(&config);
        let team = config.team().await;
        let (one, two) = (config.slack(team, "#one").await, config.slack(team, "#two").await);
        let ago = |minutes| minutes_ago(&config, minutes);
        let slack = |channel_id: &str| ChannelStats {
            channel_id: channel_id.to_owned(),
            kind: ChannelKind::Slack.into(),
            ..ChannelStats::default()
        };
        let to_people = ChannelStats {
            kind: ChannelKind::Email.into(),
            last_success_time: ago(7),
            ..ChannelStats::default()
        };
        dispatcher.fares(vec![
            ChannelStats {
                last_success_time: ago(5),
                last_error: "500 rollup_error".to_owned(),
                last_error_time: ago(9),
                ..slack(&one.id)
            },
            ChannelStats {
                last_success_time: ago(30),
                last_error: "404 no_service".to_owned(),
                last_error_time: ago(2),
                oldest_waiting_time: ago(3),
                waiting_count: 2,
                ..slack(&two.id)
            },
            ChannelStats {
                last_success_time: ago(1),
                last_error: "of a channel that is gone".to_owned(),
                last_error_time: ago(1),
                oldest_waiting_time: ago(99),
                ..slack("chn_01h455vb4pex5vsknk084sn02q")
            },
            to_people,
        ]);
        let answer = status(&config, team).await;
        assert!(!answer.dispatcher_away);
        let slack = of(&answer, ChannelKind::Slack);
        assert_eq!((slack.configured, slack.channel_count, slack.health()), (true, 2, ChannelHealth::Healthy));
        assert_eq!(slack.last_success_time, ago(5), "the newest of both");
        assert_eq!((slack.last_error.as_str(), slack.last_error_time), ("404 no_service", ago(2)));
        assert_eq!(slack.oldest_waiting_time, ago(3));
        let email = of(&answer, ChannelKind::Email);
        assert_eq!((email.configured, email.last_success_time), (false, ago(7)), "mail to members needs no channel");
        assert_eq!(of(&answer, ChannelKind::Teams).last_success_time, None);
    }

    async fn without_the_dispatcher_the_status_still_says_what_is_set_up(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let channel = config.slack(team, "#one").await;
        assert!(status(&config, team).await.dispatcher_away, "there is none");
        let dispatcher = DispatcherStandIn::attached(&config);
        dispatcher.away(true);
        let answer = status(&config, team).await;
        assert!(answer.dispatcher_away);
        let slack = of(&answer, ChannelKind::Slack);
        assert_eq!((slack.configured, &slack.default_channel_id), (true, &channel.id));
        assert_eq!((slack.last_success_time, slack.oldest_waiting_time), (None, None));
        dispatcher.away(false);
        assert!(!status(&config, team).await.dispatcher_away);
    }

    async fn expressions_that_fail_are_counted_until_they_change(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let rule = guarded_rule(&config, team, "event.data.score > 7").await;
        let channel = config.webhook(team, "siem").await;
        for _ in 0..2 {
            report(&config, team, vec![
                failure(Owner::RuleId(rule.id.clone()), 3, "No such key: score"),
                // Neither has an expression.
                failure(Owner::ChannelId(channel.id.clone()), 5, "?"),
                failure(Owner::RuleId("rul_01h455vb4pex5vsknk084sn02q".to_owned()), 5, "?"),
            ]).await;
            config.clock.advance(Duration::from_secs(86_400));
        }
        let failures = status(&config, team).await.expression_failures;
        assert_eq!(failures.len(), 1, "{failures:?}");
        let shown = &failures[0];
        assert_eq!((shown.count, shown.error.as_str()), (6, "No such key: score"));
        assert_eq!((shown.display_name.as_str(), shown.expression.as_str()), ("Guarded", "event.data.score > 7"));
        assert_eq!(shown.owner, Some(Owner::RuleId(rule.id.clone())));
        assert_eq!(shown.last_time, minutes_ago(&config, 24 * 60));

        let mended = Rule {
            r#match: Some(EventFilter { expression: "has(event.data.score)".to_owned(), ..EventFilter::default() }),
            ..rule
        };
        let request = UpdateRuleRequest { rule: Some(mended), ..UpdateRuleRequest::default() };
        config.service.update_rule(of_team(request, team)).await.unwrap();
        assert!(status(&config, team).await.expression_failures.is_empty());
        report(&config, team, vec![failure(Owner::RuleId(shown.owner.clone().map(rule_id).unwrap()), 1, "again")]).await;
        assert_eq!(status(&config, team).await.expression_failures[0].count, 1, "another expression starts anew");
    }

    async fn failures_are_shown_for_a_week_and_forgotten(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let rule = guarded_rule(&config, team, "event.data.score > 7").await;
        report(&config, team, vec![failure(Owner::RuleId(rule.id), 1, "No such key: score")]).await;
        config.clock.advance(Duration::from_secs(8 * 86_400));
        assert!(status(&config, team).await.expression_failures.is_empty());
    }

    async fn only_services_report_failures(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let request = ReportExpressionFailuresRequest { team_id: team.to_string(), failures: vec![] };
        let refused = config.service.report_expression_failures(of_team(request, team)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
}
