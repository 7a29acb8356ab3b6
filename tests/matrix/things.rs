//! What a team has of everything, and requests that name it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost_reflect::DynamicMessage;
use prost_reflect::prost::Message as _;
use serde_json::Value;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::dispatcher::v1::{ListDeliveriesRequest, ListNotificationsRequest};
use watchbell_contracts::event::v1::Mention;
use watchbell_contracts::event::v1::mention::Who;
use watchbell_model::ChannelKind;
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_model::convert::{FromWire as _, timestamp};
use watchbell_runtime::auth::hash_key;

use crate::harness::{Client, eventually, finding};

/// The names of a team and of one thing of each kind.
#[derive(Debug, Clone)]
pub(super) struct Things(Vec<(&'static str, String)>);

impl Things {
    /// A well-formed name for everything, and nothing that has it.
    pub(super) fn made_up(team: &str, key: &str) -> Self {
        let id = |prefix: &str| format!("{prefix}_01h455vb4pex5vsknk084sn02q");
        Self(vec![
            ("$team", team.to_owned()),
            ("$member", id("mbr")),
            ("$channel", id("chn")),
            ("$email", id("chn")),
            ("$rule", id("rul")),
            ("$mention_rule", id("rul")),
            ("$silence", id("sil")),
            ("$key", id("key")),
            ("$event_type", "made.up".to_owned()),
            ("$event", "made-up".to_owned()),
            ("$alert", "finding_id=made-up".to_owned()),
            ("$soon", soon()),
            ("$delivery", id("dlv")),
            ("$notification", id("ntf")),
            ("$key_sha256", sha256(key)),
        ])
    }

    /// What has this name.
    pub(super) fn id(&self, name: &str) -> &str {
        let mut things = self.0.iter();
        things
            .find(|(known, _)| *known == name)
            .map_or("", |(_, id)| id.as_str())
    }

    /// Makes one of each for a team that has a member, by somebody who may do everything.
    pub(super) async fn furnish(admin: &Client, team: &str, member: &str) -> Self {
        let team_id = team.to_owned();
        let (channel, _) = admin.webhook(team, "w", "http://127.0.0.1:9/", &["*"]).await;
        let email = config::channel::Destination::Email(config::EmailDestination {
            recipients: vec!["list@acme.example".to_owned()],
            ..Default::default()
        });
        let email = config::Channel {
            display_name: "e".to_owned(),
            destination: Some(email),
            ..Default::default()
        };
        let (email, _) = admin.channel(team, email).await.expect("an email channel");
        let rule = config::CreateRuleRequest {
            team_id: team_id.clone(),
            rule: Some(config::Rule {
                display_name: "r".to_owned(),
                action: Some(config::rule::Action::Silence(config::SilenceAction::default())),
                ..Default::default()
            }),
            ..Default::default()
        };
        let rule = admin
            .routing()
            .create_rule(rule)
            .await
            .expect("a rule")
            .into_inner()
            .rule;
        let mention = config::CreateMentionRuleRequest {
            team_id: team_id.clone(),
            mention_rule: Some(config::MentionRule {
                types: vec!["*".to_owned()],
                mentions: vec![Mention {
                    who: Some(Who::Here(true)),
                }],
                ..Default::default()
            }),
            ..Default::default()
        };
        let mention = admin
            .routing()
            .create_mention_rule(mention)
            .await
            .expect("a mention rule");
        let end = SystemClock::new().now() + chrono::TimeDelta::hours(1);
        let silence = config::CreateSilenceRequest {
            team_id: team_id.clone(),
            silence: Some(config::Silence {
                kinds: vec![ChannelKind::Teams.to_wire()],
                end_time: Some(timestamp(end)),
                comment: "s".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let silence = admin
            .silences()
            .create_silence(silence)
            .await
            .expect("a silence")
            .into_inner()
            .silence;
        let key = config::CreateApiKeyRequest {
            team_id: team_id.clone(),
            api_key: Some(config::ApiKey {
                display_name: "k".to_owned(),
                scopes: vec![config::Scope::Emit.into()],
                ..Default::default()
            }),
        };
        let key = admin
            .teams()
            .create_api_key(key)
            .await
            .expect("a key")
            .into_inner()
            .api_key;
        let event_type = format!(
            "own.{}",
            team.rsplit('_')
                .next()
                .unwrap_or_default()
                .replace(|c: char| c.is_ascii_digit(), "x")
        );
        let event_type_request = config::CreateEventTypeRequest {
            team_id: team_id.clone(),
            event_type: Some(config::EventType {
                name: event_type.clone(),
                title: "Own".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        admin
            .catalog()
            .create_event_type(event_type_request)
            .await
            .expect("an event type");
        let event = format!("evt-{team}");
        admin.emit(team, finding(&event)).await.expect("an event");
        let list = ListDeliveriesRequest {
            team_id: team_id.clone(),
            channel_id: channel.clone(),
            ..Default::default()
        };
        let delivery = eventually("there is a delivery", || async {
            let listed = admin.dispatcher().list_deliveries(list.clone()).await.ok()?;
            Some(listed.into_inner().deliveries.pop()?.id)
        });
        let inbox = ListNotificationsRequest {
            team_id,
            member_id: member.to_owned(),
            ..Default::default()
        };
        let notification = eventually("there is a notification", || async {
            let listed = admin.inbox().list_notifications(inbox.clone()).await.ok()?;
            Some(listed.into_inner().notifications.pop()?.id)
        });
        Self(vec![
            ("$team", team.to_owned()),
            ("$member", member.to_owned()),
            ("$channel", channel),
            ("$email", email),
            ("$rule", rule.unwrap_or_default().id),
            (
                "$mention_rule",
                mention.into_inner().mention_rule.unwrap_or_default().id,
            ),
            ("$silence", silence.unwrap_or_default().id),
            ("$key", key.unwrap_or_default().id),
            ("$event_type", event_type),
            ("$alert", format!("finding_id={event}")),
            ("$soon", soon()),
            ("$event", event),
            ("$delivery", delivery.await),
            ("$notification", notification.await),
        ])
    }

    /// The same things, said to be another team's.
    pub(super) fn in_team(&self, team: &str) -> Self {
        let mut things = self.clone();
        things.0[0].1 = team.to_owned();
        things
    }

    /// Whether an answer tells of any of these things.
    pub(super) fn are_told_by(&self, answer: &DynamicMessage) -> bool {
        let answer = answer.encode_to_vec();
        let is_told = |name: &str| answer.windows(name.len()).any(|part| part == name.as_bytes());
        self.0
            .iter()
            .any(|(placeholder, name)| *placeholder != "$team" && is_told(name))
    }

    /// A request with the names of these things.
    pub(super) fn named_in(&self, request: &str) -> Value {
        let nowhere = "team_01h455vb4pex5vsknk084sn02q";
        let mut value: Value = serde_json::from_str(request).expect("JSON");
        self.fill(&mut value, nowhere);
        value
    }

    fn fill(&self, value: &mut Value, nowhere: &str) {
        match value {
            Value::String(text) if text == "$nowhere" => nowhere.clone_into(text),
            Value::String(text) if text.starts_with('$') => {
                let (_, name) = self
                    .0
                    .iter()
                    .find(|(placeholder, _)| placeholder == text)
                    .expect("a thing");
                name.clone_into(text);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item, nowhere)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.fill(field, nowhere)),
            _ => {}
        }
    }
}

/// How Config knows a key.
/// An instant that lies ahead.
fn soon() -> String {
    (SystemClock::new().now() + chrono::TimeDelta::hours(1)).to_rfc3339()
}

fn sha256(key: &str) -> String {
    BASE64.encode(hash_key(key))
}
