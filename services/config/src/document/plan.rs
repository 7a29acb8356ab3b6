//! The steps that make a team what a document asks for, and the same in words. Nothing is done here.

use chrono::{DateTime, Utc};
use prost::Message;
use watchbell_contracts::config::v1::ConfigChangeAction;
use watchbell_model::Topic;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};

use super::current::Current;
use super::plan_channels::Channels;
use super::steps::{ConfigPlan, Context, PlanStep};
use super::tree::Map;
use super::{Desired, Located, entry, plan_channels, plan_rules, plan_silences};
use crate::store::entities::{event_type, preference};

/// Compares what is with what is asked for. The secrets of `current` must have been opened. Besides the plan, answers
/// what is wrong only beside what is there: names that nobody has, secrets that must be given. With a violation the
/// plan says no more than of which channels the guard is to be asked.
pub(crate) fn plan(
    current: &Current,
    desired: &Desired,
    team: TeamId,
    now: DateTime<Utc>,
) -> (ConfigPlan, Violations) {
    let context = Context { team, now };
    let mut plan = ConfigPlan::default();
    // What must wait until nothing needs it any more.
    let mut last = ConfigPlan::default();
    let mut violations = Violations::new();
    if let Some(event_types) = &desired.event_types {
        plan.event_types(current, event_types, &mut last, context);
    }
    let channels = match &desired.channels {
        Some(drafts) => {
            plan_channels::channels(&mut plan, &mut last, current, drafts, context, &mut violations)
        }
        None => plan_channels::present(current),
    };
    match &desired.rules {
        Some(drafts) => {
            let channels = Channels {
                known: &channels,
                complete: !desired.has_unread_channels,
            };
            plan_rules::rules(&mut plan, current, drafts, channels, context, &mut violations);
        }
        None => plan_rules::keep_channels(current, &channels, &mut violations),
    }
    if let Some(rules) = &desired.mentions {
        plan_rules::mentions(&mut plan, current, rules, context, &mut violations);
    }
    if let Some(silences) = &desired.silences {
        let channels = Channels {
            known: &channels,
            complete: !desired.has_unread_channels,
        };
        plan_silences::silences(&mut plan, current, silences, channels, context, &mut violations);
    }
    plan.people(current, desired, context, &mut violations);
    plan.steps.append(&mut last.steps);
    plan.changes.append(&mut last.changes);
    (plan, violations)
}

// === impl ConfigPlan ===

impl ConfigPlan {
    fn event_types(
        &mut self,
        current: &Current,
        desired: &[Located<watchbell_contracts::config::v1::EventType>],
        last: &mut Self,
        context: Context,
    ) {
        for Located { message, .. } in desired {
            let subject = format!("event type {}", message.name);
            let after = entry::event_type(message);
            match current
                .event_types
                .iter()
                .find(|(row, _)| row.name == message.name)
            {
                None => {
                    let row = event_type::Model::new(context.team, message);
                    self.create(subject, PlanStep::InsertEventType(row), after, Vec::new());
                }
                Some((row, was)) => {
                    let fields = entry::event_type(was).changes_to(&after);
                    if !fields.is_empty() {
                        let mut row = row.clone();
                        row.configure(message);
                        self.update(subject, PlanStep::UpdateEventType(row), fields);
                    }
                }
            }
        }
        for (row, _) in &current.event_types {
            if !desired.iter().any(|draft| draft.message.name == row.name) {
                let subject = format!("event type {}", row.name);
                last.delete(subject, PlanStep::DeleteEventType(row.name.clone()));
            }
        }
    }

    fn people(
        &mut self,
        current: &Current,
        desired: &Desired,
        context: Context,
        violations: &mut Violations,
    ) {
        if let Some(preferences) = &desired.preferences {
            for (email, draft) in preferences {
                if !current.members.iter().any(|member| member.email_key == *email) {
                    violations.add(&draft.path, reason::UNKNOWN_VALUE, "is not a member of this team");
                }
            }
            self.preferences(current, desired, context);
        }
        let mut settings = current.settings.clone();
        if let Some(recipients) = &desired.compliance_recipients {
            let list = |texts: &[String]| {
                Map::default().with_list("compliance_recipients", texts.iter().map(String::as_str))
            };
            let fields = list(&settings.recipients()).changes_to(&list(recipients));
            if !fields.is_empty() {
                settings.compliance_recipients = recipients.join("\n");
                self.say(
                    ConfigChangeAction::Update,
                    "compliance recipients".to_owned(),
                    fields,
                );
            }
        }
        if let Some(digest) = &desired.digest {
            let fields = entry::digest(&current.digest).changes_to(&entry::digest(digest));
            if !fields.is_empty() {
                settings.digest = digest.encode_to_vec();
                settings.digest_version += 1;
                self.say(ConfigChangeAction::Update, "digest".to_owned(), fields);
            }
        }
        if settings != current.settings {
            self.steps.push(PlanStep::PutSettings(settings));
        }
    }

    fn preferences(&mut self, current: &Current, desired: &Desired, context: Context) {
        for member in &current.members {
            let draft = desired
                .preferences
                .iter()
                .flatten()
                .find(|(email, _)| **email == member.email_key);
            let (mut before, mut after) = (Map::default(), Map::default());
            let mut steps = Vec::new();
            for topic in Topic::ALL {
                let said = current.said.get(&(member.id, *topic));
                if said.is_some_and(|said| said.by_link) {
                    continue;
                }
                let was = said.map(|said| said.word);
                let word = draft.and_then(|(_, draft)| draft.words.get(topic).copied());
                if was == word {
                    continue;
                }
                before = before.with_some(topic.as_str(), was.map(entry::preference));
                after = after.with_some(topic.as_str(), word.map(entry::preference));
                steps.push(match word {
                    None => PlanStep::DeletePreference(member.member_id(), *topic),
                    Some(word) => {
                        let row = preference::Model::new(context.team, member.member_id(), *topic, word);
                        PlanStep::PutPreference(row)
                    }
                });
            }
            if !steps.is_empty() {
                let subject = format!("preferences of {}", member.email);
                self.say(ConfigChangeAction::Update, subject, before.changes_to(&after));
                self.steps.append(&mut steps);
                self.members.push(member.member_id());
            }
        }
    }
}
