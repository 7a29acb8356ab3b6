use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::event::tests::{noon, sample};
use crate::quiet_hours::{LocalTime, QuietHours, Window};
use crate::severities::SeveritySet;
use crate::vocabulary::Severity;

fn hours(hours: i64) -> DateTime<Utc> {
    noon() + TimeDelta::hours(hours)
}

fn written(change: impl FnOnce(&mut wire::Silence)) -> Result<Silence, Violations> {
    let mut message = wire::Silence {
        end_time: Some(timestamp(hours(2))),
        comment: "patch window".to_owned(),
        ..wire::Silence::default()
    };
    change(&mut message);
    Silence::written(&message, noon())
}

fn fields(result: Result<Silence, Violations>) -> Vec<String> {
    let violations = result.unwrap_err();
    violations
        .iter()
        .map(|violation| violation.field.clone())
        .collect()
}

#[test]
fn a_silence_begins_now_and_holds_everything_but_webhooks_and_the_inbox() {
    let silence = written(|_| ()).unwrap();
    assert_eq!((silence.start, silence.end), (noon(), hours(2)));
    assert_eq!(silence.mode, SilenceMode::Hold);
    for (kind, covered) in [
        (ChannelKind::Slack, true),
        (ChannelKind::Teams, true),
        (ChannelKind::Email, true),
        (ChannelKind::Webhook, false),
        (ChannelKind::InApp, false),
    ] {
        assert_eq!(silence.covers(kind, None), covered, "{kind}");
    }
}

#[test]
fn webhooks_are_silenced_when_they_are_named() {
    let id = ChannelId::generate(noon());
    let other = Some(ChannelId::generate(noon()));
    let by_id = written(|message| message.channel_ids = vec![id.to_string()]).unwrap();
    assert!(by_id.covers(ChannelKind::Webhook, Some(id)));
    assert!(!by_id.covers(ChannelKind::Webhook, other));
    assert!(!by_id.covers(ChannelKind::Slack, other));
    let by_kind = written(|message| message.kinds = vec![ChannelKind::Webhook.to_wire()]).unwrap();
    assert!(by_kind.covers(ChannelKind::Webhook, other));
    assert!(!by_kind.covers(ChannelKind::Email, None));
}

#[test]
fn every_field_that_is_wrong_is_named() {
    assert_eq!(
        fields(Silence::written(&wire::Silence::default(), noon())),
        ["end_time", "comment"]
    );
    assert_eq!(fields(written(|s| s.comment = " ".to_owned())), ["comment"]);
    assert_eq!(fields(written(|s| s.comment = "a\nb".to_owned())), ["comment"]);
    assert_eq!(fields(written(|s| s.comment = "x".repeat(201))), ["comment"]);
    assert_eq!(fields(written(|s| s.mode = 9)), ["mode"]);
    assert_eq!(
        fields(written(|s| s.kinds = vec![ChannelKind::InApp.to_wire()])),
        ["kinds[0]"]
    );
    assert_eq!(
        fields(written(|s| s.channel_ids = vec!["siem".to_owned()])),
        ["channel_ids[0]"]
    );
    let filter = |expression: &str| wire::EventFilter {
        types: vec!["scan".to_owned()],
        expression: expression.to_owned(),
        ..wire::EventFilter::default()
    };
    assert_eq!(
        fields(written(|s| s.r#match = Some(filter("1 +")))),
        ["match.types[0]", "match.expression"]
    );
    assert_eq!(
        fields(written(|s| s.r#match = Some(filter("event.nothing == 1")))),
        ["match.types[0]", "match.expression"]
    );
}

#[test]
fn a_silence_ends_in_the_future_after_its_beginning_and_within_thirty_days() {
    let at = |time: DateTime<Utc>| Some(timestamp(time));
    let span = |start, end| {
        written(|s| {
            s.start_time = at(start);
            s.end_time = at(end);
        })
    };
    assert_eq!(fields(span(hours(3), hours(3))), ["end_time"]);
    assert_eq!(fields(span(hours(3), hours(2))), ["end_time"]);
    assert_eq!(fields(span(hours(-3), hours(0))), ["end_time"]);
    assert!(span(hours(-3), hours(1)).is_ok());
    assert!(span(hours(1), hours(1 + 720)).is_ok());
    assert_eq!(fields(span(hours(1), hours(2 + 720))), ["end_time"]);
    assert_eq!(fields(span(hours(9000), hours(9001))), ["start_time"]);
}

#[test]
fn the_beginning_belongs_to_a_silence_and_the_end_does_not() {
    let silence = written(|s| s.start_time = Some(timestamp(hours(1)))).unwrap();
    for (now, active, state) in [
        (hours(0), false, wire::SilenceState::Pending),
        (hours(1), true, wire::SilenceState::Active),
        (hours(2), false, wire::SilenceState::Expired),
    ] {
        assert_eq!((silence.is_active(now), silence.state(now)), (active, state));
    }
}

#[test]
fn receipts_are_never_silenced() {
    let silence = written(|_| ()).unwrap();
    let finding = sample("finding.created");
    let mut receipt = finding.clone();
    receipt.event_type = RECEIPT.parse().unwrap();
    let mail = (ChannelKind::Email, None);
    assert!(deciding([&silence], &finding, mail, noon()).is_some());
    assert!(deciding([&silence], &receipt, mail, noon()).is_none());
}

#[test]
fn the_filter_decides_which_events_are_silenced_whatever_their_severity() {
    let silence = written(|s| {
        s.r#match = Some(wire::EventFilter {
            types: vec!["finding.*".to_owned()],
            expression: "event.subject == 'prod'".to_owned(),
            ..wire::EventFilter::default()
        });
    })
    .unwrap();
    let mut event = sample("finding.created");
    event.severity = Severity::Critical;
    let slack = (ChannelKind::Slack, None);
    event.subject = Some("prod".to_owned());
    assert!(deciding([&silence], &event, slack, noon()).is_some());
    event.subject = None;
    assert!(deciding([&silence], &event, slack, noon()).is_none());
}

#[test]
fn dropping_comes_before_holding_and_then_the_latest_end() {
    let silence = |number, end, mode| {
        let mut silence = written(|_| ()).unwrap();
        silence.id = SilenceId::from_uuid(uuid::Uuid::from_u128(number));
        silence.end = hours(end);
        silence.mode = mode;
        silence
    };
    let (short, long) = (silence(1, 1, SilenceMode::Hold), silence(2, 9, SilenceMode::Hold));
    let drop = silence(3, 2, SilenceMode::Drop);
    let event = sample("finding.created");
    let chosen = |silences: &[&Silence]| {
        let chosen = deciding(
            silences.iter().copied(),
            &event,
            (ChannelKind::Slack, None),
            noon(),
        );
        chosen.map(|silence| silence.id)
    };
    assert_eq!(chosen(&[&long, &short]), Some(long.id));
    assert_eq!(chosen(&[&long, &drop, &short]), Some(drop.id));
    assert_eq!(chosen(&[]), None);
}

proptest! {
    #[test]
    fn what_is_accepted_reads_back(
        comment in "[^\\p{C}\\s]([^\\p{C}]{0,60}[^\\p{C}\\s])?",
        minutes in 1_i64..43_200,
        kinds in proptest::collection::vec(1_i32..=4, 0..4),
        mode in 0_i32..=2,
    ) {
        let silence = written(|s| {
            s.comment = comment;
            s.kinds = kinds;
            s.mode = mode;
            s.end_time = Some(timestamp(noon() + TimeDelta::minutes(minutes)));
        });
        let silence = silence.unwrap();
        prop_assert_eq!(Silence::try_from(&wire::Silence::from(&silence)).unwrap(), silence);
    }
}

proptest! {
    /// Each hold is asked anew at its end, as the Dispatcher does.
    #[test]
    fn what_silences_and_quiet_hours_hold_goes_out_at_the_first_moment_that_none_of_them_holds(
        spans in proptest::collection::vec((0_i64..900, 1_i64..600), 0..5),
        (from, to) in (0_u16..24, 0_u16..24),
        came in 0_i64..900,
    ) {
        let minute = |minute| noon() + TimeDelta::minutes(minute);
        let silences: Vec<_> = spans
            .iter()
            .map(|(start, length)| Silence {
                start: minute(*start),
                end: minute(start + length),
                ..written(|_| ()).unwrap()
            })
            .collect();
        let window = Window {
            days: vec![],
            start: LocalTime::new(from, 0).unwrap(),
            end: LocalTime::new(to, 30).unwrap(),
        };
        let quiet = QuietHours::try_new(chrono_tz::Tz::UTC, vec![window], SeveritySet::EMPTY, false).unwrap();
        let event = sample("finding.created");
        let until = |now| {
            let silence = deciding(&silences, &event, (ChannelKind::Slack, None), now);
            silence.map(|silence| silence.end).or_else(|| quiet.holds(event.severity, now))
        };
        let mut sent = minute(came);
        while let Some(later) = until(sent) {
            prop_assert!(later > sent);
            sent = later;
        }
        let first = (came..).map(minute).find(|now| until(*now).is_none());
        prop_assert_eq!(Some(sent), first);
    }
}
