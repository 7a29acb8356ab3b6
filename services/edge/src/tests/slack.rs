//! "Add to Slack" as a browser meets it, before a stand-in of Config that knows three states.

use async_trait::async_trait;
use http::{Method, Request as HttpRequest, StatusCode};
use tonic::{Request, Response, Status};
use watchbell_contracts::api::ChannelApi;
use watchbell_contracts::config::v1::*;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use super::{Answer as Page, Body, World};
use crate::cookie::Cookies;
use crate::tests::fakes::TEAM;

const AUTHORIZE: &str = "https://slack.com/oauth/v2/authorize?client_id=1.2&state=good";

/// Knows the state `good`; `late` is too old and `used` is used up. The code says what Slack does.
pub(super) struct ChannelsStandIn;

type Answer<T> = Result<Response<T>, Status>;

fn stopped(reason: &'static str, message: &str) -> Status {
    let message = message.to_owned();
    Problem::Precondition { reason, message }.into()
}

fn known(principal: Option<&Principal>, state: &str) -> Result<(), Status> {
    assert_eq!(principal, Some(&Principal::Service));
    match state {
        "good" => Ok(()),
        "late" => Err(stopped("SLACK_STATE_EXPIRED", "it took too long")),
        "used" => Err(stopped("SLACK_STATE_USED", "it has been ended already")),
        "away" => Err(Problem::unavailable("the database is unavailable").into()),
        "demoted" => Err(Status::permission_denied("not any more")),
        _ => Err(Problem::invalid("state", "MALFORMED", "is not valid").into()),
    }
}

#[async_trait]
impl ChannelApi for ChannelsStandIn {
    async fn begin_slack_install(
        &self,
        request: Request<BeginSlackInstallRequest>,
    ) -> Answer<BeginSlackInstallResponse> {
        assert_eq!(request.extensions().get(), Some(&Principal::Service));
        assert_eq!(request.get_ref().team_id, TEAM);
        Ok(Response::new(BeginSlackInstallResponse {
            authorize_url: AUTHORIZE.to_owned(),
            ..BeginSlackInstallResponse::default()
        }))
    }

    async fn inspect_slack_install(
        &self,
        request: Request<InspectSlackInstallRequest>,
    ) -> Answer<InspectSlackInstallResponse> {
        known(request.extensions().get(), &request.get_ref().state)?;
        let expire_time = prost_types::Timestamp {
            seconds: 1_795_244_400,
            nanos: 0,
        };
        Ok(Response::new(InspectSlackInstallResponse {
            team_id: TEAM.to_owned(),
            team_display_name: "Acme <b>".to_owned(),
            authorize_url: AUTHORIZE.to_owned(),
            suggested_channel: "#watchbell-alerts".to_owned(),
            expire_time: Some(expire_time),
        }))
    }

    async fn complete_slack_install(
        &self,
        request: Request<CompleteSlackInstallRequest>,
    ) -> Answer<CompleteSlackInstallResponse> {
        known(request.extensions().get(), &request.get_ref().state)?;
        match request.get_ref().code.as_str() {
            "refused" => {
                return Err(stopped(
                    "SLACK_CODE_REFUSED",
                    "Slack says invalid_code: it came too late",
                ));
            }
            "misconfigured" => return Err(stopped("SLACK_APP_REFUSED", "Slack says bad_client_secret")),
            "full" => return Err(stopped("LIMIT_REACHED", "a team has at most 500 channels")),
            _ => {}
        }
        let slack = SlackDestination {
            workspace: "Acme HQ".to_owned(),
            configuration_url: "https://acme.slack.com/services/B1".to_owned(),
            ..SlackDestination::default()
        };
        let channel = Channel {
            display_name: "#alerts".to_owned(),
            is_default: true,
            destination: Some(channel::Destination::Slack(slack)),
            ..Channel::default()
        };
        Ok(Response::new(CompleteSlackInstallResponse {
            channel: Some(channel),
            reconnected: request.get_ref().code == "again",
            team_display_name: "Acme".to_owned(),
        }))
    }
}

/// In the browser that began.
async fn callback(query: &str) -> Page {
    let state = query.split('&').find_map(|pair| pair.strip_prefix("state="));
    let cookies = Cookies::new(&"https://bell.example.com".parse().unwrap());
    let cookie = cookies.begun(state.unwrap_or_default()).unwrap();
    callback_with(query, cookie.to_str().unwrap()).await
}

async fn callback_with(query: &str, cookie: &str) -> Page {
    let request = HttpRequest::get(format!("/integrations/slack/callback?{query}")).header("cookie", cookie);
    World::new().ask(request.body(Body::empty()).unwrap()).await
}

async fn install(query: &str, key: Option<&str>) -> Page {
    let mut request = HttpRequest::get(format!("/integrations/slack/install?{query}"));
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    World::new().ask(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_link_opens_a_page_that_says_what_slack_will_ask() {
    let page = install("link=good", None).await;
    assert_eq!(page.status, StatusCode::OK);
    page.says("Add Slack to Acme &lt;b&gt;");
    page.says("#watchbell-alerts");
    page.says("until 21 Nov 2026, 07:00 UTC");
    page.says(&AUTHORIZE.replace('&', "&amp;"));
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
}

#[tokio::test]
async fn a_key_that_may_configure_goes_straight_to_slack() {
    let answer = install("", Some("wbk_configures")).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::SEE_OTHER, AUTHORIZE)
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let named = install(&format!("team_id={TEAM}"), Some("wbk_configures")).await;
    assert_eq!(named.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nobody_begins_without_a_link_or_the_right_key() {
    for (query, key, status) in [
        ("", None, StatusCode::UNAUTHORIZED),
        ("", Some("wbk_wrong"), StatusCode::UNAUTHORIZED),
        ("", Some("wbk_emits"), StatusCode::FORBIDDEN),
        (
            "team_id=team_01h455vb4pex5vsknk084sn02r",
            Some("wbk_configures"),
            StatusCode::NOT_FOUND,
        ),
        ("link=forged", None, StatusCode::NOT_FOUND),
        ("link=late", None, StatusCode::GONE),
    ] {
        let page = install(query, key).await;
        assert_eq!(page.status, status, "{query} {key:?}");
        page.says("<h1>");
    }
}

#[tokio::test]
async fn what_was_added_is_shown_with_where_to_change_it() {
    let page = callback("code=c&state=good").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says("#alerts is connected</h1>");
    page.says("Slack workspace Acme HQ");
    page.says("default Slack channel");
    page.says("https://acme.slack.com/services/B1");
    callback("code=again&state=good")
        .await
        .says("#alerts is connected again");
}

#[tokio::test]
async fn only_the_browser_that_began_ends_it() {
    let link = install("link=good", None).await;
    let by_key = install("", Some("wbk_configures")).await;
    for begun in [&link, &by_key] {
        let cookie = begun.header("set-cookie");
        assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
        let page = callback_with("code=c&state=good", cookie).await;
        page.says("#alerts is connected</h1>");
        assert!(page.header("set-cookie").contains("Max-Age=0"), "it is used up");
        for query in [
            "code=c&state=good",
            "error=access_denied&state=good",
            "code=c&state=away",
        ] {
            let page = callback_with(query, "theme=dark").await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{query}");
            page.says("Another browser began this");
            assert!(!page.text.contains("slack.com/oauth"));
        }
        let other = callback_with("code=c&state=used", cookie).await;
        assert_eq!(other.status, StatusCode::FORBIDDEN, "it began with another state");
    }
}

#[tokio::test]
async fn whoever_cancels_is_told_that_nothing_happened_and_may_try_again() {
    let page = callback("error=access_denied&state=good").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says("Nothing was added");
    page.says("Try again");
    page.says(&AUTHORIZE.replace('&', "&amp;"));
    let strange = callback("error=%3Cscript%3Eno_way&state=good").await;
    strange.says("Slack says scriptno_way");
    assert_eq!(
        callback("error=access_denied&state=forged").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn every_failure_has_a_page_of_its_own() {
    for (query, status, words) in [
        ("code=c&state=late", StatusCode::GONE, "That took too long"),
        ("code=c&state=used", StatusCode::GONE, "This was done already"),
        (
            "code=c&state=forged",
            StatusCode::NOT_FOUND,
            "This link is not valid",
        ),
        ("code=c", StatusCode::NOT_FOUND, "This link is not valid"),
        ("state=good", StatusCode::NOT_FOUND, "This link is not valid"),
        (
            "code=c&state=demoted",
            StatusCode::FORBIDDEN,
            "You may not add channels",
        ),
        (
            "code=refused&state=good",
            StatusCode::BAD_GATEWAY,
            "Slack says invalid_code",
        ),
        (
            "code=misconfigured&state=good",
            StatusCode::BAD_GATEWAY,
            "Slack is not set up right",
        ),
        (
            "code=full&state=good",
            StatusCode::CONFLICT,
            "at most 500 channels",
        ),
        (
            "code=c&state=away",
            StatusCode::SERVICE_UNAVAILABLE,
            "did not work just now",
        ),
    ] {
        let page = callback(query).await;
        assert_eq!(page.status, status, "{query}");
        page.says(words);
    }
    assert!(
        !callback("code=misconfigured&state=good")
            .await
            .text
            .contains("bad_client_secret")
    );
}

#[tokio::test]
async fn only_looking_ends_nothing() {
    let request = HttpRequest::builder()
        .method(Method::HEAD)
        .uri("/integrations/slack/callback?code=c&state=forged")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        World::new().ask(request).await.status,
        StatusCode::NO_CONTENT,
        "Config was not asked"
    );
}
