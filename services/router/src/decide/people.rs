//! Receipts, the emails that members asked for, and the inbox: routes that rules extend and never remove.

use std::collections::HashSet;

use watchbell_model::email::EmailAddress;
use watchbell_model::preference::Preference;
use watchbell_model::vocabulary::Topic;

use super::{About, ChannelKind, Deciding, Outcome, Reason, Stage, Target, Wanted, no_alert, unconfirmed};

const EMAIL: Option<ChannelKind> = Some(ChannelKind::Email);
const INBOX: Option<ChannelKind> = Some(ChannelKind::InApp);

impl Deciding<'_> {
    /// Routes a receipt to the configured recipients, else to the Owners. Without either it is kept until there is
    /// one.
    pub(super) fn receipt(&mut self) {
        for address in &self.snapshot.unconfirmed_compliance {
            let about = About::named(address.as_str());
            self.trace
                .record(Stage::Receipt, EMAIL, about, Outcome::Rests, || {
                    unconfirmed(address)
                });
        }
        for address in &self.snapshot.compliance_recipients {
            self.receipt_to(address, About::named(address.as_str()), Reason::ReceiptRecipient);
        }
        if self.snapshot.compliance_recipients.is_empty() {
            for owner in self.snapshot.owners() {
                self.receipt_to(&owner.email, About::member(owner), Reason::OwnerFallback);
            }
        }
        if self.routes.is_empty() {
            self.trace
                .record(Stage::Receipt, EMAIL, None, Outcome::Routed, || {
                    Reason::ReceiptKept.to_string()
                });
            self.route_alone(Target::Receipts, Reason::ReceiptKept);
        }
    }

    fn receipt_to(&mut self, address: &EmailAddress, about: About<'_>, reason: Reason) {
        self.trace
            .record(Stage::Receipt, EMAIL, about, Outcome::Routed, || {
                reason.to_string()
            });
        let address = address.clone();
        self.route(
            Target::Address {
                address,
                channel: None,
            },
            reason,
            &mut Wanted::default(),
        );
    }

    pub(super) fn people(&mut self) {
        let Some((spec, topic)) = self.spec.and_then(|spec| Some((spec, spec.topic?))) else {
            self.trace
                .record(Stage::Preference, EMAIL, None, Outcome::PassedOver, || {
                    format!("No email topic covers {}.", self.event.event_type)
                });
            return;
        };
        let (severity, failure) = (self.event.severity, spec.is_failure());
        for member in self.snapshot.members.values() {
            let wanted = member.preference(self.snapshot.plan, topic);
            let by_default = || !member.preferences.contains_key(&topic);
            if wanted.wants(severity, failure) {
                let by_default = by_default();
                let reason = Reason::Preference { topic, by_default };
                self.trace.record(
                    Stage::Preference,
                    EMAIL,
                    About::member(member),
                    Outcome::Routed,
                    || reason.to_string(),
                );
                let as_well = self.wanted_as_well.remove(&member.email.key());
                let (channel, wanted) = as_well.unzip();
                let target = Target::Person {
                    member_id: member.id,
                    address: member.email.clone(),
                    topic,
                    channel,
                };
                self.route_wanted_as_well(target, reason, wanted.unwrap_or_default());
            } else {
                self.trace.record(
                    Stage::Preference,
                    EMAIL,
                    About::member(member),
                    Outcome::PassedOver,
                    || no_email(wanted, topic, by_default()),
                );
            }
        }
    }

    /// The mailboxes of the members who asked for the event themselves, by [`EmailAddress::key`].
    pub(super) fn own_mailboxes(&self) -> HashSet<String> {
        let Some((spec, topic)) = self.spec.and_then(|spec| Some((spec, spec.topic?))) else {
            return HashSet::new();
        };
        let members = self.snapshot.members.values();
        let asked = members.filter(|member| {
            member
                .preference(self.snapshot.plan, topic)
                .wants(self.event.severity, spec.is_failure())
        });
        asked.map(|member| member.email.key()).collect()
    }

    /// Routes default alerts to the inbox, unless the team paused it. Routes of rules are there already.
    pub(super) fn inbox(&mut self) {
        if self.shared.contains(&Target::Inbox) {
            return;
        }
        let channel = self.snapshot.default_channel(ChannelKind::InApp);
        if let Some(channel) = channel.filter(|channel| !channel.enabled) {
            self.trace.record(
                Stage::Inbox,
                INBOX,
                About::channel(channel),
                Outcome::Rests,
                || "The inbox is paused.".to_owned(),
            );
        } else if self.alerts_by_default() {
            self.trace.record(Stage::Inbox, INBOX, None, Outcome::Routed, || {
                Reason::AlertsByDefault.to_string()
            });
            self.route(Target::Inbox, Reason::AlertsByDefault, &mut Wanted::default());
        } else {
            let event = self.event;
            self.trace
                .record(Stage::Inbox, INBOX, None, Outcome::PassedOver, || no_alert(event));
        }
    }
}

/// Why a member gets no email.
fn no_email(wanted: Preference, topic: Topic, by_default: bool) -> String {
    let whose = if by_default {
        "By default the member gets"
    } else {
        "The member asked for"
    };
    match wanted {
        Preference::Failures => format!("{whose} emails on {topic} only of failures."),
        Preference::Severities(severities) if !severities.is_empty() => {
            format!("{whose} emails on {topic} only at {severities}.")
        }
        Preference::Off | Preference::On | Preference::Severities(_) => {
            format!("{whose} no emails on {topic}.")
        }
    }
}
