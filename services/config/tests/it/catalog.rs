//! Event types: the built-in ones, and a team's own.

use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tonic::Code;
use watchbell_config::Migrator;
use watchbell_contracts::api::CatalogApi;
use watchbell_contracts::config::v1::{
    CreateEventTypeRequest, DeleteEventTypeRequest, EventType, GetEventTypeRequest, ListEventTypesRequest,
    UpdateEventTypeRequest,
};
use watchbell_model::catalog::Catalog;
use watchbell_store::store_tests;

use crate::support::{Config, of_team, refused, violated};

fn backup(name: &str) -> CreateEventTypeRequest {
    CreateEventTypeRequest {
        event_type: Some(EventType {
            name: name.to_owned(),
            title: "A backup failed".to_owned(),
            ..EventType::default()
        }),
        ..CreateEventTypeRequest::default()
    }
}

fn text(name: &str, value: &str) -> Struct {
    let value = Value {
        kind: Some(Kind::StringValue(value.to_owned())),
    };
    Struct {
        fields: [(name.to_owned(), value)].into(),
    }
}

store_tests! {
    migrator = Migrator;

    async fn built_in_types_and_a_teams_own_are_listed_by_name(store: Store) {
        let config = Config::on(&store);
        let (team, other) = (config.team().await, config.team().await);
        config.service.create_event_type(of_team(backup("backup.failed"), team)).await.unwrap();
        let (mut names, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListEventTypesRequest { page_size: 10, page_token, ..Default::default() };
            let page = config.service.list_event_types(of_team(request, team)).await.unwrap().into_inner();
            names.extend(page.event_types.into_iter().map(|entry| entry.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert!(names.is_sorted() && names.contains(&"backup.failed".to_owned()));
        assert_eq!(names.len(), Catalog::built_in().iter().count() + 1);
        let theirs = GetEventTypeRequest { name: "backup.failed".to_owned(), ..Default::default() };
        assert_eq!(refused(config.service.get_event_type(of_team(theirs, other)).await).0, Code::NotFound);
    }

    async fn a_built_in_type_does_not_change(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let name = "finding.created".to_owned();
        let create = config.service.create_event_type(of_team(backup(&name), team)).await;
        assert_eq!(violated(create), ["event_type.name"]);
        let update = UpdateEventTypeRequest {
            event_type: backup(&name).event_type,
            ..UpdateEventTypeRequest::default()
        };
        assert_eq!(violated(config.service.update_event_type(of_team(update, team)).await), ["event_type.name"]);
        let delete = DeleteEventTypeRequest { name, ..DeleteEventTypeRequest::default() };
        assert_eq!(violated(config.service.delete_event_type(of_team(delete, team)).await), ["name"]);
    }

    async fn a_schema_must_compile_and_its_example_fit(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let with = |schema: Option<Struct>| {
            let mut request = backup("backup.failed");
            request.event_type.as_mut().unwrap().data_schema = schema;
            request
        };
        let broken = config.service.create_event_type(of_team(with(Some(text("type", "nonsense"))), team)).await;
        assert_eq!(violated(broken), ["event_type.data_schema"]);
        let remote = with(Some(text("$ref", "https://elsewhere.example/schema")));
        let remote = config.service.create_event_type(of_team(remote, team)).await;
        assert_eq!(violated(remote), ["event_type.data_schema"]);
        let fine = config.service.create_event_type(of_team(with(Some(text("type", "object"))), team)).await;
        let made = fine.unwrap().into_inner().event_type.unwrap();
        assert_eq!(made.data_schema, Some(text("type", "object")));
        let again = config.service.create_event_type(of_team(backup("backup.failed"), team)).await;
        assert_eq!(refused(again).0, Code::AlreadyExists);
    }

    async fn an_own_type_changes_by_etag_and_ends(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let made = config.service.create_event_type(of_team(backup("backup.failed"), team)).await;
        let made = made.unwrap().into_inner().event_type.unwrap();
        let update = UpdateEventTypeRequest {
            event_type: Some(EventType { description: "Nightly".to_owned(), ..made.clone() }),
            ..UpdateEventTypeRequest::default()
        };
        let now = config.service.update_event_type(of_team(update.clone(), team)).await.unwrap().into_inner();
        let now = now.event_type.unwrap();
        assert_eq!((now.description.as_str(), &now.title), ("Nightly", &made.title));
        assert_eq!(refused(config.service.update_event_type(of_team(update, team)).await).0, Code::Aborted);
        let delete = DeleteEventTypeRequest { name: made.name, etag: now.etag, ..Default::default() };
        config.service.delete_event_type(of_team(delete.clone(), team)).await.unwrap();
        assert_eq!(refused(config.service.delete_event_type(of_team(delete, team)).await).0, Code::NotFound);
    }
}
