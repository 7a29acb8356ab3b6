use watchbell_contracts::config::v1::ChannelSecrets;
use watchbell_model::alert_link::AlertLink;
use watchbell_model::mention::{Mention, TeamsUser};
use watchbell_testkit::{SlackReply, SlackStandIn, TeamsReply, TeamsStandIn};

use super::*;

fn at_url(destination: Destination, url: &str) -> ResolvedChannel {
    channel(
        destination,
        ChannelSecrets {
            url: url.to_owned(),
            ..ChannelSecrets::default()
        },
    )
}

fn slack_at(url: &str) -> ResolvedChannel {
    at_url(Destination::Slack(config::SlackDestination::default()), url)
}

fn teams_at(url: &str) -> ResolvedChannel {
    at_url(Destination::Teams(config::TeamsDestination::default()), url)
}

#[tokio::test]
async fn slack_takes_every_message_hostile_ones_and_summaries_included() {
    let slack = SlackStandIn::start().await.unwrap();
    let channel = slack_at(&slack.any_webhook_url());
    for event in [
        fixtures::event("finding.created"),
        fixtures::hostile(),
        fixtures::summary(2_000),
        AcceptedEvent {
            test: true,
            ..fixtures::event("scan.failed")
        },
    ] {
        let mut outgoing = to_channel(event, ChannelKind::Slack);
        Arc::make_mut(&mut outgoing.route).mentions =
            vec![Mention::Here, Mention::SlackUser("U012AB3CD".parse().unwrap())];
        let result = local().send(&outgoing, &channel).await;
        assert_eq!(result.outcome, AttemptOutcome::Delivered, "{result:?}");
        assert_eq!((result.status_code, result.response_body.as_str()), (200, "ok"));
        assert!(result.latency > Duration::ZERO);
    }
    assert_eq!(slack.messages().len(), 4);
}

#[tokio::test]
async fn a_slack_url_is_a_secret_and_a_removed_webhook_breaks_the_channel() {
    let slack = SlackStandIn::start().await.unwrap();
    let url = slack.any_webhook_url();
    slack.revoke_webhook(&url);
    let result = local()
        .send(
            &to_channel(fixtures::event("finding.created"), ChannelKind::Slack),
            &slack_at(&url),
        )
        .await;
    assert_eq!(
        (result.outcome, result.channel_broken),
        (AttemptOutcome::Permanent, true)
    );
    assert_eq!(result.error_code, "slack.no_service");
    shows_none_of(&result, &["/services/"]);
}

#[tokio::test]
async fn slacks_retry_after_is_passed_on() {
    let slack = SlackStandIn::start().await.unwrap();
    slack.reply_next(SlackReply::RateLimited(7));
    let outgoing = to_channel(fixtures::event("finding.created"), ChannelKind::Slack);
    let result = local().send(&outgoing, &slack_at(&slack.any_webhook_url())).await;
    assert_eq!(
        result.outcome,
        AttemptOutcome::Retryable {
            retry_after: Some(Duration::from_secs(7))
        }
    );
}

#[tokio::test]
async fn teams_takes_every_card_by_both_doors() {
    let teams = TeamsStandIn::start().await.unwrap();
    for event in [
        fixtures::event("finding.created"),
        fixtures::hostile(),
        fixtures::summary(2_000),
    ] {
        let mut outgoing = to_channel(event, ChannelKind::Teams);
        let boss = Mention::TeamsUser(TeamsUser {
            id: "boss@acme.example".to_owned(),
            name: "Boss".to_owned(),
        });
        Arc::make_mut(&mut outgoing.route).mentions = vec![boss];
        let workflow = local().send(&outgoing, &teams_at(&teams.workflow_url())).await;
        assert_eq!(workflow.outcome, AttemptOutcome::Accepted, "{workflow:?}");
        let connector = local().send(&outgoing, &teams_at(&teams.connector_url())).await;
        assert_eq!(connector.outcome, AttemptOutcome::Delivered, "{connector:?}");
    }
    assert_eq!(teams.messages().len(), 6);
    assert!(teams.messages().iter().all(|message| message.bytes < 20_000));
}

#[tokio::test]
async fn a_throttle_that_a_connector_hides_is_tried_again() {
    let teams = TeamsStandIn::start().await.unwrap();
    teams.reply_next(TeamsReply::HiddenError(429));
    let outgoing = to_channel(fixtures::event("finding.created"), ChannelKind::Teams);
    let result = local().send(&outgoing, &teams_at(&teams.connector_url())).await;
    assert_eq!(
        (result.outcome, result.error_code.as_str()),
        (LATER, "teams.rate_limited")
    );
}

#[tokio::test]
async fn a_chat_gets_a_link_of_its_own_to_acknowledge_which_no_answer_shows() {
    let slack = SlackStandIn::start().await.unwrap();
    let teams = TeamsStandIn::start().await.unwrap();
    let to_slack = to_channel(fixtures::open_alert(), ChannelKind::Slack);
    let to_teams = to_channel(fixtures::open_alert(), ChannelKind::Teams);
    local().send(&to_slack, &slack_at(&slack.any_webhook_url())).await;
    local().send(&to_teams, &teams_at(&teams.workflow_url())).await;
    let sent = [
        (to_slack, slack.messages()[0].body.to_string()),
        (to_teams, teams.messages()[0].body.to_string()),
    ];
    for (outgoing, body) in sent {
        let (_, token) = body
            .split_once("https://bell.example.com/acknowledge?token=")
            .unwrap();
        let token = token.split('"').next().unwrap();
        let link = AlertLink::verify(&local().deps.link_keys, token).unwrap();
        let Target::Channel(id) = outgoing.route.target else {
            unreachable!()
        };
        assert_eq!(link.holder, LinkHolder::Channel(id));
        assert_eq!(link.expires_at, fixtures::noon() + chrono::TimeDelta::days(30));
    }
}
