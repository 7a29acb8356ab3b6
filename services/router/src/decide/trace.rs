//! Steps of a decision. Disabled for `Emit`, where it costs nothing; enabled for `Explain`.

use watchbell_model::channel::Channel;
use watchbell_model::decision::{Outcome, Stage, Step, StepSubject};
use watchbell_model::member::Member;
use watchbell_model::rule::Rule;
use watchbell_model::vocabulary::ChannelKind;

/// Steps, if anybody wants them.
pub(super) struct Trace(Option<Vec<Step>>);

/// Subject of a step.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    Rule(&'a Rule),
    Channel(&'a Channel),
    Member(&'a Member),
    Named(&'a str),
}

// === impl Trace ===

impl Trace {
    pub(super) const fn off() -> Self {
        Self(None)
    }

    pub(super) const fn on() -> Self {
        Self(Some(Vec::new()))
    }

    /// Records a step. Its sentence is built only when recording is enabled.
    pub(super) fn record<'a>(
        &mut self,
        stage: Stage,
        kind: Option<ChannelKind>,
        about: impl Into<Option<About<'a>>>,
        outcome: Outcome,
        why: impl FnOnce() -> String,
    ) {
        if let Some(steps) = &mut self.0 {
            let subject = about.into().map(About::subject);
            steps.push(Step {
                stage,
                kind,
                subject,
                outcome,
                sentence: why(),
                held_until: None,
            });
        }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.0.unwrap_or_default()
    }
}

// === impl About ===

impl<'a> About<'a> {
    pub(super) const fn rule(rule: &'a Rule) -> Self {
        Self::Rule(rule)
    }

    pub(super) const fn channel(channel: &'a Channel) -> Self {
        Self::Channel(channel)
    }

    pub(super) const fn member(member: &'a Member) -> Self {
        Self::Member(member)
    }

    pub(super) const fn named(name: &'a str) -> Self {
        Self::Named(name)
    }

    fn subject(self) -> StepSubject {
        match self {
            Self::Rule(rule) => StepSubject {
                id: rule.id.to_string(),
                name: rule.name.clone(),
            },
            Self::Channel(channel) => StepSubject {
                id: channel.id.to_string(),
                name: channel.name.clone(),
            },
            Self::Member(member) => StepSubject {
                id: member.id.to_string(),
                name: member.email.to_string(),
            },
            Self::Named(name) => StepSubject {
                id: String::new(),
                name: name.to_owned(),
            },
        }
    }
}
