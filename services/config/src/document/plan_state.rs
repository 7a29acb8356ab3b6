//! Steps from what a team has to another state of its entries, which a change was taken back of. What the steps make is checked
//! as whoever writes it by hand is.

use prost::Message;
use watchbell_contracts::config::v1::{
    Channel, DigestSettings, EventType, Member, MentionRule, Preference, Rule, Silence, Team,
};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_model::channel::WrittenChannel;
use watchbell_model::digest_settings;
use watchbell_model::ids::{ChannelId, MemberId, MentionRuleId, RuleId, SilenceId};
use watchbell_model::member::Member as CheckedMember;
use watchbell_model::preference::Preference as Word;
use watchbell_model::rule::named_channels;
use watchbell_model::silence::Silence as CheckedSilence;
use watchbell_model::violation::{FieldViolation, Violations, reason};
use watchbell_model::{ChannelKind, Topic};

use super::current::{Current, CurrentChannel};
use super::plan_channels::subject;
use super::steps::{Context, GuardCheck, PlanStep};
use crate::check::{self, TeamDraft};
use crate::error::Result;
use crate::secrets;
use crate::store::Resource;
use crate::store::entities::{channel, event_type, member, mention_rule, preference, rule, silence};
use crate::store::history::{EntryChange, Key, Kind, SaidPreference, State, entry_message};

/// What has to be done, apart from what is asked of others.
#[derive(Default)]
pub(crate) struct StatePlan {
    pub(crate) steps: Vec<PlanStep>,
    pub(crate) people: Vec<PersonStep>,
    pub(crate) team: Option<TeamDraft>,
    /// Event types whose schemas are to be compiled.
    pub(crate) event_types: Vec<EventType>,
    pub(crate) guard_checks: Vec<GuardCheck>,
    /// The members whose preferences change.
    pub(crate) members: Vec<MemberId>,
    pub(crate) violations: Violations,
}

/// A change of a member.
pub(crate) enum PersonStep {
    Insert(member::Model),
    Update(member::Model, CheckedMember),
    Delete(member::Model),
}

/// The planner.
struct Planner<'a> {
    current: &'a Current,
    to: &'a State,
    context: Context,
    plan: StatePlan,
    /// What must wait until nothing needs it any more.
    last: Vec<PlanStep>,
    rules: Vec<rule::Model>,
}

/// Finds the steps from one state to another. The secrets of `current` must have been opened.
///
/// # Errors
/// An entry that does not decode.
pub(crate) fn plan_state(current: &Current, from: &State, to: &State, context: Context) -> Result<StatePlan> {
    let mut planner = Planner {
        current,
        to,
        context,
        plan: StatePlan::default(),
        last: Vec::new(),
        rules: current.rules.iter().map(|(row, _)| row.clone()).collect(),
    };
    let difference = from.changes_to(to);
    for entry in &difference.entries {
        let Some(key) = entry.key() else { continue };
        planner.entry(&key, entry)?;
    }
    planner.order()?;
    planner.settings(&difference.entries)?;
    let Planner { mut plan, last, .. } = planner;
    plan.steps.extend(last);
    Ok(plan)
}

// === impl Planner ===

impl Planner<'_> {
    fn entry(&mut self, key: &Key, entry: &EntryChange) -> Result<()> {
        match key.kind {
            Kind::Team => self.team(entry),
            Kind::EventType => self.event_type(key, entry),
            Kind::Channel => self.channel(key, entry),
            Kind::DefaultChannel => {
                let id = self.to.texts(key)?.into_iter().next();
                let id = id.and_then(|id| id.parse::<ChannelId>().ok());
                self.last.extend(id.map(PlanStep::SetDefault));
                Ok(())
            }
            Kind::Rule => self.rule(key, entry),
            Kind::MentionRule => self.mention_rule(key, entry),
            Kind::Silence => self.silence(key, entry),
            Kind::Member => self.member(key, entry),
            Kind::Preference => self.preference(key, entry),
            // The first two are done together at the end; recipients are asked anew, and keys are no part of this.
            Kind::RuleOrder | Kind::ComplianceRecipients | Kind::Digest | Kind::Recipient | Kind::ApiKey => {
                Ok(())
            }
        }
    }

    fn team(&mut self, entry: &EntryChange) -> Result<()> {
        let Some(after) = &entry.after else { return Ok(()) };
        let checked = check::team(&entry_message::<Team>(after)?);
        self.plan.team = self.plan.violations.take_under("team", checked);
        Ok(())
    }

    fn event_type(&mut self, key: &Key, entry: &EntryChange) -> Result<()> {
        let Some(after) = &entry.after else {
            self.last.push(PlanStep::DeleteEventType(key.id.clone()));
            return Ok(());
        };
        let message: EventType = entry_message(after)?;
        let present = self
            .current
            .event_types
            .iter()
            .find(|(row, _)| row.name == key.id);
        let step = match present {
            None => {
                self.has_room::<event_type::Entity>(self.current.event_types.len());
                PlanStep::InsertEventType(event_type::Model::new(self.context.team, &message))
            }
            Some((row, _)) => {
                let mut row = row.clone();
                row.configure(&message);
                PlanStep::UpdateEventType(row)
            }
        };
        self.plan.steps.push(step);
        self.plan.event_types.push(message);
        Ok(())
    }

    fn channel(&mut self, key: &Key, entry: &EntryChange) -> Result<()> {
        let is_it = |channel: &CurrentChannel| channel.row.channel_id().to_string() == key.id;
        let found = self.current.channels.iter().position(is_it);
        let was = found.and_then(|index| self.current.channels.get(index));
        let Some(after) = &entry.after else {
            if let Some(was) = was {
                self.is_unused(key, was)?;
                self.last.push(PlanStep::DeleteChannel(was.row.clone()));
            }
            return Ok(());
        };
        let message: Channel = entry_message(after)?;
        let kind = ChannelKind::of(&message);
        let name = kind.map(|kind| subject(kind, &message.display_name));
        let at = name.unwrap_or_else(|| key.id.clone());
        let written = WrittenChannel::try_from(&message).map(|written| written.message);
        let Some(mut message) = self.plan.violations.take_under(&at, written) else {
            return Ok(());
        };
        self.plan.guard_checks.push(GuardCheck {
            path: at.clone(),
            channel: message.clone(),
            before: found,
        });
        let before = was.map(CurrentChannel::before);
        let taken = secrets::take(&mut message, before.as_ref()).map_err(|wrong| match was {
            Some(_) => wrong,
            None => not_kept(wrong),
        });
        let (Some(kind), Some(taken)) = (kind, self.plan.violations.take_under(&at, taken)) else {
            return Ok(());
        };
        let now = self.context.now;
        let step = match (was, key.id.parse::<ChannelId>()) {
            (Some(was), _) => {
                let mut row = was.row.clone();
                row.configure(&message, now);
                PlanStep::UpdateChannel {
                    row,
                    read: was.row.version,
                    secrets: (taken.secrets != was.secrets).then_some(taken.secrets),
                }
            }
            (None, Ok(id)) => {
                self.has_room::<channel::Entity>(self.current.channels.len());
                let mut row = channel::Model::new(self.context.team, kind, &message, now);
                row.id = id.as_uuid();
                PlanStep::InsertChannel {
                    row,
                    secrets: taken.secrets,
                }
            }
            (None, Err(_)) => return Ok(()),
        };
        self.plan.steps.push(step);
        Ok(())
    }

    /// That no rule that there will be sends to a channel that goes.
    fn is_unused(&mut self, key: &Key, channel: &CurrentChannel) -> Result<()> {
        for (_, rule) in self.to.all::<Rule>(Kind::Rule)? {
            if let Some(named) = named_channels(&rule).iter().find(|named| named.id == key.id) {
                let at = subject(channel.kind, &channel.row.display_name);
                let why = format!("is what the rule `{}` {} to", rule.display_name, named.does);
                self.plan.violations.add(at, reason::NOT_ALLOWED, why);
            }
        }
        Ok(())
    }

    fn rule(&mut self, key: &Key, entry: &EntryChange) -> Result<()> {
        let Ok(id) = key.id.parse::<RuleId>() else {
            return Ok(());
        };
        let Some(after) = &entry.after else {
            self.rules.retain(|row| row.id != id.as_uuid());
            self.plan.steps.push(PlanStep::DeleteRule(id));
            return Ok(());
        };
        let message: Rule = entry_message(after)?;
        let at = format!("rule {}", message.display_name);
        self.plan.violations.take_under(&at, check::rule(&message));
        for named in named_channels(&message) {
            self.is_channel(named.id, format!("{at}.{}", named.field));
        }
        let present = self.rules.iter_mut().find(|row| row.id == id.as_uuid());
        let step = match present {
            Some(row) => {
                row.configure(&message, self.context.now);
                PlanStep::UpdateRule(row.clone())
            }
            None => {
                self.has_room::<rule::Entity>(self.rules.len());
                let mut row = rule::Model::new(self.context.team, &message, self.context.now);
                row.id = id.as_uuid();
                self.rules.push(row.clone());
                PlanStep::InsertRule(row)
            }
        };
        self.plan.steps.push(step);
        Ok(())
    }

    fn order(&mut self) -> Result<()> {
        let order = self.to.texts(&Key::single(Kind::RuleOrder))?;
        let place = |row: &rule::Model| order.iter().position(|id| *id == row.rule_id().to_string());
        self.rules.sort_by_key(|row| place(row).unwrap_or(usize::MAX));
        let is_ordered = self
            .rules
            .iter()
            .map(|row| row.position)
            .eq(1..=i32::try_from(self.rules.len()).unwrap_or(i32::MAX));
        if !is_ordered {
            let rules = std::mem::take(&mut self.rules);
            self.plan.steps.push(PlanStep::OrderRules(rules));
        }
        Ok(())
    }

    fn mention_rule(&mut self, key: &Key, entry: &EntryChange) -> Result<()> {
        let Ok(id) = key.id.parse::<MentionRuleId>() else {
            return Ok(());
        };
        let Some(after) = &entry.after else {
            self.plan.steps.push(PlanStep::DeleteMentionRule(id));
            return Ok(());
        };
        let message: MentionRule = entry_message(after)?;
        let at = format!("mention rule {}", message.types.join(", "));
        self.plan
            .violations
            .take_under(&at, check::mention_rule(&message));
        for (index, mention) in message.mentions.iter().enumerate() {
            if let Some(Who::MemberId(member)) = &mention.who
                && self.current.address_of(member) == *member
            {
                let at = format!("{at}.mentions[{index}].member_id");
                let why = "is no member of this team any more";
                self.plan.violations.add(at, reason::UNKNOWN_VALUE, why);
            }
        }
        let present = self.current.mentions.iter().find(|(row, _)| row.rule_id() == id);
        let step = match present {
            Some((row, _)) => {
                let mut row = row.clone();
                row.configure(&message, self.context.now);
                PlanStep::UpdateMentionRule(row)
            }
            None => {
                self.has_room::<mention_rule::Entity>(self.current.mentions.len());
                let mut row = mention_rule::Model::new(self.context.team, &message, self.context.now);
                row.id = id.as_uuid();
                PlanStep::InsertMentionRule(row)
            }
        };
        self.plan.steps.push(step);
        Ok(())
    }

    fn silence(&mut self, key: &Key, entry: &EntryChange) -> Result<()> {
        let Ok(id) = key.id.parse::<SilenceId>() else {
            return Ok(());
        };
        let (Some(after), None) = (&entry.after, &entry.before) else {
            self.plan.steps.push(PlanStep::ExpireSilence(id));
            return Ok(());
        };
        let message: Silence = entry_message(after)?;
        let at = format!("silence {}", message.comment);
        for (index, channel) in message.channel_ids.iter().enumerate() {
            self.is_channel(channel, format!("{at}.channel_ids[{index}]"));
        }
        self.has_room::<silence::Entity>(self.current.silences.len());
        let written = CheckedSilence::written(&message, self.context.now);
        let written = self.plan.violations.take_under(&at, written);
        self.plan.steps.extend(written.map(PlanStep::InsertSilence));
        Ok(())
    }

    fn member(&mut self, key: &Key, entry: &EntryChange) -> Result<()> {
        let present = self
            .current
            .members
            .iter()
            .find(|row| row.member_id().to_string() == key.id);
        let Some(after) = &entry.after else {
            self.plan.people.extend(present.cloned().map(PersonStep::Delete));
            return Ok(());
        };
        let message: Member = entry_message(after)?;
        let at = format!("member {}", message.email);
        let Some(checked) = self.plan.violations.take_under(&at, check::member(&message)) else {
            return Ok(());
        };
        let email_key = checked.email.key();
        let other = self.current.members.iter().find(|row| row.email_key == email_key);
        if other.is_some_and(|row| row.member_id().to_string() != key.id) {
            let at = format!("{at}.email");
            self.plan
                .violations
                .add(at, reason::DUPLICATE, "is another member's by now");
        }
        match (present, key.id.parse::<MemberId>()) {
            (Some(row), _) => self.plan.people.push(PersonStep::Update(row.clone(), checked)),
            (None, Ok(id)) => {
                self.has_room::<member::Entity>(self.current.members.len());
                let mut row = member::Model::new(self.context.team, checked, self.context.now);
                row.id = id.as_uuid();
                self.plan.people.push(PersonStep::Insert(row));
            }
            (None, Err(_)) => {}
        }
        Ok(())
    }

    fn preference(&mut self, key: &Key, entry: &EntryChange) -> Result<()> {
        let (member, topic) = key.id.split_once('/').unwrap_or_default();
        let (Ok(member), Ok(topic)) = (member.parse::<MemberId>(), topic.parse::<Topic>()) else {
            return Ok(());
        };
        let key = Key::new(Kind::Member, member.to_string());
        if self.to.entries.contains_key(&key) {
            self.plan.members.push(member);
        } else {
            // They go with the member.
            return Ok(());
        }
        let said = entry
            .after
            .as_deref()
            .map(entry_message::<SaidPreference>)
            .transpose()?;
        let word = said
            .as_ref()
            .and_then(|said| said.preference.as_ref())
            .map(Word::read);
        let step = match word {
            Some(Ok((_, Some(word)))) => {
                let mut row = preference::Model::new(self.context.team, member, topic, word);
                if said.is_some_and(|said| said.by_link) {
                    row.before = Some(Preference::default().encode_to_vec());
                }
                PlanStep::PutPreference(row)
            }
            _ => PlanStep::DeletePreference(member, topic),
        };
        self.plan.steps.push(step);
        Ok(())
    }

    fn settings(&mut self, entries: &[EntryChange]) -> Result<()> {
        let mut settings = self.current.settings.clone();
        for entry in entries {
            let key = entry.key();
            match key.as_ref().map(|key| key.kind) {
                Some(Kind::ComplianceRecipients) => {
                    let texts = self.to.texts(&Key::single(Kind::ComplianceRecipients))?;
                    let checked = check::compliance_recipients(&texts, "compliance_recipients");
                    if let Some(recipients) = self.plan.violations.take(checked) {
                        settings.compliance_recipients = recipients.join("\n");
                    }
                }
                Some(Kind::Digest) => {
                    let digest: DigestSettings = self.to.get(&Key::single(Kind::Digest))?.unwrap_or_default();
                    let checked = digest_settings::DigestSettings::try_from(&digest);
                    self.plan.violations.take_under("digest", checked);
                    settings.digest = digest.encode_to_vec();
                    settings.digest_version += 1;
                }
                _ => {}
            }
        }
        if settings != self.current.settings {
            self.plan.steps.push(PlanStep::PutSettings(settings));
        }
        Ok(())
    }

    fn is_channel(&mut self, id: &str, at: String) {
        if !self.to.entries.contains_key(&Key::new(Kind::Channel, id)) {
            let why = "is not a channel of this team any more";
            self.plan.violations.add(at, reason::UNKNOWN_VALUE, why);
        }
    }

    /// That the team may have one more than so many.
    fn has_room<R: Resource>(&mut self, count: usize) {
        if count as u64 >= R::LIMIT {
            let why = format!("a team may have at most {}", R::LIMIT);
            self.plan
                .violations
                .add(format!("{}s", R::NAME), reason::TOO_LONG, why);
        }
    }
}

/// Of a channel that was deleted: its secrets went with it.
fn not_kept(wrong: Violations) -> Violations {
    let told = |mut violation: FieldViolation| {
        if violation.reason == reason::REQUIRED {
            violation.description = "was deleted with the channel, since secrets are not kept: make the channel anew, and give it"
                .to_owned();
        }
        violation
    };
    wrong.into_iter().map(told).collect()
}
