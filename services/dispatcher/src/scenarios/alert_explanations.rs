//! What an event would do to its alert, and what an accepted one did: the same as happens when it is emitted.

use watchbell_contracts::dispatcher::v1::{AlertHearing, AlertNews};
use watchbell_contracts::event::v1::AlertAction::{Resolve, Trigger, Update};
use watchbell_model::route::FOLLOWS_ALERT;
use watchbell_store::store_tests;

use super::alerts::{Said, said, say, submit, to_room};
use super::people::{member, to_member};
use super::storms::slack;
use super::*;
use crate::store::Migrator;

const HOUR: Duration = Duration::from_secs(3600);

async fn explain(rig: &Rig, request: wire::ExplainAlertRequest) -> wire::AlertExplanation {
    let answer = rig.service.explain_alert(internal_request(request)).await;
    answer.unwrap().into_inner().explanation.unwrap()
}

/// What an event would do.
async fn would(rig: &Rig, said: Said) -> wire::AlertExplanation {
    let request = wire::ExplainAlertRequest {
        submission: Some(said.request(&rig.env)),
        ..Default::default()
    };
    explain(rig, request).await
}

/// What an accepted event did.
async fn did(rig: &Rig, event: &str) -> wire::AlertExplanation {
    let request = wire::ExplainAlertRequest {
        team_id: rig.env.team.to_string(),
        event_id: event.to_owned(),
        submission: None,
    };
    explain(rig, request).await
}

/// Kind, what becomes of the event there, and whether the end is told.
fn heard(explanation: &wire::AlertExplanation) -> Vec<(i32, AlertHearing, bool)> {
    let listeners = explanation.listeners.iter();
    listeners
        .map(|listener| {
            let kind = listener.route.as_ref().unwrap().kind;
            (kind, listener.hearing(), listener.told_of_end)
        })
        .collect()
}

store_tests! {
    migrator = Migrator;

    async fn an_event_is_explained_as_it_is_carried_out_and_changes_nothing(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, siem) = (slack(&rig.env), rig.env.ordered("siem"));
        let (chat, webhook) = (ChannelKind::Slack.to_wire(), ChannelKind::Webhook.to_wire());
        let routes = [to_room(room), to_channel(siem)];
        let begin = would(&rig, said(&rig, Trigger, "e1", &routes)).await;
        assert_eq!((begin.news(), begin.sentence.as_str()), (AlertNews::Begins, "It begins the alert."));
        assert!(begin.alert.is_none());
        let all = [(chat, AlertHearing::Sent, true), (webhook, AlertHearing::Sent, true)];
        assert_eq!(heard(&begin), all);

        say(&mut rig, Trigger, "e1", &routes).await;
        rig.pass(HOUR).await;
        let again = would(&rig, said(&rig, Trigger, "e2", &routes)).await;
        assert_eq!(again.news(), AlertNews::Repeats);
        assert_eq!(
            again.sentence,
            "It is a repeat: the alert is open, seen 2 times since 21 Nov 2026, 09:00 UTC."
        );
        assert_eq!(again.alert.as_ref().unwrap().count, 1, "as it is before the event");
        assert_eq!(heard(&again)[0], (chat, AlertHearing::Counted, true));
        assert_eq!(heard(&again)[1], (webhook, AlertHearing::Sent, true));
        let worse = Said { severity: Severity::Critical, ..said(&rig, Trigger, "e3", &routes) };
        let worse = would(&rig, worse).await;
        assert_eq!(worse.news(), AlertNews::Changes);
        assert!(worse.sentence.ends_with("Its severity is worse than any before."), "{}", worse.sentence);

        say(&mut rig, Trigger, "e2", &routes).await;
        let was = did(&rig, "e2").await;
        assert_eq!((was.news(), &was.sentence), (again.news(), &again.sentence));
        assert_eq!(heard(&was), heard(&again));
        assert_eq!(did(&rig, "e1").await.news(), AlertNews::Begins);
        assert_eq!(was.alert.unwrap().count, 2);
    }

    async fn the_end_says_who_is_told_and_who_is_not(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, lost) = (slack(&rig.env), slack(&rig.env));
        let olga = member(&rig, false);
        let failure = crate::senders::AttemptResult::permanent("slack.no_service", "gone");
        rig.env.receivers.answer(lost, failure);
        say(&mut rig, Trigger, "begin", &[to_room(room), to_room(lost), to_member(olga, "findings")]).await;
        rig.env.config.opt_out(olga, "findings");
        rig.core.channels.forget(rig.env.team);
        let began = did(&rig, "begin").await;
        let end_of = |kind: ChannelKind, is_told: bool| {
            let mut all = began.listeners.iter();
            let found = all.find(|it| it.route.as_ref().unwrap().kind == kind.to_wire() && it.told_of_end == is_told);
            found.unwrap().end_sentence.as_str()
        };
        assert_eq!(end_of(ChannelKind::Slack, true), "");
        assert_eq!(end_of(ChannelKind::Slack, false), "It was not told of the beginning.");
        assert_eq!(end_of(ChannelKind::Email, false), "The member turned emails on findings off.");

        let end = would(&rig, said(&rig, Resolve, "end", &[])).await;
        assert_eq!(end.news(), AlertNews::Ends);
        let hearings: Vec<_> = end.listeners.iter().map(wire::AlertListener::hearing).collect();
        assert_eq!(hearings, [AlertHearing::Sent, AlertHearing::NotSent]);
        let reason = |listener: &wire::AlertListener| listener.route.clone().unwrap().reason.unwrap().code;
        assert!(end.listeners.iter().all(|listener| reason(listener) == FOLLOWS_ALERT));
        say(&mut rig, Resolve, "end", &[]).await;
        let was = did(&rig, "end").await;
        assert_eq!((was.news(), was.listeners.len()), (AlertNews::Ends, 2));
    }

    async fn what_comes_late_or_finds_no_alert_says_so(store: Store) {
        let mut rig = Rig::new(&store).await;
        let routes = [to_room(slack(&rig.env))];
        let update = would(&rig, said(&rig, Update, "update", &routes)).await;
        assert_eq!(update.news(), AlertNews::Unrelated);
        assert!(update.sentence.starts_with("The alert is not open, so it changes nothing."));
        let end = would(&rig, said(&rig, Resolve, "end", &[])).await;
        assert_eq!(end.sentence, "The alert is not open, so it ends nothing.");
        say(&mut rig, Trigger, "begin", &routes).await;
        say(&mut rig, Resolve, "end", &[]).await;
        let earlier = rig.env.now() - chrono::TimeDelta::hours(1);
        let late = Said { at: earlier, ..said(&rig, Trigger, "late", &routes) };
        let late = would(&rig, late).await;
        assert_eq!(late.news(), AlertNews::Unrelated);
        assert!(late.sentence.starts_with("It occurred before the alert ended"), "{}", late.sentence);
        rig.pass(HOUR).await;
        let next = said(&rig, Trigger, "next", &routes);
        submit(&mut rig, next).await;
        let late = Said { at: earlier, ..said(&rig, Resolve, "late-end", &[]) };
        let late = would(&rig, late).await;
        assert_eq!(late.sentence, "The alert was triggered again after it occurred, so it stays open.");
    }
}
