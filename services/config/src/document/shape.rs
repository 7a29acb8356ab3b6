//! The document's keys for the fields of messages. One table serves for reading, for printing, for
//! differences and for the paths of violations.

use watchbell_model::ChannelKind;
use watchbell_model::violation::Violations;

/// A mapping of the document that stands for a message.
pub(super) struct Shape {
    /// The full name of the message's type.
    pub(super) message: &'static str,
    /// In the order in which they are written. None where the message is written as one text.
    keys: &'static [&'static [Key]],
}

/// A key of a mapping.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// The field, or the path of one in a message below, `webhook.url`.
    pub(super) field: &'static str,
    pub(super) form: Form,
}

/// The special treatment of a key's value.
pub(super) enum Form {
    Plain,
    /// Left out when it prints as this JSON.
    Unless(&'static str),
    /// Read, and never printed.
    Secret,
    /// One mapping or a list of them.
    Below(&'static Shape),
}

const fn key(name: &'static str, field: &'static str) -> Key {
    let form = Form::Plain;
    Key { name, field, form }
}

const fn same(name: &'static str) -> Key {
    key(name, name)
}

const fn secret(name: &'static str, field: &'static str) -> Key {
    let form = Form::Secret;
    Key { name, field, form }
}

const fn unless(name: &'static str, field: &'static str, json: &'static str) -> Key {
    let form = Form::Unless(json);
    Key { name, field, form }
}

const fn below(name: &'static str, field: &'static str, shape: &'static Shape) -> Key {
    let form = Form::Below(shape);
    Key { name, field, form }
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident = $message:literal [$($keys:expr),* $(,)?];)*) => {
        $($(#[$doc])* pub(super) static $name: Shape = Shape { message: $message, keys: &[$(&$keys),*] };)*
        #[cfg(test)]
        static ALL: &[&Shape] = &[$(&$name),*];
    };
}

const HEAD: [Key; 5] = [
    key("name", "display_name"),
    same("kind"),
    same("description"),
    same("paused"),
    key("default", "is_default"),
];
const TAIL: [Key; 4] = [
    below("triggers", "triggers", &FILTER),
    below("quiet_hours", "quiet_hours", &QUIET_HOURS),
    below("storm_control", "storm_control", &STORM_CONTROL),
    below("delivery", "delivery", &DELIVERY),
];
const SLACK_KEYS: [Key; 1] = [secret("url", "slack.webhook_url")];
const TEAMS_KEYS: [Key; 1] = [secret("url", "teams.webhook_url")];
const EMAIL_KEYS: [Key; 2] = [
    key("recipients", "email.recipients"),
    below("smtp", "email.smtp", &SMTP),
];
const WEBHOOK_KEYS: [Key; 8] = [
    secret("url", "webhook.url"),
    secret("signing_secret", "webhook.signing_secret"),
    below("filter", "webhook.filter", &FILTER),
    below("headers", "webhook.headers", &HEADER),
    unless("envelope", "webhook.envelope", "\"standard\""),
    key("sign_ed25519", "webhook.sign_ed25519"),
    key("preset", "webhook.preset"),
    key("body", "webhook.body"),
];

shapes! {
    SLACK = "watchbell.config.v1.Channel" [HEAD, SLACK_KEYS, TAIL];
    TEAMS = "watchbell.config.v1.Channel" [HEAD, TEAMS_KEYS, TAIL];
    EMAIL = "watchbell.config.v1.Channel" [HEAD, EMAIL_KEYS, TAIL];
    WEBHOOK = "watchbell.config.v1.Channel" [HEAD, WEBHOOK_KEYS, TAIL];
    IN_APP = "watchbell.config.v1.Channel" [HEAD, TAIL];
    HEADER = "watchbell.config.v1.HttpHeader" [[same("name"), secret("value", "value")]];
    SMTP = "watchbell.config.v1.SmtpServer" [[
        same("host"),
        same("port"),
        same("username"),
        secret("password", "password"),
        key("from", "from_address"),
        unless("security", "security", "\"starttls\""),
    ]];
    FILTER = "watchbell.config.v1.EventFilter" [[
        same("types"),
        same("categories"),
        key("severity", "severities"),
        same("sources"),
        same("expression"),
    ]];
    QUIET_HOURS = "watchbell.config.v1.QuietHours" [[
        same("time_zone"),
        below("windows", "windows", &QUIET_WINDOW),
        unless("pass", "passing_severities", "[\"critical\"]"),
        same("coalesce"),
    ]];
    QUIET_WINDOW = "watchbell.config.v1.QuietWindow" [];
    STORM_CONTROL = "watchbell.config.v1.StormControl" [[same("max_messages"), same("window")]];
    DELIVERY = "watchbell.config.v1.DeliveryPolicy" [[
        same("retry_delays"),
        same("max_concurrency"),
        same("max_per_second"),
        same("timeout"),
    ]];
    RULE = "watchbell.config.v1.Rule" [[
        key("name", "display_name"),
        same("paused"),
        below("match", "match", &FILTER),
        key("send", "send.channel_ids"),
        key("silence", "silence.kinds"),
        key("continue", "continues"),
        same("repeat"),
        below("remind", "remind", &REMIND),
        below("escalate", "escalate", &ESCALATE),
        below("group", "group", &GROUP),
    ]];
    REMIND = "watchbell.event.v1.Remind" [[same("every"), same("at_most")]];
    ESCALATE = "watchbell.config.v1.Escalate" [[same("after"), key("send", "channel_ids")]];
    GROUP = "watchbell.config.v1.Group" [[same("by"), same("wait"), same("at_most")]];
    SILENCE = "watchbell.config.v1.Silence" [[
        same("comment"),
        below("match", "match", &FILTER),
        key("channels", "channel_ids"),
        same("kinds"),
        key("start", "start_time"),
        key("end", "end_time"),
        unless("mode", "mode", "\"hold\""),
    ]];
    MENTION_RULE = "watchbell.config.v1.MentionRule" [[
        same("types"),
        key("severity", "severities"),
        below("mention", "mentions", &MENTION),
    ]];
    MENTION = "watchbell.event.v1.Mention" [[
        same("slack_user"),
        same("slack_group"),
        below("teams_user", "teams_user", &TEAMS_USER),
        key("member", "member_id"),
    ]];
    TEAMS_USER = "watchbell.event.v1.TeamsUser" [[same("id"), same("name")]];
    EVENT_TYPE = "watchbell.config.v1.EventType" [[
        same("name"),
        same("title"),
        same("description"),
        same("category"),
        key("severity", "default_severity"),
        Key { name: "alert", field: "alert_policy", form: Form::Below(&ALERT_POLICY) },
        same("topic"),
        below("lifecycle", "alert", &ALERT),
        key("schema", "data_schema"),
        same("example"),
    ]];
    ALERT = "watchbell.config.v1.AlertSpec" [[same("key"), same("action"), same("repeat")]];
    ALERT_POLICY = "watchbell.config.v1.AlertPolicy" [];
    DIGEST = "watchbell.config.v1.DigestSettings" [[same("cron"), same("recipients"), same("paused")]];
}

// === impl Shape ===

impl Shape {
    /// A channel's, by its kind.
    pub(super) fn channel(kind: ChannelKind) -> &'static Self {
        match kind {
            ChannelKind::Slack => &SLACK,
            ChannelKind::Teams => &TEAMS,
            ChannelKind::Email => &EMAIL,
            ChannelKind::Webhook => &WEBHOOK,
            ChannelKind::InApp => &IN_APP,
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().copied().flatten()
    }

    /// Violations of a message, at the paths of the mapping that stands for it.
    pub(super) fn in_document(&self, violations: Violations) -> Violations {
        let moved = violations.into_iter().map(|mut violation| {
            violation.field = self.path(&violation.field);
            violation
        });
        moved.collect()
    }

    fn path(&self, field: &str) -> String {
        let found = self.keys().find_map(|key| {
            let rest = field.strip_prefix(key.field)?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then_some((key, rest))
        });
        let Some((key, rest)) = found else {
            return field.to_owned();
        };
        let Form::Below(shape) = key.form else {
            return format!("{}{rest}", key.name);
        };
        let (index, below) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
        match below.strip_prefix('.').filter(|_| !shape.keys.is_empty()) {
            Some(below) => format!("{}{index}.{}", key.name, shape.path(below)),
            None => format!("{}{index}", key.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::Kind;
    use watchbell_contracts::json::descriptor;

    use super::*;

    #[test]
    fn every_key_stands_for_a_field_that_there_is() {
        for shape in ALL {
            for key in shape.keys() {
                let mut message = descriptor(shape.message).unwrap();
                let mut path = key.field.split('.').peekable();
                while let Some(name) = path.next() {
                    let field = message.get_field_by_name(name);
                    let field = field.unwrap_or_else(|| panic!("{} of {}", key.field, shape.message));
                    match (field.kind(), &key.form) {
                        (Kind::Message(below), _) if path.peek().is_some() => message = below,
                        (Kind::Message(below), Form::Below(shape)) => {
                            assert_eq!(below.full_name(), shape.message);
                        }
                        (_, form) => assert!(!matches!(form, Form::Below(_)), "{}", key.field),
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_checks_say_is_told_at_the_paths_of_the_document() {
        for (shape, check, document) in [
            (&SLACK, "display_name", "name"),
            (&SLACK, "slack.webhook_url", "url"),
            (&TEAMS, "teams.webhook_url", "url"),
            (&WEBHOOK, "webhook.url", "url"),
            (&WEBHOOK, "webhook.filter.severities[1]", "filter.severity[1]"),
            (&WEBHOOK, "webhook.filter.types[0]", "filter.types[0]"),
            (&WEBHOOK, "webhook.headers[3].value", "headers[3].value"),
            (&EMAIL, "email.recipients[2]", "recipients[2]"),
            (&EMAIL, "email.smtp.from_address", "smtp.from"),
            (&EMAIL, "email.smtp.host", "smtp.host"),
            (&SLACK, "triggers.severities[0]", "triggers.severity[0]"),
            (
                &SLACK,
                "quiet_hours.windows[12].weekdays[1]",
                "quiet_hours.windows[12]",
            ),
            (&SLACK, "quiet_hours.windows", "quiet_hours.windows"),
            (&SLACK, "quiet_hours.passing_severities[0]", "quiet_hours.pass[0]"),
            (&SLACK, "delivery.retry_delays[1]", "delivery.retry_delays[1]"),
            (&SLACK, "description", "description"),
            (&RULE, "match.severities[0]", "match.severity[0]"),
            (&RULE, "send", "send"),
            (&RULE, "send.channel_ids[1]", "send[1]"),
            (&RULE, "silence.kinds[0]", "silence[0]"),
            (&RULE, "group.by[1]", "group.by[1]"),
            (&RULE, "remind.at_most", "remind.at_most"),
            (&RULE, "escalate.channel_ids[1]", "escalate.send[1]"),
            (&SILENCE, "channel_ids[1]", "channels[1]"),
            (&SILENCE, "end_time", "end"),
            (
                &MENTION_RULE,
                "mentions[2].teams_user.id",
                "mention[2].teams_user.id",
            ),
            (&EVENT_TYPE, "alert_policy.severities", "alert"),
            (&EVENT_TYPE, "alert.key", "lifecycle.key"),
            (&EVENT_TYPE, "data_schema", "schema"),
        ] {
            assert_eq!(shape.path(check), document, "{check}");
        }
    }
}
