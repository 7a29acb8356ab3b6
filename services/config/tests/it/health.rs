//! Channel health, as the Dispatcher reports it and admins mend it.

use chrono::TimeDelta;
use watchbell_config::Migrator;
use watchbell_contracts::api::{ChannelApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::{
    Channel, ChannelHealth, GetChannelRequest, GetIntegrationStatusRequest, GetTeamSnapshotRequest,
    ReenableChannelRequest, ReportChannelHealthRequest,
};
use watchbell_contracts::event::v1::ChannelKind;
use watchbell_model::clock::Clock;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_store::store_tests;

use crate::support::{Config, of_team};

async fn report(config: &Config, team: TeamId, id: &str, health: ChannelHealth, epoch: i64, seconds: i64) {
    let request = ReportChannelHealthRequest {
        team_id: team.to_string(),
        channel_id: id.to_owned(),
        health: health.into(),
        message: if health == ChannelHealth::Unhealthy {
            "404 no_service".to_owned()
        } else {
            String::new()
        },
        health_epoch: epoch,
        observe_time: Some(timestamp(config.clock.now() + TimeDelta::seconds(seconds))),
    };
    config
        .service
        .report_channel_health(internal_request(request))
        .await
        .unwrap();
}

async fn got(config: &Config, team: TeamId, id: &str) -> Channel {
    let request = GetChannelRequest {
        channel_id: id.to_owned(),
        ..GetChannelRequest::default()
    };
    config
        .service
        .get_channel(of_team(request, team))
        .await
        .unwrap()
        .into_inner()
        .channel
        .unwrap()
}

async fn revision(config: &Config, team: TeamId) -> i64 {
    let request = GetTeamSnapshotRequest {
        team_id: team.to_string(),
    };
    let answer = config
        .service
        .get_team_snapshot(internal_request(request))
        .await
        .unwrap();
    answer.into_inner().snapshot.unwrap().revision
}

store_tests! {
    migrator = Migrator;

    async fn a_report_is_taken_once_and_only_of_the_present_epoch(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let channel = config.slack(team, "#alerts").await;
        report(&config, team, &channel.id, ChannelHealth::Unhealthy, 0, 0).await;
        let now = got(&config, team, &channel.id).await;
        assert_eq!((now.health(), now.health_message.as_str()), (ChannelHealth::Unhealthy, "404 no_service"));
        assert_eq!(now.etag, channel.etag, "an admin's edit is not disturbed");
        let before = revision(&config, team).await;
        report(&config, team, &channel.id, ChannelHealth::Unhealthy, 0, 1).await;
        assert_eq!(revision(&config, team).await, before, "nothing new, no new snapshot");

        let request = ReenableChannelRequest {
            channel_id: channel.id.clone(),
            recover_parked: true,
            ..ReenableChannelRequest::default()
        };
        let now = config.service.reenable_channel(of_team(request, team)).await.unwrap().into_inner();
        let now = now.channel.unwrap();
        assert_eq!((now.health(), now.health_epoch, now.recover_parked), (ChannelHealth::Healthy, 1, true));
        report(&config, team, &channel.id, ChannelHealth::Unhealthy, 0, 2).await;
        assert_eq!(got(&config, team, &channel.id).await.health(), ChannelHealth::Healthy, "of an older epoch");
        report(&config, team, &channel.id, ChannelHealth::Unhealthy, 1, 3).await;
        assert_eq!(got(&config, team, &channel.id).await.health(), ChannelHealth::Unhealthy);
        report(&config, team, &channel.id, ChannelHealth::Healthy, 1, 2).await;
        assert_eq!(got(&config, team, &channel.id).await.health(), ChannelHealth::Unhealthy, "overtaken");
    }

    async fn the_status_says_which_kinds_work(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let (first, second) = (config.slack(team, "#one").await, config.slack(team, "#two").await);
        report(&config, team, &second.id, ChannelHealth::Unhealthy, 0, 0).await;
        let request = GetIntegrationStatusRequest::default();
        let status = config.service.get_integration_status(of_team(request, team)).await.unwrap();
        let status = status.into_inner().integrations;
        let of = |kind: ChannelKind| status.iter().find(|status| status.kind() == kind).unwrap();
        let slack = of(ChannelKind::Slack);
        assert_eq!((slack.configured, slack.channel_count, slack.unhealthy_count), (true, 2, 1));
        assert_eq!((slack.health(), &slack.default_channel_id), (ChannelHealth::Unhealthy, &first.id));
        assert_eq!(slack.last_error, "404 no_service");
        assert!(!of(ChannelKind::Email).configured && of(ChannelKind::InApp).configured);
    }
}
