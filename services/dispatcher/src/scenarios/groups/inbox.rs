//! The inbox shows a group as one row.

use super::*;
use crate::scenarios::alerts::{Said, notifications, said, submit};

store_tests! {
    migrator = Migrator;

    async fn a_group_is_one_row_of_the_inbox(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_inbox());
        find_all(&mut rig, &["e1", "e2"], &route).await;
        assert_eq!(notifications(&rig).await, []);
        assert_eq!(told(&rig, State::Folded).await.len(), 2);
        rig.pass(WAIT).await;
        let rows = notifications(&rig).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].title, "2 findings of scan nightly: 2 low");
        assert_eq!(only_summary(&rig).await.0.state, State::Delivered as i32);
        assert!(told(&rig, State::Folded).await.iter().all(|delivery| delivery.end_time.is_some()));
        rig.pass(HOUR).await;
        assert_eq!(notifications(&rig).await.len(), 1);
    }

    async fn one_alone_is_its_own_row_and_what_begins_and_ends_meanwhile_is_the_end(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_inbox());
        find(&mut rig, "alone", Severity::Low, std::slice::from_ref(&route)).await;
        rig.pass(WAIT).await;
        assert_eq!(notifications(&rig).await[0].title, "Finding alone");
        assert_eq!(rig.states().await, [State::Delivered]);

        say(&mut rig, Trigger, "begin", std::slice::from_ref(&route)).await;
        rig.pass(Duration::from_secs(60)).await;
        say(&mut rig, Resolve, "end", &[]).await;
        rig.pass(WAIT).await;
        let rows = notifications(&rig).await;
        let titles: Vec<_> = rows.iter().map(|row| row.title.as_str()).collect();
        assert_eq!(titles, ["Finding end", "Finding alone"]);
    }

    async fn what_was_gathered_takes_no_place_of_newer_news_of_its_alert(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_inbox());
        let begin = said(&rig, Trigger, "begin", std::slice::from_ref(&route));
        submit(&mut rig, Said { severity: Severity::Low, ..begin }).await;
        rig.pass(Duration::from_secs(60)).await;
        let worse = said(&rig, Trigger, "worse", std::slice::from_ref(&route));
        submit(&mut rig, Said { severity: Severity::Critical, ..worse }).await;
        let titles = async |rig: &Rig| -> Vec<String> {
            notifications(rig).await.into_iter().map(|row| row.title).collect()
        };
        assert_eq!(titles(&rig).await, ["Finding worse"]);
        rig.pass(WAIT).await;
        assert_eq!(titles(&rig).await, ["Finding worse"], "the older one says less");
        assert_eq!(rig.states().await, [State::Delivered; 2]);
    }
}
