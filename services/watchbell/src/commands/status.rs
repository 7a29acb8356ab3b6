//! `status`: one line for each kind of channel, and the expressions that fail.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use watchbell_contracts::config::v1::expression_failure::Owner;
use watchbell_contracts::config::v1::{
    ExpressionFailure, GetIntegrationStatusRequest, GetIntegrationStatusResponse, IntegrationStatus,
};
use watchbell_model::text::times;

use crate::failure::Outcome;
use crate::session::Session;
use crate::text::{self, Style, Table};

pub(super) async fn run(session: &Session) -> Outcome {
    let out = session.out;
    let request = GetIntegrationStatusRequest {
        team_id: session.team(),
    };
    let answer: GetIntegrationStatusResponse = session
        .teams()
        .get_integration_status(session.ask(request))
        .await?
        .into_inner();
    let names = session.channel_names().await;
    out.show(
        "watchbell.config.v1.GetIntegrationStatusResponse",
        &answer,
        || render(&answer, &names, session.now(), out.style, out.width),
    )
}

fn render(
    answer: &GetIntegrationStatusResponse,
    names: &HashMap<String, String>,
    now: DateTime<Utc>,
    style: Style,
    width: Option<usize>,
) -> String {
    let mut table = Table::new(&[
        "KIND",
        "HEALTH",
        "CHANNELS",
        "DEFAULT",
        "LAST SUCCESS",
        "OLDEST WAITING",
        "LAST ERROR",
    ]);
    for status in &answer.integrations {
        let health = if status.configured {
            style.state(&text::health(status.health))
        } else {
            style.faint("not set up")
        };
        let count = match (status.channel_count, status.unhealthy_count) {
            (0, _) => style.faint("-"),
            (count, 0) => count.to_string(),
            (count, unhealthy) => format!("{count}, {unhealthy} unhealthy"),
        };
        let default = names.get(&status.default_channel_id);
        table.row([
            text::kind(status.kind),
            health,
            count,
            default.unwrap_or(&status.default_channel_id).clone(),
            text::ago(status.last_success_time.as_ref(), now),
            text::ago(status.oldest_waiting_time.as_ref(), now),
            last_error(status, now, style),
        ]);
    }
    let mut shown = table.render(style, width, "nothing is set up");
    for warning in answer.integrations.iter().flat_map(|status| &status.warnings) {
        shown = format!("{}\n\n{}", shown.trim_end(), style.warn(warning));
    }
    if !answer.expression_failures.is_empty() {
        shown = shown.trim_end().to_owned();
        shown.push_str("\n\n");
        shown.push_str(&style.warn("Expressions that failed this week, which counts as no match:"));
        for failure in &answer.expression_failures {
            shown.push('\n');
            shown.push_str(&expression_failure(failure, now));
        }
        shown.push_str("\nAsk for a field first that not every event has: has(event.data.score) && event.data.score > 7.");
    }
    if !answer.unconfirmed_recipients.is_empty() {
        shown = shown.trim_end().to_owned();
        shown.push_str("\n\n");
        shown.push_str(&style.warn("Recipients who get nothing until they confirm:"));
        for recipient in &answer.unconfirmed_recipients {
            shown.push_str("\n  ");
            shown.push_str(&text::unconfirmed(recipient));
        }
        shown.push_str("\nAsk one again: watchbell preferences ask-again ADDRESS");
    }
    if answer.dispatcher_away {
        shown = shown.trim_end().to_owned();
        shown.push_str("\n\n");
        shown.push_str(
            &style.warn("The Dispatcher did not answer: what was delivered and what waits is not shown."),
        );
    }
    format!("{}\n", shown.trim_end())
}

/// Bound of the expressions that are shown in full, in characters.
const EXPRESSION: usize = 200;

fn expression_failure(failure: &ExpressionFailure, now: DateTime<Utc>) -> String {
    let (kind, id) = match &failure.owner {
        Some(Owner::ChannelId(id)) => ("channel", id.as_str()),
        Some(Owner::RuleId(id)) => ("rule", id.as_str()),
        None => ("", ""),
    };
    let times = times(failure.count);
    let when = text::ago(failure.last_time.as_ref(), now);
    let expression: String = failure.expression.chars().take(EXPRESSION).collect();
    format!(
        "  {kind} “{}” ({id}): {times}, last {when}: {}\n    {expression}",
        failure.display_name, failure.error
    )
}

/// When it was comes first, since the words may be long; one that something got through after is only history.
fn last_error(status: &IntegrationStatus, now: DateTime<Utc>, style: Style) -> String {
    let when = text::ago(status.last_error_time.as_ref(), now);
    let said = match (when.as_str(), status.last_error.as_str()) {
        (_, "") => return String::new(),
        ("", error) => error.to_owned(),
        (when, error) => format!("{when}: {error}"),
    };
    let error = text::moment(status.last_error_time.as_ref());
    let over = text::moment(status.last_success_time.as_ref()).is_some_and(|success| Some(success) > error);
    if over { style.faint(&said) } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_contracts::config::v1::ChannelHealth;
    use watchbell_contracts::event::v1::ChannelKind;

    fn shown(answer: &GetIntegrationStatusResponse) -> String {
        let names = HashMap::from([("chn_1".to_owned(), "#alerts".to_owned())]);
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        render(answer, &names, now, Style::new(false), None)
    }

    fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos: 0 })
    }

    #[test]
    fn a_kind_shows_what_got_through_what_waits_and_what_went_wrong_last() {
        let slack = IntegrationStatus {
            kind: ChannelKind::Slack.into(),
            configured: true,
            default_channel_id: "chn_1".to_owned(),
            health: ChannelHealth::Unhealthy.into(),
            channel_count: 2,
            unhealthy_count: 1,
            last_success_time: at(999_700),
            last_error: "404 no_service".to_owned(),
            oldest_waiting_time: at(999_820),
            last_error_time: at(999_940),
            ..IntegrationStatus::default()
        };
        let email = IntegrationStatus {
            kind: ChannelKind::Email.into(),
            channel_count: 1,
            warnings: vec!["The channel “ops” has no mail server.".to_owned()],
            ..IntegrationStatus::default()
        };
        let teams = IntegrationStatus {
            kind: ChannelKind::Teams.into(),
            ..IntegrationStatus::default()
        };
        let mut answer = GetIntegrationStatusResponse {
            integrations: vec![slack, teams, email],
            ..GetIntegrationStatusResponse::default()
        };
        let text = shown(&answer);
        let lines: Vec<_> = text.lines().collect();
        for part in [
            "slack",
            "UNHEALTHY",
            "2, 1 unhealthy",
            "#alerts",
            "5 min ago",
            "3 min ago",
            "1 min ago: 404 no_service",
        ] {
            assert!(lines[1].contains(part), "{part} in {text}");
        }
        assert!(lines[2].contains("not set up"), "{text}");
        assert!(
            text.ends_with("\n\nThe channel “ops” has no mail server.\n"),
            "{text}"
        );
        assert!(!text.contains("did not answer"));
        answer.dispatcher_away = true;
        assert!(shown(&answer).contains("The Dispatcher did not answer"));
    }

    #[test]
    fn expressions_that_fail_are_shown_with_what_to_do() {
        let failure = ExpressionFailure {
            owner: Some(Owner::RuleId("rul_1".to_owned())),
            count: 12,
            error: "No such key: score".to_owned(),
            last_time: at(999_940),
            display_name: "Production".to_owned(),
            expression: "event.data.score > 7".to_owned(),
        };
        let text = shown(&GetIntegrationStatusResponse {
            expression_failures: vec![failure],
            ..GetIntegrationStatusResponse::default()
        });
        for part in [
            "rule “Production” (rul_1): 12 times, last 1 min ago: No such key: score",
            "    event.data.score > 7",
            "has(event.data.score)",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
