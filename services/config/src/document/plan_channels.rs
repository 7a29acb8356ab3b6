//! Channels: which to make, to change and to delete, and which is its kind's default.

use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    Channel, ChannelSecrets, ConfigFieldChange, HttpHeader, SigningSecret,
};
use watchbell_model::ChannelKind;
use watchbell_model::ids::ChannelId;
use watchbell_model::violation::{Violations, reason};

use super::current::{Current, CurrentChannel};
use super::steps::{ConfigPlan, Context, GuardCheck, PlanStep};
use super::{ChannelDraft, entry, in_document};
use crate::secrets;
use crate::store::entities::channel;

/// The text in place of a secret in a difference, as JSON.
const SECRET: &str = "\"(secret)\"";

/// A channel that there will be.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) kind: ChannelKind,
    pub(super) name: String,
}

/// The channels that rules may name.
#[derive(Clone, Copy)]
pub(super) struct Channels<'k> {
    pub(super) known: &'k [Known],
    /// Whether there are no others, which could not be read.
    pub(super) complete: bool,
}

/// The channels that there are.
pub(super) fn present(current: &Current) -> Vec<Known> {
    current.channels.iter().map(Known::from_current).collect()
}

/// Plans the channels; answers those that there will be.
pub(super) fn channels(
    plan: &mut ConfigPlan,
    last: &mut ConfigPlan,
    current: &Current,
    drafts: &[ChannelDraft],
    context: Context,
    violations: &mut Violations,
) -> Vec<Known> {
    let mut known = Vec::new();
    let mut defaults = Vec::new();
    for draft in drafts {
        let found = current.channels.iter().position(|channel| draft.is(channel));
        let id = match found.and_then(|index| current.channels.get(index)) {
            Some(channel) => channel.row.channel_id(),
            None => ChannelId::generate(context.now),
        };
        known.push(Known {
            id: id.to_string(),
            kind: draft.kind,
            name: draft.message.display_name.clone(),
        });
        let is_default = is_default(draft, current, drafts);
        if is_default {
            defaults.push(id);
        }
        plan.guard_checks.push(GuardCheck {
            path: draft.path.clone(),
            channel: draft.message.clone(),
            before: found,
        });
        let split = secrets_of(draft, found, current);
        let Some((message, secrets)) = violations.take_under(&draft.path, split) else {
            continue;
        };
        match found.and_then(|index| current.channels.get(index)) {
            Some(was) => update(plan, draft, was, &message, secrets, is_default, context),
            None => create(plan, draft, id, &message, secrets, is_default, context),
        }
    }
    for was in &current.channels {
        if !drafts.iter().any(|draft| draft.is(was)) {
            last.delete(
                Known::from_current(was).subject(),
                PlanStep::DeleteChannel(was.row.clone()),
            );
        }
    }
    // The first of a kind becomes its default by itself, and the next in line when it goes: so this comes last.
    last.steps.extend(defaults.into_iter().map(PlanStep::SetDefault));
    known
}

/// The one that says so; else the present one, if it stays; else the first of its kind.
fn is_default(draft: &ChannelDraft, current: &Current, drafts: &[ChannelDraft]) -> bool {
    let of_kind = || drafts.iter().filter(|other| other.kind == draft.kind);
    if of_kind().any(|other| other.message.is_default) {
        return draft.message.is_default;
    }
    let stays = current
        .channels
        .iter()
        .filter(|was| was.row.is_default)
        .find_map(|was| of_kind().find(|other| other.is(was)));
    stays
        .or_else(|| of_kind().next())
        .is_some_and(|chosen| std::ptr::eq(chosen, draft))
}

/// The channel without its secrets, and those it will have.
fn secrets_of(
    draft: &ChannelDraft,
    found: Option<usize>,
    current: &Current,
) -> Result<(Channel, ChannelSecrets), Violations> {
    let was = found.and_then(|index| current.channels.get(index));
    let mut message = draft.message.clone();
    let mut violations = Violations::new();
    let required = |violations: &mut Violations, field: String| {
        violations.add(
            field,
            reason::REQUIRED,
            "must be given, since there is none to keep",
        );
    };
    match &mut message.destination {
        Some(Destination::Webhook(webhook)) => {
            let kept = was.map(|was| &was.secrets);
            for index in &draft.left_out.headers {
                let header = webhook
                    .headers
                    .get(*index)
                    .map(|header| header.name.as_str())
                    .unwrap_or_default();
                let same = |other: &&HttpHeader| other.name.eq_ignore_ascii_case(header);
                if kept.and_then(|kept| kept.headers.iter().find(same)).is_none() {
                    required(&mut violations, format!("headers[{index}].value"));
                }
            }
        }
        Some(Destination::Email(email)) => {
            let had_user = was.is_some_and(|was| match &was.message.destination {
                Some(Destination::Email(email)) => {
                    email.smtp.as_ref().is_some_and(|smtp| !smtp.username.is_empty())
                }
                _ => false,
            });
            let has_user = email.smtp.as_ref().is_some_and(|smtp| !smtp.username.is_empty());
            if has_user && !had_user && draft.left_out.smtp_password {
                required(&mut violations, "smtp.password".to_owned());
            }
        }
        _ => {}
    }
    let before = was.map(CurrentChannel::before);
    let taken =
        secrets::take(&mut message, before.as_ref()).map_err(|wrong| in_document(&draft.message, wrong));
    match taken {
        Ok(taken) => violations.into_result((message, taken.secrets)),
        Err(wrong) => {
            violations.extend_unsaid(wrong);
            Err(violations)
        }
    }
}

fn create(
    plan: &mut ConfigPlan,
    draft: &ChannelDraft,
    id: ChannelId,
    message: &Channel,
    secrets: ChannelSecrets,
    is_default: bool,
    context: Context,
) {
    let mut row = channel::Model::new(context.team, draft.kind, message, context.now);
    row.id = id.as_uuid();
    let fields = secret_changes(message, &ChannelSecrets::default(), &secrets);
    let step = PlanStep::InsertChannel { row, secrets };
    plan.create(draft.subject(), step, entry::channel(message, is_default), fields);
}

fn update(
    plan: &mut ConfigPlan,
    draft: &ChannelDraft,
    was: &CurrentChannel,
    message: &Channel,
    secrets: ChannelSecrets,
    is_default: bool,
    context: Context,
) {
    let before = entry::channel(&was.message, was.row.is_default);
    let mut fields = before.changes_to(&entry::channel(message, is_default));
    fields.extend(secret_changes(message, &was.secrets, &secrets));
    if fields.is_empty() {
        return;
    }
    let mut row = was.row.clone();
    if secrets.signing_secrets != was.secrets.signing_secrets {
        row.rotation_end = None;
    }
    row.configure(message, context.now);
    let step = PlanStep::UpdateChannel {
        row,
        read: was.row.version,
        secrets: (secrets != was.secrets).then_some(secrets),
    };
    plan.update(draft.subject(), step, fields);
}

/// Which secrets differ, and nothing else of them.
pub(crate) fn secret_changes(
    channel: &Channel,
    before: &ChannelSecrets,
    after: &ChannelSecrets,
) -> Vec<ConfigFieldChange> {
    let mut fields = Vec::new();
    let mut compare = |field: String, before: Option<&str>, after: Option<&str>| {
        let (before, after) = (
            before.filter(|text| !text.is_empty()),
            after.filter(|text| !text.is_empty()),
        );
        let shown = |secret: Option<&str>| secret.map(|_| SECRET.to_owned()).unwrap_or_default();
        if before != after {
            fields.push(ConfigFieldChange {
                field,
                before: shown(before),
                after: shown(after),
            });
        }
    };
    compare("url".to_owned(), Some(&before.url), Some(&after.url));
    let first =
        |secrets: &ChannelSecrets| -> Option<SigningSecret> { secrets.signing_secrets.first().cloned() };
    let (was, is) = (first(before), first(after));
    compare(
        "signing_secret".to_owned(),
        was.as_ref().map(|secret| secret.secret.as_str()),
        is.as_ref().map(|secret| secret.secret.as_str()),
    );
    compare(
        "smtp.password".to_owned(),
        Some(&before.smtp_password),
        Some(&after.smtp_password),
    );
    if let Some(Destination::Webhook(webhook)) = &channel.destination {
        for (index, header) in webhook.headers.iter().enumerate() {
            let value = |secrets: &ChannelSecrets| -> Option<String> {
                let same = |other: &&HttpHeader| other.name.eq_ignore_ascii_case(&header.name);
                secrets
                    .headers
                    .iter()
                    .find(same)
                    .map(|header| header.value.clone())
            };
            let field = format!("headers[{index}].value");
            compare(field, value(before).as_deref(), value(after).as_deref());
        }
    }
    fields
}

// === impl ChannelDraft ===

impl ChannelDraft {
    fn is(&self, channel: &CurrentChannel) -> bool {
        self.kind == channel.kind && self.message.display_name == channel.row.display_name
    }

    fn subject(&self) -> String {
        subject(self.kind, &self.message.display_name)
    }
}

// === impl Known ===

impl Known {
    fn from_current(channel: &CurrentChannel) -> Self {
        Self {
            id: channel.row.channel_id().to_string(),
            kind: channel.kind,
            name: channel.row.display_name.clone(),
        }
    }

    pub(super) fn subject(&self) -> String {
        subject(self.kind, &self.name)
    }
}

pub(super) fn subject(kind: ChannelKind, name: &str) -> String {
    format!("channel {name} ({})", super::words::lower(kind))
}
