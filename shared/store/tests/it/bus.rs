//! Notices between replicas.

use watchbell_store::listen::BusEvent;
use watchbell_store::{Backend, connect, store_tests};

store_tests! {
    async fn a_subscriber_hears_its_channel_in_order_and_no_other(store: Store) {
        let mut heard = store.bus().subscribe("teams");
        if store.backend() == Backend::Postgres {
            assert_eq!(heard.recv().await, Some(BusEvent::MaybeMissed), "LISTEN takes hold");
        }
        store.bus().publish("other", "0").await.unwrap();
        for payload in ["1", "two\nlines", ""] {
            store.bus().publish("teams", payload).await.unwrap();
        }
        for payload in ["1", "two\nlines", ""] {
            assert_eq!(heard.recv().await, Some(BusEvent::Published(payload.into())));
        }
    }

    async fn replicas_on_one_postgres_hear_one_another(store: Store) {
        if store.backend() == Backend::Postgres {
            let replica = connect(store.settings()).await.unwrap();
            let mut heard = replica.bus().subscribe("teams");
            assert_eq!(heard.recv().await, Some(BusEvent::MaybeMissed));
            store.bus().publish("teams", "7").await.unwrap();
            assert_eq!(heard.recv().await, Some(BusEvent::Published("7".into())));
            replica.close().await.unwrap();
        }
    }

    async fn a_listener_that_loses_its_connection_says_so_and_hears_again(store: Store) {
        if store.backend() == Backend::Postgres {
            use sea_orm::ConnectionTrait;
            let mut heard = store.bus().subscribe("teams");
            assert_eq!(heard.recv().await, Some(BusEvent::MaybeMissed));
            let channel = format!("LISTEN \"watchbell_{}\"", store.settings().schema);
            let kill = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = '{channel}'"
            );
            store.writer().execute_unprepared(&kill).await.unwrap();
            assert_eq!(heard.recv().await, Some(BusEvent::MaybeMissed));
            loop {
                // Each notice before LISTEN takes hold again is lost; the subscriber is told, and asks again.
                store.bus().publish("teams", "8").await.unwrap();
                match heard.recv().await {
                    Some(BusEvent::Published(payload)) => break assert_eq!(&*payload, "8"),
                    other => assert_eq!(other, Some(BusEvent::MaybeMissed)),
                }
            }
        }
    }

    async fn a_subscription_ends_with_its_store(store: Store) {
        let replica = connect(store.settings()).await.unwrap();
        let mut heard = replica.bus().subscribe("teams");
        replica.close().await.unwrap();
        while let Some(notice) = heard.recv().await {
            assert_eq!(notice, BusEvent::MaybeMissed);
        }
    }

    async fn a_subscriber_far_behind_is_told(store: Store) {
        let mut heard = store.bus().subscribe("teams");
        if store.backend() == Backend::Sqlite {
            for _ in 0..2000 {
                store.bus().publish("teams", "x").await.unwrap();
            }
            assert_eq!(heard.recv().await, Some(BusEvent::MaybeMissed));
            assert_eq!(heard.recv().await, Some(BusEvent::Published("x".into())));
        }
    }
}
