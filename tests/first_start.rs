//! The key that an installation begins with.

use crate::harness::{Client, Process, Serve, on_both_databases};

const SETTING: &str = "WATCHBELL__KEYS__ADMIN";
const CHOSEN: &str = "wbk_0123456789abcdef0123456789abcdef0123456789abcdef";

async fn is_known(process: &Process, key: &str) -> bool {
    let request = watchbell_contracts::config::v1::ListTeamsRequest::default();
    Client::new(process, key)
        .teams()
        .list_teams(request)
        .await
        .is_ok()
}

on_both_databases! {
    async fn the_operator_may_choose_the_admin_key(database: Database) {
        let serve = Serve::all(&database).env(SETTING, CHOSEN);
        for _ in 0..2 {
            let process = serve.start().await;
            assert!(is_known(&process, CHOSEN).await);
            process.kill();
        }
        assert!(!database.directory().join("admin.key").exists(), "it is nowhere else");
        let other = CHOSEN.replace("0123", "4567");
        let process = Serve::all(&database).env(SETTING, &other).start().await;
        assert!(is_known(&process, &other).await, "also when there are keys");
    }

    async fn a_start_that_died_before_its_key_was_known_is_made_up_for(database: Database) {
        std::fs::write(database.directory().join("admin.key"), CHOSEN).unwrap();
        let process = Serve::all(&database).start().await;
        assert!(is_known(&process, CHOSEN).await);
        assert_eq!(process.admin_key(), CHOSEN);
    }
}

#[test]
fn a_first_start_whose_output_goes_into_a_log_names_the_file_of_the_key_alone() {
    crate::harness::database::on_sqlite(|database| async move {
        let (process, said) = Serve::all(&database).start_and_hear("emit --help");
        let key = process.admin_key();
        assert!(
            said.contains("admin.key") && !said.contains("wbk_") && !said.contains(&key),
            "{said}"
        );
    });
}

#[test]
fn an_admin_key_that_is_none_is_refused_by_its_name_alone() {
    crate::harness::database::on_sqlite(|database| async move {
        let said = Serve::all(&database).env(SETTING, "wbk_hunter2").fail().await;
        assert!(said.contains("keys.admin") && !said.contains("hunter2"), "{said}");
    });
}

#[test]
fn replicas_of_config_that_start_together_know_one_key() {
    crate::harness::database::on_postgres(|database| async move {
        for key in [None, Some(CHOSEN)] {
            let serves = [(); 3].map(|()| {
                let serve = Serve::only(&database, &["config"]);
                key.into_iter().fold(serve, |serve, key| serve.env(SETTING, key))
            });
            let processes = serves.each_ref().map(Serve::launch);
            for mut process in processes {
                process.wait_until_ready().await;
                let key = key.map_or_else(|| process.admin_key(), str::to_owned);
                assert!(is_known(&process, &key).await);
            }
        }
    });
}
