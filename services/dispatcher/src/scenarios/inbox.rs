//! The inbox: per team in what it holds, per member in what is read.

use futures::{FutureExt, StreamExt};
use tonic::Code;
use watchbell_contracts::api::InboxApi;
use watchbell_model::ids::{MemberId, NotificationId};
use watchbell_runtime::auth::Principal;
use watchbell_store::store_tests;

use super::*;
use crate::store::Migrator;

async fn notify(rig: &mut Rig, id: &str) {
    let request = wire::SubmitRequest {
        routes: vec![to_inbox()],
        ..request(&rig.env, id, &[])
    };
    assert_eq!(rig.submit(vec![request]).await[0].error, None);
}

fn someone(rig: &Rig) -> MemberId {
    let member = MemberId::generate(rig.env.now());
    rig.env
        .config
        .join(member, &format!("{member}@example.com"), false);
    rig.core.channels.forget(rig.env.team);
    member
}

async fn list(rig: &Rig, member: MemberId, unread_only: bool, archived: bool) -> Vec<wire::Notification> {
    let mut request = wire::ListNotificationsRequest {
        team_id: rig.env.team.to_string(),
        member_id: member.to_string(),
        page_size: 2,
        unread_only,
        include_archived: archived,
        ..Default::default()
    };
    let mut all = Vec::new();
    loop {
        let page = rig
            .service
            .list_notifications(internal_request(request.clone()))
            .await
            .unwrap()
            .into_inner();
        all.extend(page.notifications);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

async fn unread(rig: &Rig, member: MemberId) -> i64 {
    let request = wire::GetUnreadCountRequest {
        team_id: rig.env.team.to_string(),
        member_id: member.to_string(),
    };
    rig.service
        .get_unread_count(internal_request(request))
        .await
        .unwrap()
        .into_inner()
        .unread_count
}

fn ids(notifications: &[wire::Notification]) -> Vec<&str> {
    notifications
        .iter()
        .map(|notification| notification.event_id.as_str())
        .collect()
}

type Stream = watchbell_contracts::api::BoxStream<wire::WatchResponse>;

/// A stream after a position, or from now on, and its first response.
async fn watch(rig: &Rig, member: MemberId, after: &str) -> (wire::WatchResponse, Stream) {
    let request = wire::WatchRequest {
        team_id: rig.env.team.to_string(),
        member_id: member.to_string(),
        after: after.to_owned(),
        ..Default::default()
    };
    let opened = rig.service.watch(internal_request(request)).await;
    let mut stream = opened.unwrap().into_inner();
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first.notification, None);
    (first, stream)
}

store_tests! {
    migrator = Migrator;

    async fn who_was_removed_from_the_team_reads_nothing_of_its_inbox_and_streams_end(store: Store) {
        let mut rig = Rig::new(&store).await;
        let ann = someone(&rig);
        notify(&mut rig, "e1").await;
        let request = wire::WatchRequest {
            team_id: rig.env.team.to_string(),
            member_id: ann.to_string(),
            ..Default::default()
        };
        let mut stream = rig.service.watch(internal_request(request)).await.unwrap().into_inner();
        stream.next().await.unwrap().unwrap();
        assert_eq!(unread(&rig, ann).await, 1);
        rig.env.config.leave(ann);
        rig.core.channels.forget(rig.env.team);
        let request = wire::GetUnreadCountRequest {
            team_id: rig.env.team.to_string(),
            member_id: ann.to_string(),
        };
        let refused = rig.service.get_unread_count(internal_request(request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        notify(&mut rig, "e2").await;
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::NotFound);
    }

    async fn what_goes_to_the_inbox_is_there_with_the_commit(store: Store) {
        let mut rig = Rig::new(&store).await;
        let member = someone(&rig);
        for id in ["e1", "e2", "e3"] {
            notify(&mut rig, id).await;
        }
        assert_eq!(ids(&list(&rig, member, false, false).await), ["e3", "e2", "e1"]);
        assert_eq!(rig.states().await, [State::Delivered; 3]);
        assert_eq!(unread(&rig, member).await, 3);
    }

    async fn an_event_with_two_ways_into_the_inbox_is_one_row(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("in-app");
        let by_rule = event_wire::Route { kind: ChannelKind::InApp.to_wire(), ..to_channel(channel) };
        let request = wire::SubmitRequest { routes: vec![to_inbox(), by_rule], ..request(&rig.env, "e1", &[]) };
        rig.submit(vec![request]).await;
        let member = someone(&rig);
        assert_eq!(list(&rig, member, false, false).await.len(), 1);
        assert_eq!(rig.states().await, [State::Delivered; 2]);
    }

    async fn read_and_archived_are_each_members_own(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (ann, bob) = (someone(&rig), someone(&rig));
        for id in ["e1", "e2", "e3"] {
            notify(&mut rig, id).await;
        }
        let all = list(&rig, ann, false, false).await;
        let mark = wire::MarkReadRequest {
            team_id: rig.env.team.to_string(),
            member_id: ann.to_string(),
            notification_ids: vec![all[0].id.clone()],
        };
        let answer = rig.service.mark_read(internal_request(mark.clone())).await.unwrap().into_inner();
        assert_eq!(answer.unread_count, 2);
        assert_eq!(rig.service.mark_read(internal_request(mark)).await.unwrap().into_inner().unread_count, 2);
        let archive = wire::ArchiveRequest {
            team_id: rig.env.team.to_string(),
            member_id: ann.to_string(),
            notification_ids: vec![all[1].id.clone()],
        };
        rig.service.archive(internal_request(archive)).await.unwrap();
        assert_eq!(unread(&rig, ann).await, 1);
        assert_eq!(ids(&list(&rig, ann, true, false).await), ["e1"]);
        assert_eq!(ids(&list(&rig, ann, false, false).await), ["e3", "e1"]);
        let everything = list(&rig, ann, false, true).await;
        assert_eq!(everything.iter().map(|row| (row.read, row.archived)).collect::<Vec<_>>(), [
            (true, false),
            (false, true),
            (false, false)
        ]);
        assert_eq!(unread(&rig, bob).await, 3);
    }

    async fn reading_everything_counts_for_what_was_there(store: Store) {
        let mut rig = Rig::new(&store).await;
        let member = someone(&rig);
        notify(&mut rig, "e1").await;
        notify(&mut rig, "e2").await;
        let request =
            wire::MarkAllReadRequest { team_id: rig.env.team.to_string(), member_id: member.to_string() };
        rig.service.mark_all_read(internal_request(request)).await.unwrap();
        assert_eq!(unread(&rig, member).await, 0);
        notify(&mut rig, "e3").await;
        assert_eq!(ids(&list(&rig, member, true, false).await), ["e3"]);
    }

    async fn what_was_read_or_archived_can_be_taken_back(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (ann, bob) = (someone(&rig), someone(&rig));
        for id in ["e1", "e2", "e3"] {
            notify(&mut rig, id).await;
        }
        let all = list(&rig, ann, false, false).await;
        let (team_id, member_id) = (rig.env.team.to_string(), ann.to_string());
        let everything =
            wire::MarkAllReadRequest { team_id: team_id.clone(), member_id: member_id.clone() };
        rig.service.mark_all_read(internal_request(everything.clone())).await.unwrap();
        let again = wire::MarkUnreadRequest {
            team_id: team_id.clone(),
            member_id: member_id.clone(),
            notification_ids: vec![all[2].id.clone()],
        };
        let answer = rig.service.mark_unread(internal_request(again.clone())).await.unwrap().into_inner();
        assert_eq!(answer.unread_count, 1, "though everything up to it was read");
        assert_eq!(ids(&list(&rig, ann, true, false).await), ["e1"]);
        assert_eq!((unread(&rig, ann).await, unread(&rig, bob).await), (1, 3));
        let read = wire::MarkReadRequest {
            team_id: team_id.clone(),
            member_id: member_id.clone(),
            notification_ids: vec![all[2].id.clone()],
        };
        assert_eq!(rig.service.mark_read(internal_request(read)).await.unwrap().into_inner().unread_count, 0);
        rig.service.mark_unread(internal_request(again)).await.unwrap();
        rig.service.mark_all_read(internal_request(everything)).await.unwrap();
        assert_eq!(unread(&rig, ann).await, 0);
        assert!(list(&rig, ann, true, true).await.is_empty());

        let notification_ids = vec![all[0].id.clone(), all[1].id.clone()];
        let archive =
            wire::ArchiveRequest { team_id: team_id.clone(), member_id: member_id.clone(), notification_ids };
        rig.service.archive(internal_request(archive)).await.unwrap();
        assert_eq!(ids(&list(&rig, ann, false, false).await), ["e1"]);
        let back =
            wire::UnarchiveRequest { team_id, member_id, notification_ids: vec![all[0].id.clone()] };
        rig.service.unarchive(internal_request(back)).await.unwrap();
        assert_eq!(ids(&list(&rig, ann, false, false).await), ["e3", "e1"]);
        assert_eq!(ids(&list(&rig, bob, false, false).await), ["e3", "e2", "e1"]);
    }

    async fn a_stream_resumes_at_its_cursor_without_gap_or_repetition(store: Store) {
        let mut rig = Rig::new(&store).await;
        let member = someone(&rig);
        notify(&mut rig, "before").await;
        let (_, mut stream) = watch(&rig, member, "").await;
        assert!(stream.next().now_or_never().is_none(), "from now on");
        notify(&mut rig, "e1").await;
        let first = stream.next().await.unwrap().unwrap();
        assert_eq!(first.notification.unwrap().event_id, "e1");
        drop(stream);
        for id in ["e2", "e3"] {
            notify(&mut rig, id).await;
        }
        let (begun, mut stream) = watch(&rig, member, &first.position).await;
        assert_eq!((begun.position, begun.reset), (first.position, false));
        notify(&mut rig, "e4").await;
        let mut seen = Vec::new();
        while seen.len() < 3 {
            seen.push(stream.next().await.unwrap().unwrap().notification.unwrap().event_id);
        }
        assert_eq!(seen, ["e2", "e3", "e4"]);
    }

    async fn an_inbox_that_was_empty_misses_nothing_that_came_while_nobody_listened(store: Store) {
        let mut rig = Rig::new(&store).await;
        let member = someone(&rig);
        let (begun, stream) = watch(&rig, member, "").await;
        drop(stream);
        notify(&mut rig, "e1").await;
        let (_, mut stream) = watch(&rig, member, &begun.position).await;
        assert_eq!(stream.next().await.unwrap().unwrap().notification.unwrap().event_id, "e1");
    }

    async fn whoever_comes_from_a_history_that_is_gone_is_told_to_list_again(store: Store) {
        let mut rig = Rig::new(&store).await;
        let member = someone(&rig);
        for id in ["e1", "e2"] {
            notify(&mut rig, id).await;
        }
        let (newest, _) = watch(&rig, member, "").await;
        let cursor: i64 = newest.position.split('.').next().unwrap().parse().unwrap();
        let elsewhere = format!("{cursor}.{}", NotificationId::generate(rig.env.now()));
        for gone in ["99999999999", &elsewhere] {
            let (begun, mut stream) = watch(&rig, member, gone).await;
            assert!(begun.reset, "{gone}");
            assert_eq!(begun.position, newest.position, "where it goes on");
            assert!(stream.next().now_or_never().is_none(), "from now on");
        }
        // What was purged may have been followed by more that was.
        let purge = format!("DELETE FROM notifications WHERE cursor < {cursor}");
        store.writer().execute_unprepared(&purge).await.unwrap();
        assert!(watch(&rig, member, &(cursor - 1).to_string()).await.0.reset);
        assert!(!watch(&rig, member, &cursor.to_string()).await.0.reset, "a cursor alone may be known");
        let request = wire::WatchRequest {
            team_id: rig.env.team.to_string(),
            member_id: member.to_string(),
            after_cursor: 1_000_000_000,
            ..Default::default()
        };
        let mut stream = rig.service.watch(internal_request(request.clone())).await.unwrap().into_inner();
        assert!(stream.next().await.unwrap().unwrap().reset);
        let wrong = wire::WatchRequest { after: "nonsense".to_owned(), ..request };
        let Err(status) = rig.service.watch(internal_request(wrong)).await else { panic!("it opens") };
        assert_eq!(status.code(), Code::InvalidArgument);
    }

    async fn a_member_sees_no_other_members_inbox(store: Store) {
        let rig = Rig::new(&store).await;
        let (ann, bob) = (someone(&rig), someone(&rig));
        let mut request =
            tonic::Request::new(wire::GetUnreadCountRequest { team_id: String::new(), member_id: bob.to_string() });
        request.extensions_mut().insert(Principal::Member {
            member_id: ann,
            team_id: rig.env.team,
            role: watchbell_model::Role::Member,
            manages_integrations: false,
            session: None,
        });
        assert_eq!(rig.service.get_unread_count(request).await.unwrap_err().code(), Code::NotFound);
    }
}
