//! Who has left, has another address, was taken off or turned a topic off is not mailed any more, however long ago it was
//! decided.

use std::sync::atomic::Ordering;

use watchbell_model::ids::MemberId;
use watchbell_store::store_tests;

use super::*;
use crate::senders::AttemptResult;
use crate::store::Migrator;

const ADDRESS: &str = "olga@example.com";
const REFUSED: &str = "The member turned emails on findings off.";

fn mail(target: event_wire::route::Target) -> event_wire::Route {
    event_wire::Route {
        kind: ChannelKind::Email.to_wire(),
        target: Some(target),
        ..Default::default()
    }
}

pub(super) fn to_member(member: MemberId, topic: &str) -> event_wire::Route {
    mail(event_wire::route::Target::Person(event_wire::PersonTarget {
        member_id: member.to_string(),
        address: ADDRESS.to_owned(),
        topic: topic.to_owned(),
        channel_id: String::new(),
    }))
}

pub(super) fn to_address() -> event_wire::Route {
    mail(event_wire::route::Target::Address(event_wire::AddressTarget {
        address: ADDRESS.to_owned(),
        channel_id: String::new(),
    }))
}

/// A member of the story's address.
pub(super) fn member(rig: &Rig, is_owner: bool) -> MemberId {
    let member = MemberId::generate(rig.env.now());
    rig.env.config.join(member, ADDRESS, is_owner);
    rig.core.channels.forget(rig.env.team);
    member
}

pub(super) fn to_recipient(channel: ChannelId) -> event_wire::Route {
    mail(event_wire::route::Target::Address(event_wire::AddressTarget {
        address: ADDRESS.to_owned(),
        channel_id: channel.to_string(),
    }))
}

/// An email channel with recipients, by the platform's mail server.
pub(super) fn email_channel(rig: &Rig, name: &str, recipients: &[&str]) -> ChannelId {
    let id = ChannelId::generate(rig.env.now());
    rig.env.config.add(rig.env.team, id, ChannelKind::Email, name);
    set_recipients(rig, id, recipients);
    id
}

pub(super) fn set_recipients(rig: &Rig, channel: ChannelId, recipients: &[&str]) {
    let recipients: Vec<_> = recipients.iter().map(|&address| address.to_owned()).collect();
    rig.env.config.change(rig.env.team, channel, |channel| {
        let smtp = match &channel.destination {
            Some(config::channel::Destination::Email(email)) => email.smtp.clone(),
            _ => None,
        };
        let email = config::EmailDestination {
            recipients,
            smtp,
            ..Default::default()
        };
        channel.destination = Some(config::channel::Destination::Email(email));
    });
    rig.core.channels.forget(rig.env.team);
}

/// The team's own mail server.
fn own_server(rig: &Rig) -> ChannelId {
    let id = email_channel(rig, "our server", &[]);
    rig.env.config.change(rig.env.team, id, |channel| {
        let email = config::EmailDestination {
            recipients: vec![],
            smtp: Some(config::SmtpServer::default()),
            ..Default::default()
        };
        channel.destination = Some(config::channel::Destination::Email(email));
    });
    rig.env.config.mail_by(id);
    rig.core.channels.forget(rig.env.team);
    id
}

async fn replay(rig: &Rig, id: &str) -> Result<(), tonic::Status> {
    let request = wire::ReplayRequest {
        team_id: rig.env.team.to_string(),
        delivery_id: id.to_owned(),
        ..Default::default()
    };
    rig.service.replay(internal_request(request)).await.map(drop)
}

async fn recover(rig: &Rig, channel: ChannelId) -> i64 {
    let request = wire::RecoverRequest {
        team_id: rig.env.team.to_string(),
        channel_id: channel.to_string(),
        start_time: Some(timestamp(rig.env.now() - chrono::TimeDelta::days(7))),
        ..Default::default()
    };
    let answer = rig.service.recover(internal_request(request)).await;
    answer.unwrap().into_inner().recovered_count
}

/// What the deliveries of an event came to.
async fn ended(rig: &Rig, event: &str) -> (State, String) {
    let all = rig.deliveries().await;
    let delivery = all.iter().rfind(|delivery| delivery.event_id == event).unwrap();
    (
        State::from_number(delivery.state).unwrap(),
        delivery.state_message.clone(),
    )
}

pub(super) fn receipt(rig: &Rig, id: &str, target: event_wire::route::Target) -> wire::SubmitRequest {
    let request = request(&rig.env, id, &[]);
    let event = event_wire::Event {
        r#type: "compliance.receipt.issued".to_owned(),
        ..request.event.clone().unwrap()
    };
    wire::SubmitRequest {
        event: Some(event),
        routes: vec![mail(target)],
        ..request
    }
}

/// Submits an event that takes one route.
async fn emit(rig: &mut Rig, id: &str, route: event_wire::Route) {
    let request = wire::SubmitRequest {
        routes: vec![route],
        ..request(&rig.env, id, &[])
    };
    rig.submit(vec![request]).await;
}

/// The next so many mails to people do not get through.
fn fails(rig: &Rig, count: usize) {
    let people = ChannelId::from_uuid(rig.env.team.as_uuid());
    for _ in 0..count {
        let down = AttemptResult::retryable("smtp.451", "the mail server answered 451");
        rig.env.receivers.answer(people, down);
    }
}

fn opt_out(rig: &Rig, member: MemberId) {
    rig.env.config.opt_out(member, "findings");
    rig.core.channels.forget(rig.env.team);
}

store_tests! {
    migrator = Migrator;

    async fn who_was_removed_or_has_moved_hears_nothing_that_waits_and_no_replay(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (left, moved, former) = (member(&rig, false), member(&rig, false), member(&rig, true));
        let channel = email_channel(&rig, "soc", &[ADDRESS, "other@example.com"]);
        rig.env.receivers.answer(channel, AttemptResult::retryable("smtp.451", "later"));
        fails(&rig, 4);
        emit(&mut rig, "left", to_member(left, "findings")).await;
        emit(&mut rig, "moved", to_member(moved, "findings")).await;
        emit(&mut rig, "notice", to_member(former, "")).await;
        emit(&mut rig, "listed", to_recipient(channel)).await;
        let to_officer = event_wire::AddressTarget { address: ADDRESS.to_owned(), channel_id: String::new() };
        rig.env.config.receipts_to(&[ADDRESS]);
        rig.core.channels.forget(rig.env.team);
        let issued = receipt(&rig, "receipt", event_wire::route::Target::Address(to_officer));
        rig.submit(vec![issued]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Pending; 5]);

        rig.env.config.leave(left);
        rig.env.config.join(moved, "elsewhere@example.com", false);
        rig.env.config.join(former, ADDRESS, false);
        rig.env.config.receipts_to(&["officer@example.com"]);
        set_recipients(&rig, channel, &["other@example.com"]);
        let before = rig.env.receivers.carried().len();
        rig.pass(Duration::from_secs(60)).await;
        for (event, why) in [
            ("left", "The member was removed from the team."),
            ("moved", "The member's address has changed."),
            ("notice", "The member is no longer an Owner."),
            ("listed", "The address was removed from the channel's recipients."),
            ("receipt", "The address is no longer a recipient of the team's receipts."),
        ] {
            assert_eq!(ended(&rig, event).await, (State::Cancelled, why.to_owned()), "{event}");
        }
        for delivery in rig.deliveries().await {
            let refused = replay(&rig, &delivery.id).await.unwrap_err();
            assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
            assert_eq!(refused.message(), delivery.state_message);
        }
        assert_eq!(recover(&rig, channel).await, 0);
        rig.settle().await;
        assert_eq!(rig.env.receivers.carried().len(), before, "and nobody was sent anything");
    }

    async fn who_has_not_confirmed_gets_the_email_that_asks_and_nothing_else(store: Store) {
        let mut rig = Rig::new(&store).await;
        own_server(&rig);
        let channel = email_channel(&rig, "soc", &[ADDRESS]);
        rig.env.receivers.answer(channel, AttemptResult::retryable("smtp.451", "later"));
        emit(&mut rig, "waiting", to_recipient(channel)).await;
        rig.settle().await;
        rig.env.config.unconfirmed(&[ADDRESS]);
        rig.env.config.change(rig.env.team, channel, |channel| {
            let unconfirmed = config::UnconfirmedRecipient { address: ADDRESS.to_owned(), ..Default::default() };
            let email = config::EmailDestination { unconfirmed_recipients: vec![unconfirmed], ..Default::default() };
            channel.destination = Some(config::channel::Destination::Email(email));
        });
        rig.core.channels.forget(rig.env.team);
        rig.pass(Duration::from_secs(60)).await;
        let to_officer = event_wire::AddressTarget { address: ADDRESS.to_owned(), channel_id: String::new() };
        let issued = receipt(&rig, "receipt", event_wire::route::Target::Address(to_officer));
        rig.submit(vec![issued]).await;
        rig.settle().await;
        for event in ["waiting", "receipt"] {
            let (state, why) = ended(&rig, event).await;
            assert_eq!(state, State::Cancelled, "{event}");
            assert!(why.contains("has not confirmed yet"), "{event}: {why}");
        }

        let asking = event_wire::Route {
            reason: Some(event_wire::Reason { code: "recipient_confirmation".to_owned(), ..Default::default() }),
            ..to_address()
        };
        emit(&mut rig, "asking", asking.clone()).await;
        rig.settle().await;
        assert_eq!(ended(&rig, "asking").await.0, State::Delivered);
        assert!(rig.env.receivers.carried().pop().unwrap().by_platform, "never by a server that the team reads");
        let all = rig.deliveries().await;
        let delivery = all.iter().find(|delivery| delivery.event_id == "asking").unwrap();
        let again = replay(&rig, &delivery.id).await.unwrap_err();
        assert_eq!(again.code(), tonic::Code::FailedPrecondition, "a replay would be one more email");

        rig.env.config.unconfirmed(&[]);
        rig.core.channels.forget(rig.env.team);
        emit(&mut rig, "too-late", asking).await;
        rig.settle().await;
        assert_eq!(ended(&rig, "too-late").await.0, State::Cancelled);
    }

    async fn what_waits_for_a_deleted_channel_is_called_off_at_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (retried, held) = (rig.env.channel("siem"), rig.env.channel("night"));
        rig.env.receivers.always(retried, Some(AttemptResult::retryable("http.500", "down")));
        rig.env.config.change(rig.env.team, held, |channel| {
            let day = config::QuietWindow { weekdays: vec![], start: "00:00".to_owned(), end: "23:59".to_owned() };
            channel.quiet_hours = Some(config::QuietHours { windows: vec![day], ..Default::default() });
        });
        rig.emit("e1", &[retried, held]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Pending, State::Held]);
        for channel in [retried, held] {
            rig.env.config.delete(rig.env.team, channel);
        }
        rig.core.channels.forget(rig.env.team);
        rig.unparker.tick().await.unwrap();
        assert_eq!(rig.states().await, [State::Cancelled; 2]);
        assert_eq!(ended(&rig, "e1").await.1, "the channel was deleted");
        let id = rig.deliveries().await[0].id.clone();
        assert_eq!(replay(&rig, &id).await.unwrap_err().message(), "the channel was deleted");
    }

    async fn mail_that_a_rule_wants_as_well_goes_by_its_channel_when_the_member_opts_out(store: Store) {
        let mut rig = Rig::new(&store).await;
        let olga = member(&rig, false);
        let channel = email_channel(&rig, "soc", &["Olga@example.com"]);
        let both = || {
            mail(event_wire::route::Target::Person(event_wire::PersonTarget {
                member_id: olga.to_string(),
                address: ADDRESS.to_owned(),
                topic: "findings".to_owned(),
                channel_id: channel.to_string(),
            }))
        };
        opt_out(&rig, olga);
        emit(&mut rig, "wanted", both()).await;
        rig.settle().await;
        assert_eq!(ended(&rig, "wanted").await.0, State::Delivered);
        assert_eq!(rig.env.receivers.carried()[0].channel, Some(channel), "whose link unsubscribes from the channel");
        set_recipients(&rig, channel, &["somebody@else.example"]);
        emit(&mut rig, "unwanted", both()).await;
        rig.settle().await;
        assert_eq!(ended(&rig, "unwanted").await, (State::Cancelled, REFUSED.to_owned()));
    }

    async fn a_failing_mail_server_of_the_team_parks_its_peoples_mail_and_is_recovered_receipts_first(store: Store) {
        let mut rig = Rig::new(&store).await;
        let olga = member(&rig, true);
        let server = own_server(&rig);
        let people = ChannelId::from_uuid(rig.env.team.as_uuid());
        let refused = AttemptResult::retryable("smtp.auth", "The mail server did not accept the account.");
        rig.env.receivers.always(people, Some(refused));
        emit(&mut rig, "first", to_member(olga, "findings")).await;
        rig.settle().await;
        for wait in [60, 300, 1_800, 7_200, 43_200] {
            rig.pass(Duration::from_secs(wait)).await;
        }
        assert_eq!(ended(&rig, "first").await.0, State::Failed);
        let to_olga = event_wire::AddressTarget { address: ADDRESS.to_owned(), channel_id: String::new() };
        emit(&mut rig, "second", to_member(olga, "findings")).await;
        let issued = receipt(&rig, "receipt", event_wire::route::Target::Address(to_olga));
        rig.submit(vec![issued]).await;
        rig.settle().await;
        for event in ["second", "receipt"] {
            let (state, why) = ended(&rig, event).await;
            assert_eq!(state, State::Parked);
            assert!(why.contains("our server is unhealthy"), "{why}");
        }

        rig.env.receivers.always(people, None);
        let core = Arc::clone(&rig.core);
        rig.during(async move { HealthReporter { core }.tick().await.unwrap() }).await;
        rig.settle().await;
        let notice = rig.env.receivers.carried().pop().unwrap();
        assert!(notice.event.starts_with("channel.unhealthy"), "{notice:?}");
        assert!(notice.by_platform, "never by the server that is broken");

        rig.env.config.change(rig.env.team, server, |channel| channel.health_epoch += 1);
        rig.core.channels.forget(rig.env.team);
        let core = Arc::clone(&rig.core);
        rig.during(async move { HealthReporter { core }.tick().await.unwrap() }).await;
        rig.settle().await;
        let notice = rig.env.receivers.carried().pop().unwrap();
        assert!(notice.event.starts_with("channel.recovered") && notice.by_platform, "{notice:?}");
        assert_eq!(recover(&rig, server).await, 3);
        rig.core.lanes().set_policy(
            crate::lanes::LaneId(rig.env.team.as_uuid()),
            crate::lanes::LanePolicy::new(1, 0.0),
            rig.env.clock.shared().monotonic(),
        );
        let before = rig.env.receivers.carried().len();
        rig.settle().await;
        let sent = rig.env.receivers.carried().split_off(before);
        let events: Vec<_> = sent.iter().map(|carried| carried.event.as_str()).collect();
        assert_eq!((events[0], events.len()), ("receipt", 3), "{events:?}");
        assert!(sent.iter().all(|carried| !carried.by_platform));
    }

    async fn a_receipt_that_nobody_gets_is_kept_told_of_and_sent_once_somebody_does(store: Store) {
        let mut rig = Rig::new(&store).await;
        let target = event_wire::route::Target::Receipts(event_wire::ReceiptsTarget {});
        let issued = receipt(&rig, "receipt", target);
        rig.submit(vec![issued]).await;
        rig.settle().await;
        assert_eq!(
            ended(&rig, "receipt").await,
            (State::Parked, "kept until the team has a compliance recipient or an Owner".to_owned())
        );
        for _ in 0..2 {
            rig.unparker.tick().await.unwrap();
            rig.settle().await;
        }
        let told = rig.deliveries().await.into_iter().filter(|delivery| delivery.event_type == "receipt.kept");
        let told: Vec<_> = told.map(|delivery| delivery.route.unwrap().kind()).collect();
        assert_eq!(told, [event_wire::ChannelKind::Email, event_wire::ChannelKind::InApp], "once each");
        assert_eq!(rig.env.receivers.carried()[0].address.as_deref(), Some("ops@platform.example"));

        rig.env.config.receipts_to(&["officer@example.com", "dpo@example.com"]);
        rig.core.channels.forget(rig.env.team);
        assert_eq!(rig.unparker.tick().await.unwrap(), 1);
        rig.settle().await;
        assert_eq!(ended(&rig, "receipt").await.0, State::Delivered);
        let sent = rig.env.receivers.carried().pop().unwrap();
        assert_eq!(sent.recipients, ["officer@example.com", "dpo@example.com"]);
    }

    async fn mail_over_a_teams_budget_waits_for_the_next_hour_and_none_is_lost(store: Store) {
        let env = TestEnv::new();
        let mut rig = Rig::with_mail(&store, &env, |mail| mail.max_per_team_hour = 2).await;
        let strangers = email_channel(&rig, "strangers", &[ADDRESS]);
        for event in ["e1", "e2", "e3"] {
            emit(&mut rig, event, to_recipient(strangers)).await;
        }
        rig.settle().await;
        let mut states = rig.states().await;
        states.sort_by_key(|state| *state as i16);
        assert_eq!(states, [State::Pending, State::Delivered, State::Delivered]);
        let all = rig.deliveries().await;
        let waits = all.iter().find(|delivery| delivery.state == State::Pending as i32).unwrap();
        assert_eq!(
            waits.state_message,
            "held until 21 Nov 2026, 10:00 UTC: the team has used its 2 emails per hour through the platform's mail server"
        );
        let request = wire::SendTestRequest {
            team_id: rig.env.team.to_string(),
            channel_id: strangers.to_string(),
            ..Default::default()
        };
        let refused = rig.service.send_test(internal_request(request)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "nor do tests get around it");
        rig.pass(Duration::from_secs(3600)).await;
        assert_eq!(rig.states().await, [State::Delivered; 3]);
    }

    async fn a_mail_that_waits_is_called_off_when_its_member_turns_the_topic_off(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (olga, ada) = (member(&rig, false), member(&rig, false));
        fails(&rig, 4);
        emit(&mut rig, "refused", to_member(olga, "findings")).await;
        emit(&mut rig, "topic", to_member(olga, "sla")).await;
        emit(&mut rig, "member", to_member(ada, "findings")).await;
        emit(&mut rig, "address", to_address()).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Pending; 4]);
        opt_out(&rig, olga);
        rig.pass(Duration::from_secs(60)).await;
        let mut again = rig.env.receivers.events().split_off(4);
        again.sort_unstable();
        assert_eq!(again, ["address", "member", "topic"], "everything else still goes");
        for delivery in rig.deliveries().await {
            let refused = delivery.event_id == "refused";
            let wanted = if refused { State::Cancelled } else { State::Delivered };
            assert_eq!(delivery.state, wanted as i32, "{}", delivery.event_id);
            assert_eq!(delivery.state_message == REFUSED, refused, "{}", delivery.state_message);
            assert!(delivery.end_time.is_some());
        }
    }

    async fn an_opt_out_is_remembered_while_config_is_away(store: Store) {
        let mut rig = Rig::new(&store).await;
        let olga = member(&rig, false);
        opt_out(&rig, olga);
        emit(&mut rig, "e1", to_member(olga, "findings")).await;
        rig.settle().await;
        rig.env.config.away.store(true, Ordering::Relaxed);
        rig.env.clock.advance(Duration::from_secs(3600));
        emit(&mut rig, "e2", to_member(olga, "findings")).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Cancelled; 2]);
        assert!(rig.env.receivers.carried().is_empty());
    }

    async fn a_mail_is_not_sent_before_it_is_known_whether_it_is_wanted(store: Store) {
        let mut rig = Rig::new(&store).await;
        let olga = member(&rig, false);
        rig.env.config.away.store(true, Ordering::Relaxed);
        opt_out(&rig, olga);
        emit(&mut rig, "e1", to_member(olga, "findings")).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Pending]);
        rig.env.config.away.store(false, Ordering::Relaxed);
        rig.pass(Duration::from_secs(5)).await;
        assert_eq!(rig.delivery().await.state_message, REFUSED);
        assert!(rig.env.receivers.carried().is_empty());
    }
}
