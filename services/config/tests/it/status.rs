//! The status of integrations: Config's word on what is set up, the Dispatcher's on what became of it.

use chrono::TimeDelta;
use watchbell_config::Migrator;
use watchbell_contracts::api::TeamApi;
use watchbell_contracts::config::v1::{
    ChannelHealth, GetIntegrationStatusRequest, GetIntegrationStatusResponse, IntegrationStatus,
};
use watchbell_contracts::dispatcher::v1::ChannelStats;
use watchbell_contracts::event::v1::ChannelKind;
use watchbell_egress::EgressPolicy;
use watchbell_model::clock::Clock;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_store::store_tests;

use crate::dispatcher::DispatcherStandIn;
use crate::support::{Config, of_team};

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
}
