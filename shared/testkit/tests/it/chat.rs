//! Slack and Teams.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};
use url::Url;
use watchbell_egress::{EgressPolicy, Guard, HttpClient};
use watchbell_testkit::{SlackReply, SlackStandIn, TeamsFlavour, TeamsReply, TeamsStandIn};

use crate::{post, post_json};

#[tokio::test]
async fn slack_shows_what_is_right_and_answers_its_own_words_to_the_rest() {
    let slack = SlackStandIn::start().await.unwrap();
    let hook = slack.webhook_url("T1", "B1", "token");
    let hello = json!({"text": "hello"});
    let too_long =
        json!({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}}]});

    assert_eq!(post_json(&hook, &hello).await, (200, "ok".to_owned()));
    assert_eq!(post_json(&hook, &json!({})).await, (400, "no_text".to_owned()));
    assert_eq!(
        post_json(&hook, &too_long).await,
        (400, "invalid_blocks".to_owned())
    );
    assert_eq!(post(&hook, "application/json", "{").await.unwrap().status, 400);
    assert_eq!(
        post_json(&slack.webhook_url("T1", "X1", "t"), &hello).await,
        (404, "no_service".to_owned())
    );

    slack.break_webhook(&hook, 410, "channel_is_archived");
    assert_eq!(
        post_json(&hook, &hello).await,
        (410, "channel_is_archived".to_owned())
    );
    slack.revoke_webhook(&hook);
    assert_eq!(post_json(&hook, &hello).await, (404, "no_service".to_owned()));
    slack.mend_webhook(&hook);

    slack.reply_next(SlackReply::RateLimited(30));
    let limited = post(&hook, "application/json", hello.to_string()).await.unwrap();
    assert_eq!(
        (limited.status.as_u16(), &limited.headers["retry-after"]),
        (429, &"30".parse().unwrap())
    );

    let form = format!(
        "payload={}",
        url::form_urlencoded::byte_serialize(b"{\"text\":\"by form\"}").collect::<String>()
    );
    post(&hook, "application/x-www-form-urlencoded", form)
        .await
        .unwrap();
    let shown = slack.wait_for(2).await.unwrap();
    assert_eq!(
        shown
            .iter()
            .map(|message| &message.body["text"])
            .collect::<Vec<_>>(),
        ["hello", "by form"]
    );
    assert_eq!(slack.received().len(), 9);
    assert_eq!(slack.messages_at(&hook).len(), 2);
}

#[tokio::test]
async fn slack_grants_a_webhook_for_a_code_once() {
    let slack = SlackStandIn::start().await.unwrap();
    slack.register_client("id", "secret");
    let policy = EgressPolicy::allowing_loopback();
    let client = HttpClient::new(Guard::new(policy.clone()));
    let authorize = |client_id: &str| {
        let back = "https%3A%2F%2Fwatchbell.example%2Fslack%2Fcallback";
        let query = format!("client_id={client_id}&scope=incoming-webhook&redirect_uri={back}&state=st");
        policy
            .check_url(&format!("{}/oauth/v2/authorize?{query}", slack.url()))
            .unwrap()
    };
    let get = async |url| {
        client
            .get(&url, HeaderMap::new(), Duration::from_secs(5), 4096)
            .await
            .unwrap()
    };

    assert_eq!(get(authorize("stranger")).await.status, 400);
    slack.deny_next_authorisation();
    let denied = get(authorize("id")).await;
    assert!(
        denied.headers["location"]
            .to_str()
            .unwrap()
            .contains("error=access_denied")
    );

    let granted = get(authorize("id")).await;
    assert_eq!(granted.status, 302);
    let back = Url::parse(granted.headers["location"].to_str().unwrap()).unwrap();
    let field = |name: &str| {
        back.query_pairs()
            .find(|(key, _)| key == name)
            .unwrap()
            .1
            .into_owned()
    };
    assert_eq!(field("state"), "st");

    let redeem = async |secret: &str| {
        let url = format!("{}/api/oauth.v2.access", slack.url());
        let form = format!("client_id=id&client_secret={secret}&code={}", field("code"));
        let answer = post(&url, "application/x-www-form-urlencoded", form)
            .await
            .unwrap();
        serde_json::from_slice::<Value>(&answer.body_prefix).unwrap()
    };
    assert_eq!(redeem("guess").await["error"], "bad_client_secret");
    let access = redeem("secret").await;
    assert_eq!(access["ok"], true);
    let hook = access["incoming_webhook"]["url"].as_str().unwrap();
    assert_eq!(post_json(hook, &json!({"text": "it works"})).await.0, 200);
    assert_eq!(redeem("secret").await["error"], "invalid_code");
}

fn envelope(card: &Value) -> Value {
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card}]})
}

fn card(text: &str) -> Value {
    json!({"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "TextBlock", "text": text}],
        "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": "https://example.com"}]})
}

#[tokio::test]
async fn a_workflow_accepts_everything_and_shows_only_what_is_right() {
    let teams = TeamsStandIn::start().await.unwrap();
    let url = teams.workflow_url();
    assert_eq!(
        post_json(&url, &envelope(&card("fine"))).await,
        (202, String::new())
    );
    let mut submit = card("no");
    submit["actions"][0] = json!({"type": "Action.Submit", "title": "x"});
    for bad in [card("no")["body"].clone(), envelope(&submit)] {
        let status = if bad.is_object() { 202 } else { 400 };
        assert_eq!(post_json(&url, &bad).await.0, status);
    }
    assert_eq!(
        post_json(&url, &envelope(&card(&"x".repeat(24_000)))).await.0,
        202
    );
    let shown = teams.wait_for(1).await.unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].card().unwrap()["body"][0]["text"], "fine");
    assert_eq!(shown[0].flavour, TeamsFlavour::Workflow);
    let problems: Vec<_> = teams
        .received()
        .into_iter()
        .filter_map(|message| message.problem)
        .collect();
    assert_eq!(problems.len(), 3);
    assert!(problems[2].contains("28 KB"), "{problems:?}");
}

#[tokio::test]
async fn a_connector_says_one_or_hides_the_failure_in_its_text() {
    let teams = TeamsStandIn::start().await.unwrap();
    let url = teams.connector_url();
    assert_eq!(
        post_json(&url, &envelope(&card("fine"))).await,
        (200, "1".to_owned())
    );
    let (status, text) = post_json(&url, &envelope(&card(&"x".repeat(24_000)))).await;
    assert!(
        status == 200 && text.contains("returned HTTP error 413"),
        "{status} {text}"
    );
    teams.reply_next(TeamsReply::HiddenError(429));
    let (status, text) = post_json(&url, &envelope(&card("later"))).await;
    assert!(
        status == 200 && text.contains("returned HTTP error 429"),
        "{status} {text}"
    );
    assert_eq!(
        post_json(&url, &json!({"type": "message"})).await,
        (400, "Summary or Text is required.".to_owned())
    );
    teams.reply_next(TeamsReply::RateLimited(7));
    assert_eq!(post_json(&url, &envelope(&card("later"))).await.0, 429);
    assert_eq!(teams.messages().len(), 1);
}
