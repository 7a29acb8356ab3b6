//! API keys, and the first one.

use std::time::Duration;

use tonic::{Code, Request};
use watchbell_config::{Migrator, keys};
use watchbell_contracts::api::{SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::get_self_response::Principal as SelfPrincipal;
use watchbell_contracts::config::v1::{
    ApiKey, AuthenticateRequest, CreateApiKeyRequest, DeleteApiKeyRequest, GetSelfRequest,
    ListApiKeysRequest, Scope as Wire,
};
use watchbell_model::Role;
use watchbell_model::clock::Clock;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{KeyId, MemberId, TeamId};
use watchbell_model::secret::Secret;
use watchbell_runtime::auth::{Principal, Scope, hash_key, internal_request};
use watchbell_store::store_tests;

use crate::support::{Config, by, member, of_team, platform, refused, violated};

fn request(team: Option<TeamId>, scopes: &[Wire]) -> CreateApiKeyRequest {
    CreateApiKeyRequest {
        team_id: team.map(|team| team.to_string()).unwrap_or_default(),
        api_key: Some(ApiKey {
            display_name: "ci".to_owned(),
            scopes: scopes.iter().map(|scope| i32::from(*scope)).collect(),
            ..ApiKey::default()
        }),
    }
}

fn asks(key: &str) -> AuthenticateRequest {
    AuthenticateRequest {
        key_sha256: hash_key(key).to_vec().into(),
    }
}

async fn is_the_platforms(config: &Config, key: &Secret) -> bool {
    let known = config.service.authenticate(internal_request(asks(key.expose())));
    known.await.is_ok_and(|known| {
        let key = known.into_inner().key.unwrap();
        key.scopes.contains(&Wire::Platform.into()) && key.team_id.is_empty()
    })
}

/// A key of a team, as it calls.
async fn made(config: &Config, team: TeamId, scope: Wire) -> Principal {
    let asked = internal_request(request(Some(team), &[scope]));
    let made = config.service.create_api_key(asked).await.unwrap().into_inner();
    let held = if scope == Wire::ConfigWrite {
        Scope::ConfigWrite
    } else {
        Scope::Emit
    };
    Principal::ApiKey {
        key_id: made.api_key.unwrap().id.parse().unwrap(),
        team_id: Some(team),
        scopes: [held].into_iter().collect(),
    }
}

store_tests! {
    migrator = Migrator;

    async fn every_caller_learns_who_it_is_and_what_it_may_do(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ask = async |principal| {
            config.service.get_self(by(GetSelfRequest {}, principal)).await.map(tonic::Response::into_inner)
        };
        let key = made(&config, team, Wire::ConfigWrite).await;
        let said = ask(key).await.unwrap();
        assert_eq!(said.team_id, team.to_string());
        assert_eq!(said.scopes, [i32::from(Wire::ConfigRead), Wire::ConfigWrite.into()], "what is implied, too");
        assert!(said.administers && said.expire_time.is_none());
        let Some(SelfPrincipal::ApiKey(row)) = said.principal else { panic!("it is a key") };
        assert_eq!(row.display_name, "ci");
        let emitter = ask(made(&config, team, Wire::Emit).await).await.unwrap();
        assert!(!emitter.administers);
        assert_eq!(emitter.scopes, [i32::from(Wire::Emit)]);

        let ann: MemberId =
            config.member(team, "ann@acme.example", watchbell_contracts::config::v1::Role::Member).await.id.parse().unwrap();
        let person = Principal::Member {
            member_id: ann,
            team_id: team,
            role: Role::Member,
            manages_integrations: false,
            session: None,
        };
        let said = ask(person).await.unwrap();
        assert_eq!(
            said.scopes,
            [i32::from(Wire::ConfigRead), Wire::DeliveriesRead.into(), Wire::Inbox.into()]
        );
        assert!(!said.administers);
        let Some(SelfPrincipal::Member(row)) = said.principal else { panic!("it is a member") };
        assert_eq!((row.id, row.email), (ann.to_string(), "ann@acme.example".to_owned()));

        let gone = Principal::ApiKey {
            key_id: KeyId::generate(config.clock.now()),
            team_id: Some(team),
            scopes: [Scope::Emit].into_iter().collect(),
        };
        assert_eq!(ask(gone).await.unwrap_err().code(), Code::Unauthenticated);
        let left = Principal::Member {
            member_id: MemberId::generate(config.clock.now()),
            team_id: team,
            role: Role::Owner,
            manages_integrations: true,
            session: None,
        };
        assert_eq!(ask(left).await.unwrap_err().code(), Code::Unauthenticated);
        let service = ask(Principal::Service).await.unwrap();
        assert_eq!((service.principal, service.team_id.as_str(), service.scopes.len()), (None, "", 7));
    }

    async fn the_first_key_is_made_once_however_many_replicas_start(store: Store) {
        let (one, two) = (Config::on(&store), Config::on(&store));
        assert!(one.service.has_no_key().await.unwrap());
        let keys = [keys::generate(), keys::generate()];
        let (first, second) =
            tokio::join!(one.service.adopt_first_key(&keys[0]), two.service.adopt_first_key(&keys[1]));
        let taken = [first.unwrap(), second.unwrap()];
        assert_ne!(taken[0], taken[1], "one of them");
        assert!(!one.service.has_no_key().await.unwrap());
        for (key, taken) in keys.iter().zip(taken) {
            assert_eq!(one.service.adopt_first_key(key).await.unwrap(), taken, "and so it stays");
            assert_eq!(is_the_platforms(&one, key).await, taken);
        }
    }

    async fn a_key_that_the_operator_chose_is_the_platforms_whenever_it_comes(store: Store) {
        let (one, two) = (Config::on(&store), Config::on(&store));
        let key = keys::generate();
        let (first, second) = tokio::join!(one.service.adopt_key(&key), two.service.adopt_key(&key));
        assert!(first.unwrap() && second.unwrap());
        let next = keys::generate();
        assert!(one.service.adopt_key(&next).await.unwrap(), "it may change");
        for key in [&key, &next] {
            assert!(is_the_platforms(&two, key).await);
        }
        let listed = two.service.list_api_keys(platform(ListApiKeysRequest::default())).await.unwrap();
        assert_eq!(listed.into_inner().api_keys.len(), 2);

        let team = one.team().await;
        let teams = one.service.create_api_key(internal_request(request(Some(team), &[Wire::Emit]))).await.unwrap();
        assert!(!one.service.adopt_key(&teams.into_inner().key.into()).await.unwrap(), "a team's stays the team's");
    }

    async fn a_key_is_shown_once_and_recognised_until_it_is_deleted(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let made = config.service.create_api_key(internal_request(request(Some(team), &[Wire::Emit]))).await;
        let made = made.unwrap().into_inner();
        let known = config.service.authenticate(internal_request(asks(&made.key))).await.unwrap();
        assert_eq!(known.into_inner().key, made.api_key);
        let list = ListApiKeysRequest::default();
        let list = config.service.list_api_keys(of_team(list, team)).await.unwrap().into_inner();
        let used = ApiKey { last_use_time: Some(timestamp(config.clock.now())), ..made.api_key.clone().unwrap() };
        assert_eq!(list.api_keys, [used]);

        let wrong = config.service.authenticate(internal_request(asks("wbk_guess"))).await;
        assert_eq!(refused(wrong).0, Code::Unauthenticated);
        let delete = DeleteApiKeyRequest { api_key_id: made.api_key.unwrap().id, team_id: team.to_string() };
        config.service.delete_api_key(internal_request(delete.clone())).await.unwrap();
        let gone = config.service.authenticate(internal_request(asks(&made.key))).await;
        assert_eq!(refused(gone).0, Code::Unauthenticated);
        assert_eq!(refused(config.service.delete_api_key(internal_request(delete)).await).0, Code::NotFound);
    }

    async fn a_key_ends_when_it_expires(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let mut request = request(Some(team), &[Wire::Emit]);
        let key = request.api_key.as_mut().unwrap();
        key.expire_time = Some(timestamp(config.clock.now()));
        let past = config.service.create_api_key(internal_request(request.clone())).await;
        assert_eq!(violated(past), ["api_key.expire_time"]);
        let in_an_hour = config.clock.now() + chrono::TimeDelta::hours(1);
        request.api_key.as_mut().unwrap().expire_time = Some(timestamp(in_an_hour));
        let made = config.service.create_api_key(internal_request(request)).await.unwrap().into_inner();
        config.service.authenticate(internal_request(asks(&made.key))).await.unwrap();
        config.clock.advance(Duration::from_secs(3600));
        let late = config.service.authenticate(internal_request(asks(&made.key))).await;
        assert_eq!(refused(late).0, Code::Unauthenticated);
    }

    async fn an_admin_makes_no_key_that_could_make_an_owner(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let somebody = MemberId::generate(config.clock.now());
        for (role, asked, allowed) in [
            (Role::Owner, Wire::ConfigWrite, true),
            (Role::Owner, Wire::Platform, false),
            (Role::Admin, Wire::Emit, true),
            (Role::Admin, Wire::ConfigRead, true),
            (Role::Admin, Wire::ConfigWrite, false),
            (Role::Owner, Wire::Inbox, true),
            (Role::Admin, Wire::Inbox, false),
            (Role::Admin, Wire::Platform, false),
        ] {
            let made = config.service.create_api_key(member(request(None, &[asked]), team, somebody, role)).await;
            assert_eq!(made.is_ok(), allowed, "{role} {asked:?}");
        }
        let (other, list) = (config.team().await, ListApiKeysRequest::default());
        let theirs = config.service.list_api_keys(member(list, other, somebody, Role::Owner)).await.unwrap();
        assert!(theirs.into_inner().api_keys.is_empty());
    }

    async fn an_admin_deletes_no_key_that_they_could_not_have_made(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let admin = MemberId::generate(config.clock.now());
        for (scope, allowed) in [(Wire::Emit, true), (Wire::Inbox, false), (Wire::ConfigWrite, false)] {
            let made = config.service.create_api_key(internal_request(request(Some(team), &[scope]))).await.unwrap();
            let api_key_id = made.into_inner().api_key.unwrap().id;
            let delete = DeleteApiKeyRequest { api_key_id, ..Default::default() };
            let deleted = config.service.delete_api_key(member(delete, team, admin, Role::Admin)).await;
            assert_eq!(deleted.is_ok(), allowed, "{scope:?}");
        }
    }

    async fn a_key_that_a_key_makes_ends_no_later_than_its_maker(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let end = config.clock.now() + chrono::TimeDelta::seconds(90);
        let mut asked = request(Some(team), &[Wire::ConfigWrite]);
        asked.api_key.as_mut().unwrap().expire_time = Some(timestamp(end));
        let maker = config.service.create_api_key(internal_request(asked.clone())).await.unwrap().into_inner();
        let maker = Principal::ApiKey {
            key_id: maker.api_key.unwrap().id.parse().unwrap(),
            team_id: Some(team),
            scopes: [Scope::ConfigWrite].into_iter().collect(),
        };
        let makes = |expire_time| {
            let mut request = Request::new(request(Some(team), &[Wire::ConfigRead]));
            request.get_mut().api_key.as_mut().unwrap().expire_time = expire_time;
            request.extensions_mut().insert(maker);
            config.service.create_api_key(request)
        };
        let without = makes(None).await.unwrap().into_inner().api_key.unwrap();
        assert_eq!(without.expire_time, Some(timestamp(end)), "its maker's");
        makes(Some(timestamp(end))).await.unwrap();
        let later = end + chrono::TimeDelta::seconds(1);
        assert_eq!(violated(makes(Some(timestamp(later))).await), ["api_key.expire_time"]);
    }

    async fn a_key_that_is_gone_or_has_ended_makes_and_deletes_none(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let maker = made(&config, team, Wire::ConfigWrite).await;
        let Principal::ApiKey { key_id, .. } = maker else { panic!("a key") };
        let other = internal_request(request(Some(team), &[Wire::Emit]));
        let other = config.service.create_api_key(other).await.unwrap().into_inner().api_key.unwrap().id;
        let delete = |id: String| DeleteApiKeyRequest { api_key_id: id, ..Default::default() };
        config.service.delete_api_key(by(delete(key_id.to_string()), maker)).await.unwrap();
        let makes = config.service.create_api_key(by(request(None, &[Wire::ConfigRead]), maker)).await;
        assert_eq!(refused(makes).0, Code::Unauthenticated);
        let deletes = config.service.delete_api_key(by(delete(other), maker)).await;
        assert_eq!(refused(deletes).0, Code::Unauthenticated);

        let mut asked = request(Some(team), &[Wire::ConfigWrite]);
        asked.api_key.as_mut().unwrap().expire_time =
            Some(timestamp(config.clock.now() + chrono::TimeDelta::seconds(90)));
        let short = config.service.create_api_key(internal_request(asked)).await.unwrap().into_inner();
        let short = Principal::ApiKey {
            key_id: short.api_key.unwrap().id.parse().unwrap(),
            team_id: Some(team),
            scopes: [Scope::ConfigWrite].into_iter().collect(),
        };
        config.clock.advance(Duration::from_secs(90));
        let late = config.service.create_api_key(by(request(None, &[Wire::ConfigRead]), short)).await;
        assert_eq!(refused(late).0, Code::Unauthenticated);
    }

    async fn keys_of_a_team_that_does_not_exist_are_not_an_empty_list(store: Store) {
        let config = Config::on(&store);
        let nobody = TeamId::generate(config.clock.now());
        let list = ListApiKeysRequest { team_id: nobody.to_string(), ..Default::default() };
        assert_eq!(refused(config.service.list_api_keys(platform(list)).await).0, Code::NotFound);
    }

    async fn no_key_can_make_a_stronger_one(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let writer = made(&config, team, Wire::ConfigWrite).await;
        for (asked, allowed) in [(Wire::ConfigRead, true), (Wire::ConfigWrite, true), (Wire::Emit, false), (Wire::Platform, false)] {
            let made = config.service.create_api_key(by(request(None, &[asked]), writer)).await;
            assert_eq!(made.is_ok(), allowed, "{asked:?}");
        }
        let bound = config.service.create_api_key(platform(request(Some(team), &[Wire::Platform]))).await;
        assert_eq!(refused(bound).0, Code::PermissionDenied, "a team's key is never the platform's");
        config.service.create_api_key(internal_request(request(None, &[Wire::Platform]))).await.unwrap();
    }
}
