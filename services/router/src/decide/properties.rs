//! What holds of every decision, whatever a team has set up.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;
use watchbell_model::alert::Repeat;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::decision::{Decision, Outcome, Reason, Route, Stage, Target};
use watchbell_model::email::EmailAddress;
use watchbell_model::event::Event;
use watchbell_model::filter::Filter;
use watchbell_model::ids::{ChannelId, RuleId};
use watchbell_model::rule::{Rule, RuleAction};
use watchbell_model::snapshot::{SnapshotParts, TeamSnapshot};
use watchbell_model::vocabulary::{ChannelKind, Plan};

use super::arbitrary::{any_event, filter, no_receipt, rule, team};
use super::{decide, decide_and_explain, oracle};

const CHATS: [ChannelKind; 2] = [ChannelKind::Slack, ChannelKind::Teams];

fn snapshot(parts: &SnapshotParts) -> TeamSnapshot {
    TeamSnapshot::new(parts.clone()).unwrap()
}

fn routes(parts: &SnapshotParts, event: &Event) -> Vec<Route> {
    decide(&snapshot(parts), event).routes
}

/// The routes without those of these kinds.
fn without(routes: Vec<Route>, kinds: &[ChannelKind]) -> Vec<Route> {
    routes
        .into_iter()
        .filter(|route| !kinds.contains(&route.target.kind()))
        .collect()
}

fn of_kind(routes: &[Route], kind: ChannelKind) -> BTreeSet<ChannelId> {
    routes
        .iter()
        .filter(|route| route.target.kind() == kind)
        .filter_map(|route| route.target.channel_id())
        .collect()
}

/// With a rule at that place of the order.
fn with_rule(parts: &SnapshotParts, place: usize, rule: Rule) -> SnapshotParts {
    let mut parts = in_order(parts);
    let place = place.min(parts.rules.len());
    parts.rules.insert(place, rule);
    for (rule, position) in parts.rules.iter_mut().zip(1..) {
        rule.position = position;
    }
    parts
}

/// Without what is only for those who turn a topic off before it is sent.
fn wanted_once(mut routes: Vec<Route>) -> Vec<Route> {
    for route in &mut routes {
        if let Target::Person { channel, .. } = &mut route.target {
            *channel = None;
        }
    }
    routes
}

fn in_order(parts: &SnapshotParts) -> SnapshotParts {
    let mut parts = parts.clone();
    parts.rules.sort_by_key(|rule| (rule.position, rule.id));
    parts
}

fn silent(kinds: &[ChannelKind]) -> Rule {
    Rule {
        id: RuleId::from_uuid(uuid::Uuid::from_u128(7)),
        name: "Hush".to_owned(),
        position: 1,
        enabled: true,
        filter: Filter::default(),
        action: RuleAction::Silence {
            kinds: kinds.to_vec(),
        },
        continue_: false,
        repeat: Repeat::Count,
        group: None,
        remind: None,
        escalate: None,
    }
}

fn paying() -> impl Strategy<Value = SnapshotParts> {
    team().prop_map(|parts| SnapshotParts {
        plan: Plan::Team,
        ..parts
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn chats_hear_exactly_what_the_slow_oracle_says(parts in team(), event in no_receipt()) {
        let routes = routes(&parts, &event);
        for kind in CHATS {
            prop_assert_eq!(of_kind(&routes, kind), oracle::chat(&parts, &event, kind), "{}", kind);
        }
        prop_assert_eq!(of_kind(&routes, ChannelKind::Webhook), oracle::webhooks(&parts, &event));
    }

    #[test]
    fn a_receipt_goes_by_email_to_whom_it_concerns_and_never_anywhere_else(parts in team(), event in any_event()) {
        let receipt = Event { event_type: RECEIPT.parse().unwrap(), ..event };
        let mut expected: Vec<_> = parts.compliance_recipients.clone();
        if expected.is_empty() {
            expected = parts.members.iter().filter(|member| member.is_owner()).map(|owner| owner.email.clone()).collect();
        }
        let mut expected: Vec<_> = expected.into_iter().map(|address| Target::Address { address, channel: None }).collect();
        if expected.is_empty() {
            expected.push(Target::Receipts);
        }
        let routes = routes(&parts, &receipt);
        let targets: Vec<_> = routes.iter().map(|route| route.target.clone()).collect();
        prop_assert_eq!(targets, expected);
        prop_assert!(routes.iter().all(|route| route.mentions.is_empty()));
    }

    #[test]
    fn a_silent_rule_before_all_others_silences_its_kinds_and_nothing_else(
        parts in paying(),
        event in no_receipt(),
        kinds in proptest::sample::subsequence(CHATS.to_vec(), 0..=2),
    ) {
        let silenced = routes(&with_rule(&parts, 0, silent(&kinds)), &event);
        let kinds = if kinds.is_empty() { CHATS.to_vec() } else { kinds };
        prop_assert!(silenced.iter().all(|route| !kinds.contains(&route.target.kind())));
        prop_assert_eq!(silenced, without(routes(&in_order(&parts), &event), &kinds));
    }

    #[test]
    fn a_rule_that_does_not_match_changes_nothing(
        parts in team(), event in no_receipt(), added in rule(), place in 0_usize..8,
    ) {
        let matches = added.enabled && oracle::holds(&added.filter, &event);
        prop_assume!(!matches);
        prop_assert_eq!(routes(&with_rule(&parts, place, added), &event), routes(&parts, &event));
    }

    #[test]
    fn after_the_word_that_decides_rules_change_no_chat(
        parts in paying(), event in no_receipt(), place in 0_usize..8, late in proptest::collection::vec(rule(), 1..4),
    ) {
        let decided = with_rule(&parts, place, silent(&[]));
        let mut longer = decided.clone();
        for rule in late {
            longer = with_rule(&longer, usize::MAX, rule);
        }
        let others = [ChannelKind::Email, ChannelKind::InApp, ChannelKind::Webhook];
        prop_assert_eq!(
            without(routes(&longer, &event), &others),
            without(routes(&decided, &event), &others)
        );
    }

    #[test]
    fn rules_only_add_to_emails_and_the_inbox_and_never_touch_webhooks(parts in paying(), event in no_receipt()) {
        let ruled = wanted_once(routes(&parts, &event));
        // A rule that sends to an email channel stands in for the default one, as it does in chats.
        let mails = |id: &ChannelId| parts.channels.iter().any(|channel| {
            channel.id == *id && channel.kind == ChannelKind::Email && channel.enabled && !channel.recipients.is_empty()
        });
        let speaks = |rule: &Rule| rule.enabled && oracle::holds(&rule.filter, &event) && rule.action.channels().iter().any(mails);
        let by_rule = parts.rules.iter().any(speaks);
        let bare = wanted_once(routes(&SnapshotParts { rules: vec![], ..parts }, &event));
        let targets: HashSet<_> = ruled.iter().map(|route| &route.target).collect();
        for route in without(bare.clone(), &CHATS) {
            let stood_in_for = by_rule && route.reason == Reason::DefaultChannel;
            prop_assert!(stood_in_for || targets.contains(&route.target), "{:?} is lost", route);
        }
        prop_assert_eq!(of_kind(&ruled, ChannelKind::Webhook), of_kind(&bare, ChannelKind::Webhook));
    }

    #[test]
    fn nobody_gets_an_event_twice(parts in team(), event in any_event()) {
        let routes = routes(&parts, &event);
        let targets: HashSet<_> = routes.iter().map(|route| &route.target).collect();
        prop_assert_eq!(targets.len(), routes.len());
    }

    #[test]
    fn every_target_is_the_teams_own_and_not_paused(parts in team(), event in any_event()) {
        let team = snapshot(&parts);
        for route in decide(&team, &event).routes {
            match &route.target {
                Target::Channel { id, kind } => {
                    let channel = team.channel(*id).unwrap();
                    prop_assert!(channel.enabled && channel.kind == *kind && *kind != ChannelKind::Email);
                }
                Target::Address { address, channel: Some(id) } => {
                    let channel = team.channel(*id).unwrap();
                    prop_assert!(channel.enabled && channel.recipients.contains(address));
                }
                Target::Address { channel: None, .. } => {
                    prop_assert_eq!(event.event_type.as_str(), RECEIPT);
                }
                Target::Person { member_id, address, topic, channel } => {
                    let also = channel.map(|id| team.channel(id).unwrap());
                    prop_assert!(also.is_none_or(|channel| channel.enabled && channel.recipients.iter().any(|to| to.key() == address.key())));
                    let member = &team.members[member_id];
                    let spec = team.catalog.lookup(&event.event_type).unwrap();
                    prop_assert_eq!((&member.email, Some(*topic)), (address, spec.topic));
                    prop_assert!(member.preference(team.plan, *topic).wants(event.severity, spec.is_failure()));
                }
                Target::Receipts => prop_assert_eq!(event.event_type.as_str(), RECEIPT),
                Target::Inbox => {
                    let paused = team.default_channel(ChannelKind::InApp).is_some_and(|channel| !channel.enabled);
                    prop_assert!(!paused || route.reason.rule_id().is_some());
                }
            }
        }
    }

    #[test]
    fn mentions_are_in_chats_only_of_their_kind_and_each_once(parts in team(), event in any_event()) {
        for route in routes(&parts, &event) {
            let kind = route.target.kind();
            prop_assert!(route.mentions.iter().all(|mention| mention.kind() == kind));
            let called: HashSet<_> = route.mentions.iter().collect();
            prop_assert_eq!(called.len(), route.mentions.len());
            let expected = parts.mention_rules.iter().filter(|rule| rule.applies(&event));
            prop_assert_eq!(
                route.mentions.is_empty(),
                !CHATS.contains(&kind) || expected.flat_map(|rule| rule.mentions_in(kind)).next().is_none()
            );
        }
    }

    #[test]
    fn on_free_no_rule_is_applied_and_the_explanation_says_so(parts in team(), event in no_receipt()) {
        let free = SnapshotParts { plan: Plan::Free, ..parts };
        let bare = SnapshotParts { rules: vec![], ..free.clone() };
        prop_assert_eq!(routes(&free, &event), routes(&bare, &event));
        let steps = decide_and_explain(&snapshot(&free), &event).steps;
        prop_assert_eq!(steps.iter().any(|step| step.stage == Stage::Plan), !free.rules.is_empty());
        let rules: Vec<_> = steps.iter().filter(|step| step.stage == Stage::Rule).collect();
        prop_assert_eq!(rules.len(), free.rules.len());
        prop_assert!(rules.iter().all(|step| step.outcome == Outcome::Rests));
    }

    #[test]
    fn an_explanation_decides_the_same_and_leaves_no_rule_webhook_or_member_out(parts in team(), event in no_receipt()) {
        let team = snapshot(&parts);
        let Decision { routes, steps, .. } = decide_and_explain(&team, &event);
        let plain = decide(&team, &event);
        prop_assert_eq!(&plain.routes, &routes);
        prop_assert!(plain.steps.is_empty());

        let asked: HashSet<_> = steps.iter().filter_map(|step| Some(&step.subject.as_ref()?.id)).collect();
        for rule in &parts.rules {
            prop_assert!(asked.contains(&rule.id.to_string()));
        }
        for webhook in team.channels_of(ChannelKind::Webhook) {
            prop_assert!(asked.contains(&webhook.id.to_string()));
        }
        if team.catalog.lookup(&event.event_type).unwrap().topic.is_some() {
            for member in &parts.members {
                prop_assert!(asked.contains(&member.id.to_string()));
            }
        }
        for step in &steps {
            prop_assert!(step.sentence.ends_with('.'), "{}", step.sentence);
        }
    }

    #[test]
    fn every_route_has_a_step_that_says_so_and_the_other_way_round(parts in team(), event in any_event()) {
        let Decision { routes, steps, .. } = decide_and_explain(&snapshot(&parts), &event);
        let routed: HashSet<_> = steps.iter().filter(|step| step.outcome == Outcome::Routed).map(|step| step.stage).collect();
        let stages: HashSet<_> = routes.iter().map(|route| match route.reason {
            Reason::RuleMatched { .. } => Stage::Rule,
            Reason::DefaultChannel | Reason::DefaultChannelTriggers => Stage::DefaultChannel,
            Reason::Subscription { .. } => Stage::Webhook,
            Reason::Preference { .. } => Stage::Preference,
            Reason::ReceiptRecipient | Reason::OwnerFallback | Reason::ReceiptKept => Stage::Receipt,
            _ => Stage::Inbox,
        }).collect();
        prop_assert_eq!(routed, stages);
    }

    #[test]
    fn the_order_in_which_a_snapshot_arrives_does_not_matter(
        (parts, shuffled) in team().prop_flat_map(|parts| {
            let rules = Just(parts.rules.clone()).prop_shuffle();
            let channels = Just(parts.channels.clone()).prop_shuffle();
            let members = Just(parts.members.clone()).prop_shuffle();
            (Just(parts.clone()), (rules, channels, members)).prop_map(|(parts, (rules, channels, members))| {
                (parts.clone(), SnapshotParts { rules, channels, members, ..parts })
            })
        }),
        event in any_event(),
    ) {
        prop_assert_eq!(routes(&parts, &event), routes(&shuffled, &event));
    }

    #[test]
    fn a_paused_chat_channel_is_decided_about_as_if_it_were_gone(parts in team(), event in any_event(), which in any::<proptest::sample::Index>()) {
        prop_assume!(!parts.channels.is_empty());
        let which = which.index(parts.channels.len());
        prop_assume!(parts.channels[which].kind.is_chat());
        let (mut paused, mut gone) = (parts.clone(), parts);
        paused.channels[which].enabled = false;
        gone.channels.remove(which);
        prop_assert_eq!(routes(&paused, &event), routes(&gone, &event));
    }

    #[test]
    fn a_pause_takes_a_channel_out_and_nothing_else(parts in team(), event in any_event(), which in any::<proptest::sample::Index>()) {
        prop_assume!(!parts.channels.is_empty());
        let mut paused = parts.clone();
        let which = which.index(paused.channels.len());
        paused.channels[which].enabled = false;
        let (id, kind) = (paused.channels[which].id, paused.channels[which].kind);
        prop_assume!(matches!(kind, ChannelKind::Email | ChannelKind::Webhook));
        let mut expected = wanted_once(routes(&parts, &event));
        expected.retain(|route| route.target.channel_id() != Some(id));
        let mut found = wanted_once(routes(&paused, &event));
        // A mailbox that the paused channel shares with another one gets it from there, and the default channel gets what
        // no rule sends to another.
        let of_paused: BTreeSet<_> = parts.channels[which].recipients.iter().map(EmailAddress::key).collect();
        found.retain(|route| {
            let stands_in = matches!(&route.target, Target::Address { address, .. }
                if of_paused.contains(&address.key()) || route.reason == Reason::DefaultChannel);
            expected.contains(route) || !stands_in
        });
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_filter_matches_what_the_oracle_says(filter in filter(), event in any_event()) {
        prop_assert_eq!(filter.matches(&event).is_yes(), oracle::holds(&filter, &event));
    }
}
