//! Transactions whose callers go away.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use watchbell_store::{connect, store_tests};

use crate::connecting::OneTable;

async fn things(connection: &DatabaseConnection) -> usize {
    let read = connection
        .query_all_raw(sea_orm::Statement::from_string(
            connection.get_database_backend(),
            "SELECT id FROM things",
        ))
        .await;
    read.unwrap().len()
}

store_tests! {
    async fn whoever_gives_up_beginning_a_transaction_leaves_none_to_the_next(store: Store) {
        store.migrate::<OneTable>().await.unwrap();
        let narrow = connect(&store.settings().clone().with_pool_size(1)).await.unwrap();
        narrow.begin().await.unwrap().rollback().await.unwrap();
        // One of these moments is between the question and the answer.
        for moment in 0..60 {
            let patience = Duration::from_micros(moment * 20);
            let _ = tokio::time::timeout(patience, narrow.begin()).await;
            let _ = tokio::time::timeout(patience, narrow.begin_reading()).await;
            let insert = format!("INSERT INTO things (id) VALUES ({moment})");
            narrow.writer().execute_unprepared(&insert).await.unwrap();
            let seen = things(store.reader()).await;
            assert_eq!(seen, usize::try_from(moment).unwrap() + 1, "what was written is not committed");
        }
        narrow.close().await.unwrap();
    }
}
