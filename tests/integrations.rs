//! An integration's whole life: added by Slack's own pages, used, looked at, removed; and what Owners hear of it.

use http::StatusCode;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::{
    BeginSlackInstallRequest, ChannelHealth, CreateMemberRequest, DeleteChannelRequest,
    GetIntegrationStatusRequest, IntegrationStatus, ListChannelsRequest, Member, Role,
};
use watchbell_contracts::dispatcher::v1::{ListDeliveriesRequest, ListNotificationsRequest};
use watchbell_contracts::event::v1::ChannelKind;
use watchbell_egress::Answer;
use watchbell_testkit::SlackStandIn;

use crate::harness::{
    Browser, Client, Database, Process, Serve, eventually, finding, on_both_databases, text,
};

/// Everything in one process, whose Slack is the stand-in.
async fn serve(database: &Database, slack: &SlackStandIn) -> Process {
    slack.register_client("1.2", "of-the-app");
    let serve = Serve::all(database)
        .env("WATCHBELL__CONFIG__SLACK__CLIENT_ID", "1.2")
        .env("WATCHBELL__CONFIG__SLACK__CLIENT_SECRET", "of-the-app")
        .env("WATCHBELL__CONFIG__SLACK__BASE_URL", slack.url());
    let address = serve.address();
    serve
        .env("WATCHBELL__BRAND__PUBLIC_URL", format!("http://{address}"))
        .start()
        .await
}

async fn begin(client: &Client, team: &str) -> config::BeginSlackInstallResponse {
    let request = BeginSlackInstallRequest {
        team_id: team.to_owned(),
        ..Default::default()
    };
    client
        .channels()
        .begin_slack_install(request)
        .await
        .expect("it begins")
        .into_inner()
}

/// The link to Slack that a page has.
fn to_slack(page: &Answer, slack: &SlackStandIn) -> String {
    let page = text(page);
    let (_, link) = page
        .split_once(&format!("href=\"{}", slack.url()))
        .unwrap_or_else(|| panic!("no link in {page}"));
    let link = link.split('"').next().unwrap_or_default();
    format!("{}{}", slack.url(), link.replace("&amp;", "&"))
}

async fn status(client: &Client, team: &str, kind: ChannelKind) -> IntegrationStatus {
    let request = GetIntegrationStatusRequest {
        team_id: team.to_owned(),
    };
    let answer = client
        .teams()
        .get_integration_status(request)
        .await
        .expect("a status")
        .into_inner();
    assert!(!answer.dispatcher_away);
    answer
        .integrations
        .into_iter()
        .find(|status| status.kind() == kind)
        .expect("one of each kind")
}

on_both_databases! {
    async fn slack_is_added_by_a_browser_and_alerts_arrive(database: Database) {
        let slack = SlackStandIn::start().await.unwrap();
        let process = serve(&database, &slack).await;
        let client = Client::admin(&process);
        let team = client.team("Acme").await;
        let browser = Browser::new();

        let begun = begin(&client, &team).await;
        let page = browser.open(&begun.install_url).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(text(&page).contains("Add Slack to Acme"), "{}", text(&page));
        assert_eq!(begun.authorize_url, "", "only the page leads to Slack");
        let approved = browser.open(&to_slack(&page, &slack)).await;
        let back = approved.headers["location"].to_str().unwrap().to_owned();
        let elsewhere = Browser::new().open(&back).await;
        assert_eq!(elsewhere.status, StatusCode::FORBIDDEN, "a browser that never began ends nothing");
        let done = browser.open(&back).await;
        assert!(text(&done).contains("#watchbell-alerts is connected"), "{}", text(&done));
        let again = browser.open(&back).await;
        assert_eq!(again.status, StatusCode::GONE, "{}", text(&again));

        client.emit(&team, finding("f-1")).await.unwrap();
        slack.wait_for(1).await.unwrap();
        let seen = eventually("the status tells of it", || async {
            Some(status(&client, &team, ChannelKind::Slack).await).filter(|seen| seen.last_success_time.is_some())
        });
        let seen = seen.await;
        assert_eq!((seen.configured, seen.channel_count, seen.health()), (true, 1, ChannelHealth::Healthy));
        assert!(!seen.default_channel_id.is_empty());
    }

    async fn whoever_cancels_at_slack_adds_nothing(database: Database) {
        let slack = SlackStandIn::start().await.unwrap();
        let process = serve(&database, &slack).await;
        let client = Client::admin(&process);
        let team = client.team("Acme").await;
        let browser = Browser::new();
        let begun = begin(&client, &team).await;
        slack.deny_next_authorisation();
        let page = browser.open(&begun.install_url).await;
        let denied = browser.open(&to_slack(&page, &slack)).await;
        let page = browser.open(denied.headers["location"].to_str().unwrap()).await;
        assert!(text(&page).contains("Nothing was added"), "{}", text(&page));
        let request = ListChannelsRequest { team_id: team.clone(), ..Default::default() };
        let listed = client.channels().list_channels(request).await.unwrap().into_inner();
        assert!(listed.channels.is_empty());
    }

    async fn owners_hear_that_an_integration_was_removed(database: Database) {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Acme").await;
        let member = Member { email: "ada@acme.example".to_owned(), role: Role::Owner.into(), ..Default::default() };
        let request = CreateMemberRequest { team_id: team.clone(), member: Some(member), validate_only: false };
        let ada = client.teams().create_member(request).await.unwrap().into_inner().member.unwrap();
        let (channel, _) = client.webhook(&team, "siem", "http://127.0.0.1:9/", &["*"]).await;
        let request = DeleteChannelRequest { team_id: team.clone(), channel_id: channel, etag: String::new() };
        client.channels().delete_channel(request).await.unwrap();

        let told = eventually("Ada finds it in her inbox", || async {
            let request = ListNotificationsRequest {
                team_id: team.clone(),
                member_id: ada.id.clone(),
                ..Default::default()
            };
            let listed = client.inbox().list_notifications(request).await.ok()?.into_inner();
            listed.notifications.into_iter().next()
        });
        assert_eq!(told.await.title, "The webhook siem was removed");
        let request = ListDeliveriesRequest {
            team_id: team.clone(),
            event_type: "channel.removed".to_owned(),
            kind: ChannelKind::Email.into(),
            ..Default::default()
        };
        let mails = client.dispatcher().list_deliveries(request).await.unwrap().into_inner().deliveries;
        assert_eq!(mails.len(), 1, "and gets an email");
    }

    async fn an_expression_that_fails_is_counted_shown_and_told_to_owners(database: Database) {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Acme").await;
        let member = Member { email: "ada@acme.example".to_owned(), role: Role::Owner.into(), ..Default::default() };
        let request = CreateMemberRequest { team_id: team.clone(), member: Some(member), validate_only: false };
        let ada = client.teams().create_member(request).await.unwrap().into_inner().member.unwrap();
        let filter = config::EventFilter {
            types: vec!["*".to_owned()],
            expression: "event.data.score > 7".to_owned(),
            ..Default::default()
        };
        let webhook = config::WebhookDestination {
            url: "http://127.0.0.1:9/".to_owned(),
            filter: Some(filter),
            ..Default::default()
        };
        let channel = config::Channel {
            display_name: "scores".to_owned(),
            destination: Some(config::channel::Destination::Webhook(webhook)),
            ..Default::default()
        };
        let (channel, _) = client.channel(&team, channel).await.unwrap();
        for number in 0..3 {
            client.emit(&team, finding(&format!("f-{number}"))).await.unwrap();
        }
        let shown = eventually("the status shows all three", || async {
            let request = GetIntegrationStatusRequest { team_id: team.clone() };
            let status = client.teams().get_integration_status(request).await.ok()?.into_inner();
            status.expression_failures.into_iter().find(|failure| failure.count == 3)
        })
        .await;
        assert_eq!(shown.owner, Some(config::expression_failure::Owner::ChannelId(channel)));
        assert!(shown.error.contains("score") && shown.display_name == "scores", "{shown:?}");
        eventually("Ada finds it in her inbox", || async {
            let request = ListNotificationsRequest {
                team_id: team.clone(),
                member_id: ada.id.clone(),
                ..Default::default()
            };
            let listed = client.inbox().list_notifications(request).await.ok()?.into_inner();
            listed.notifications.into_iter().find(|one| one.title == "The expression of the channel “scores” failed")
        })
        .await;
    }
}
