//! What a member turned off is not sent any more, however long ago it was decided.

use std::sync::atomic::Ordering;

use watchbell_domain::ids::MemberId;
use watchbell_store::store_tests;

use super::*;
use crate::senders::Report;
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

fn to_member(member: MemberId, topic: &str) -> event_wire::Route {
    mail(event_wire::route::Target::Person(event_wire::PersonTarget {
        member_id: member.to_string(),
        address: ADDRESS.to_owned(),
        topic: topic.to_owned(),
    }))
}

fn to_address() -> event_wire::Route {
    mail(event_wire::route::Target::Address(event_wire::AddressTarget {
        address: ADDRESS.to_owned(),
        channel_id: String::new(),
    }))
}

/// Submits an event that takes one route.
async fn emit(rig: &mut Rig, id: &str, route: event_wire::Route) {
    let request = wire::SubmitRequest {
        routes: vec![route],
        ..request(&rig.stage, id, &[])
    };
    rig.submit(vec![request]).await;
}

/// The next so many mails to people do not get through.
fn fails(rig: &Rig, count: usize) {
    let people = ChannelId::from_uuid(rig.stage.team.as_uuid());
    for _ in 0..count {
        let down = Report::retryable("smtp.451", "the mail server answered 451");
        rig.stage.receivers.answer(people, down);
    }
}

fn opt_out(rig: &Rig, member: MemberId) {
    rig.stage.config.opt_out(member, "findings");
    rig.core.channels.forget(rig.stage.team);
}

store_tests! {
    migrator = Migrator;

    async fn a_mail_that_waits_is_called_off_when_its_member_turns_the_topic_off(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (olga, ada) = (MemberId::generate(rig.stage.now()), MemberId::generate(rig.stage.now()));
        fails(&rig, 4);
        emit(&mut rig, "refused", to_member(olga, "findings")).await;
        emit(&mut rig, "topic", to_member(olga, "sla")).await;
        emit(&mut rig, "member", to_member(ada, "findings")).await;
        emit(&mut rig, "address", to_address()).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Pending; 4]);
        opt_out(&rig, olga);
        rig.pass(Duration::from_secs(60)).await;
        let mut again = rig.stage.receivers.events().split_off(4);
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
        let olga = MemberId::generate(rig.stage.now());
        opt_out(&rig, olga);
        emit(&mut rig, "e1", to_member(olga, "findings")).await;
        rig.settle().await;
        rig.stage.config.away.store(true, Ordering::Relaxed);
        rig.stage.clock.advance(Duration::from_secs(3600));
        emit(&mut rig, "e2", to_member(olga, "findings")).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Cancelled; 2]);
        assert!(rig.stage.receivers.carried().is_empty());
    }

    async fn a_mail_is_not_sent_before_it_is_known_whether_it_is_wanted(store: Store) {
        let mut rig = Rig::new(&store).await;
        let olga = MemberId::generate(rig.stage.now());
        rig.stage.config.away.store(true, Ordering::Relaxed);
        opt_out(&rig, olga);
        emit(&mut rig, "e1", to_member(olga, "findings")).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Pending]);
        rig.stage.config.away.store(false, Ordering::Relaxed);
        rig.pass(Duration::from_secs(5)).await;
        assert_eq!(rig.delivery().await.state_message, REFUSED);
        assert!(rig.stage.receivers.carried().is_empty());
    }
}
