//! Links of messages: who was told of an alert takes it on by them, once, for as long as it is open, and does nothing else.

use watchbell_contracts::api::AlertApi as _;
use watchbell_contracts::dispatcher::v1::AlertState;
use watchbell_contracts::event::v1::AlertAction::{Resolve, Trigger};
use watchbell_model::alert_link::{AlertLink, LINK_LIFETIME, LinkHolder};
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_store::store_tests;

use super::alert_acts::act;
use super::alerts::{KEY, say, titles_to, to_room};
use super::people::{email_channel, member, set_recipients, to_member, to_recipient};
use super::storms::slack;
use super::*;
use crate::store::Migrator;

const MEMBER: &str = "olga@example.com";

/// The link of a message that is sent now, of an alert that begins now.
fn link(rig: &Rig, holder: LinkHolder) -> AlertLink {
    AlertLink {
        team: rig.env.team,
        key: KEY.parse().unwrap(),
        opened_at: rig.env.now(),
        expires_at: rig.env.now() + LINK_LIFETIME,
        holder,
    }
}

fn of_mailbox(rig: &Rig) -> AlertLink {
    link(rig, LinkHolder::Mailbox(MEMBER.parse().unwrap()))
}

fn signed(link: &AlertLink) -> String {
    link.sign(&fakes::link_keys())
}

async fn inspect(rig: &Rig, token: &str) -> Result<wire::AlertLink, tonic::Status> {
    let request = wire::InspectAlertLinkRequest {
        token: token.to_owned(),
    };
    let answer = rig.service.inspect_alert_link(internal_request(request)).await?;
    Ok(answer.into_inner().link.unwrap())
}

async fn acknowledge(
    rig: &mut Rig,
    token: &str,
) -> Result<wire::AcknowledgeAlertByLinkResponse, tonic::Status> {
    let service = rig.service.clone();
    let token = token.to_owned();
    let done = rig
        .during(async move {
            let request = wire::AcknowledgeAlertByLinkRequest { token };
            service.acknowledge_alert_by_link(internal_request(request)).await
        })
        .await;
    rig.settle().await;
    done.map(tonic::Response::into_inner)
}

async fn is_refused(rig: &mut Rig, link: &AlertLink) -> bool {
    let inspected = inspect(rig, &signed(link)).await.err();
    let acknowledged = acknowledge(rig, &signed(link)).await.err();
    let codes = [inspected, acknowledged].map(|status| status.map(|status| status.code()));
    codes == [Some(tonic::Code::InvalidArgument); 2]
}

store_tests! {
    migrator = Migrator;

    async fn a_channels_link_acknowledges_once_in_its_name_and_tells_the_channels_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let olga = member(&rig, false);
        let (of_room, of_olga) = (link(&rig, LinkHolder::Channel(room)), of_mailbox(&rig));
        say(&mut rig, Trigger, "begin", &[to_room(room), to_member(olga, "findings")]).await;
        let shown = inspect(&rig, &signed(&of_room)).await.unwrap();
        assert_eq!((shown.holder.as_str(), shown.ended), ("the channel #alerts", false));
        assert_eq!(shown.alert.unwrap().state(), AlertState::Open, "looking changes nothing");
        assert_eq!(titles_to(&rig, ChannelKind::Slack).await.len(), 1);

        rig.pass(Duration::from_secs(60)).await;
        let done = acknowledge(&mut rig, &signed(&of_room)).await.unwrap();
        let alert = done.link.unwrap().alert.unwrap();
        assert!(done.acknowledged && alert.state() == AlertState::Acknowledged);
        assert_eq!(alert.acknowledged_by, "the channel #alerts");
        assert_eq!(alert.acknowledge_time, Some(timestamp(rig.env.now())));
        // Twice, and by somebody else's.
        for later in [&of_room, &of_olga] {
            let again = acknowledge(&mut rig, &signed(later)).await.unwrap();
            assert!(!again.acknowledged);
            assert_eq!(again.link.unwrap().alert.unwrap().acknowledged_by, "the channel #alerts");
        }
        assert_eq!(
            titles_to(&rig, ChannelKind::Slack).await,
            ["Finding begin", "Acknowledged by the channel #alerts: Finding begin"]
        );
        assert_eq!(titles_to(&rig, ChannelKind::Email).await, ["Finding begin"]);
    }

    async fn a_mailboxs_link_acts_for_the_mailbox_until_it_would_not_be_told_any_more(store: Store) {
        let mut rig = Rig::new(&store).await;
        let olga = member(&rig, false);
        let list = email_channel(&rig, "list", &["Lee@example.com"]);
        let to_lee = event_wire::route::Target::Address(event_wire::AddressTarget {
            address: "Lee@example.com".to_owned(),
            channel_id: list.to_string(),
        });
        let to_lee = event_wire::Route { target: Some(to_lee), ..to_recipient(list) };
        let of_lee = link(&rig, LinkHolder::Mailbox("lee@example.com".parse().unwrap()));
        let of_olga = of_mailbox(&rig);
        say(&mut rig, Trigger, "begin", &[to_member(olga, "findings"), to_lee]).await;
        assert_eq!(inspect(&rig, &signed(&of_olga)).await.unwrap().holder, MEMBER);
        assert_eq!(inspect(&rig, &signed(&of_lee)).await.unwrap().holder, "Lee@example.com");

        set_recipients(&rig, list, &[]);
        assert!(is_refused(&mut rig, &of_lee).await, "taken off the channel");
        rig.env.config.leave(olga);
        rig.core.channels.forget(rig.env.team);
        assert!(is_refused(&mut rig, &of_olga).await, "has left the team");
        assert_eq!(rig.deliveries().await.len(), 2, "nothing was told");
    }

    async fn a_link_is_refused_that_is_forged_or_whose_holder_was_told_of_nothing(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, other) = (slack(&rig.env), rig.env.channel("other"));
        let of_room = link(&rig, LinkHolder::Channel(room));
        say(&mut rig, Trigger, "begin", &[to_room(room)]).await;
        let forged = UnsubscribeKeys::new(["somebody else's long key".into()]).unwrap();
        for token in ["", "made up", &of_room.sign(&forged)] {
            assert_eq!(inspect(&rig, token).await.unwrap_err().code(), tonic::Code::InvalidArgument);
        }
        let to_other = link(&rig, LinkHolder::Channel(other));
        assert!(is_refused(&mut rig, &to_other).await);
        let of_another_team = AlertLink { team: watchbell_model::ids::TeamId::generate(rig.env.now()), ..of_room.clone() };
        let shown = acknowledge(&mut rig, &signed(&of_another_team)).await.unwrap();
        assert_eq!(shown, wire::AcknowledgeAlertByLinkResponse { link: Some(wire::AlertLink::default()), acknowledged: false });
        assert!(acknowledge(&mut rig, &signed(&of_room)).await.unwrap().acknowledged);
    }

    async fn a_link_ends_with_the_life_of_its_alert_and_after_a_month(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let first = link(&rig, LinkHolder::Channel(room));
        say(&mut rig, Trigger, "begin", &[to_room(room)]).await;
        rig.pass(Duration::from_secs(60)).await;
        say(&mut rig, Resolve, "end", &[]).await;
        let over = acknowledge(&mut rig, &signed(&first)).await.unwrap();
        let shown = over.link.unwrap();
        assert!(shown.ended && shown.holder.is_empty() && !over.acknowledged);
        assert_eq!(shown.alert.unwrap().state(), AlertState::Resolved);

        rig.pass(Duration::from_secs(60)).await;
        let second = link(&rig, LinkHolder::Channel(room));
        say(&mut rig, Trigger, "again", &[to_room(room)]).await;
        let over = acknowledge(&mut rig, &signed(&first)).await.unwrap();
        assert!(!over.acknowledged, "of the life before");
        assert_eq!(over.link, Some(wire::AlertLink { ended: true, ..Default::default() }), "says nothing of the life after");
        assert!(!inspect(&rig, &signed(&second)).await.unwrap().ended);
        rig.pass(Duration::from_secs(30 * 24 * 3600)).await;
        let late = acknowledge(&mut rig, &signed(&second)).await.unwrap();
        assert_eq!(late.link, Some(wire::AlertLink::default()));
        assert_eq!(act(&mut rig, "acknowledge").await.unwrap().acknowledged_by, "the platform");
    }
}
