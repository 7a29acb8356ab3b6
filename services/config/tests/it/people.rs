//! Members and what they hear by email.

use std::sync::Arc;
use std::time::Duration;

use tonic::Code;
use watchbell_config::Migrator;
use watchbell_contracts::api::{PreferenceApi, TeamApi};
use watchbell_contracts::config::v1::{
    CreateMemberRequest, DeleteMemberRequest, GetPreferencesRequest, ListMembersRequest, Member, Permission,
    Preference, PreferenceSetting, Role, UpdateMemberRequest, UpdatePreferencesRequest,
};
use watchbell_contracts::event::v1::Severity;
use watchbell_model::Role as DomainRole;
use watchbell_store::store_tests;

use watchbell_runtime::auth::{CurrentMembers, Grant, MemberVerifier, Principal, Scope};
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::problem::Problem;

use crate::support::{Config, member, of_team, platform, refused, violated};

/// Says the same of every token.
struct Token(Principal);

#[async_trait::async_trait]
impl MemberVerifier for Token {
    async fn verify(&self, _: &str) -> Result<Grant, Problem> {
        Ok(Grant {
            principal: self.0,
            expires_at: None,
        })
    }
}

store_tests! {
    migrator = Migrator;

    async fn an_address_is_in_a_team_once_whatever_its_case(store: Store) {
        let config = Config::on(&store);
        let (team, other) = (config.team().await, config.team().await);
        config.member(team, "Ann@acme.example", Role::Owner).await;
        config.member(other, "ann@acme.example", Role::Owner).await;
        let again = CreateMemberRequest {
            team_id: team.to_string(),
            member: Some(Member { email: "ann@ACME.example".to_owned(), ..Member::default() }),
            validate_only: false,
        };
        assert_eq!(refused(config.service.create_member(platform(again)).await).0, Code::AlreadyExists);
    }

    async fn a_grant_here_lets_a_member_manage_integrations_whatever_the_token_says(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann = config.member(team, "ann@acme.example", Role::Member).await;
        let principal = Principal::Member {
            member_id: ann.id.parse().unwrap(),
            team_id: team,
            role: DomainRole::Member,
            manages_integrations: false,
            session: None,
        };
        let teams = Arc::new(config.service.clone());
        let members = CurrentMembers::new(
            Arc::new(Token(principal)),
            teams,
            ConfigFeed::manual(),
            config.clock.shared(),
        );
        let manages = async || members.verify("").await.unwrap().principal.allows(Scope::ConfigWrite);
        let grant = async |permissions: Vec<i32>| {
            let member = Member { id: ann.id.clone(), permissions, ..Member::default() };
            let request = UpdateMemberRequest {
                team_id: team.to_string(),
                member: Some(member),
                update_mask: Some(prost_types::FieldMask { paths: vec!["permissions".to_owned()] }),
                ..UpdateMemberRequest::default()
            };
            config.service.update_member(platform(request)).await.unwrap();
            config.clock.advance(Duration::from_secs(30));
        };
        assert!(!manages().await);
        grant(vec![Permission::ManageIntegrations.into()]).await;
        assert!(manages().await, "within 30 seconds");
        grant(vec![]).await;
        assert!(!manages().await, "and no longer");
    }

    async fn a_token_is_worth_what_its_member_is_now(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.member(team, "ada@acme.example", Role::Owner).await;
        let bob = config.member(team, "bob@acme.example", Role::Admin).await;
        let principal = Principal::Member {
            member_id: bob.id.parse().unwrap(),
            team_id: team,
            role: DomainRole::Admin,
            manages_integrations: true,
            session: None,
        };
        let members = CurrentMembers::new(
            Arc::new(Token(principal)),
            Arc::new(config.service.clone()),
            ConfigFeed::manual(),
            config.clock.shared(),
        );
        assert_eq!(members.verify("").await.unwrap().principal, principal);

        let member = Member { id: bob.id.clone(), role: Role::Member.into(), ..Member::default() };
        let request = UpdateMemberRequest {
            team_id: team.to_string(),
            member: Some(member),
            update_mask: Some(prost_types::FieldMask { paths: vec!["role".to_owned()] }),
            ..UpdateMemberRequest::default()
        };
        config.service.update_member(platform(request)).await.unwrap();
        config.clock.advance(Duration::from_secs(30));
        let demoted = members.verify("").await.unwrap().principal;
        assert!(demoted.allows(Scope::DeliveriesRead) && !demoted.allows(Scope::ConfigWrite), "{demoted:?}");

        let request = DeleteMemberRequest {
            team_id: team.to_string(),
            member_id: bob.id,
            ..DeleteMemberRequest::default()
        };
        config.service.delete_member(platform(request)).await.unwrap();
        config.clock.advance(Duration::from_secs(30));
        let refused = tonic::Status::from(members.verify("").await.unwrap_err());
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(refused.message().contains("no longer"), "{refused}");
    }

    async fn an_admin_cannot_become_or_remove_an_owner(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let admin = config.member(team, "admin@acme.example", Role::Admin).await;
        let owner = config.member(team, "owner@acme.example", Role::Owner).await;
        for (id, role) in [(&admin.id, Role::Owner), (&owner.id, Role::Member)] {
            let request = UpdateMemberRequest {
                team_id: team.to_string(),
                member: Some(Member { id: id.clone(), role: role.into(), ..Member::default() }),
                ..UpdateMemberRequest::default()
            };
            let by_admin = member(request.clone(), team, admin.id.parse().unwrap(), DomainRole::Admin);
            assert_eq!(refused(config.service.update_member(by_admin).await).1, "OWNER_ONLY");
        }
    }

    async fn the_last_owner_stays_until_there_is_another_unless_a_key_says_otherwise(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let owner = config.member(team, "owner@acme.example", Role::Owner).await;
        config.member(team, "admin@acme.example", Role::Admin).await;
        let step_down = |role: Role| UpdateMemberRequest {
            member: Some(Member { id: owner.id.clone(), role: role.into(), ..Member::default() }),
            team_id: team.to_string(),
            ..UpdateMemberRequest::default()
        };
        let leave = |id: &str| DeleteMemberRequest {
            team_id: team.to_string(),
            member_id: id.to_owned(),
            ..DeleteMemberRequest::default()
        };
        let own = owner.id.parse().unwrap();
        let down = config.service.update_member(member(step_down(Role::Admin), team, own, DomainRole::Owner)).await;
        assert_eq!(refused(down), (Code::FailedPrecondition, "LAST_OWNER".to_owned()));
        let left = config.service.delete_member(member(leave(&owner.id), team, own, DomainRole::Owner)).await;
        assert_eq!(refused(left).1, "LAST_OWNER");
        config.service.update_member(member(step_down(Role::Owner), team, own, DomainRole::Owner)).await.unwrap();

        let second = config.member(team, "second@acme.example", Role::Owner).await;
        config.service.update_member(member(step_down(Role::Admin), team, own, DomainRole::Owner)).await.unwrap();
        let left = leave(&second.id);
        config.service.delete_member(of_team(left, team)).await.unwrap();
    }

    async fn every_member_is_listed_once(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        for name in ["a", "b", "c"] {
            config.member(team, &format!("{name}@acme.example"), Role::Member).await;
        }
        let first = ListMembersRequest { page_size: 2, ..ListMembersRequest::default() };
        let first = config.service.list_members(of_team(first, team)).await.unwrap().into_inner();
        let rest = ListMembersRequest { page_token: first.next_page_token, ..ListMembersRequest::default() };
        let rest = config.service.list_members(of_team(rest, team)).await.unwrap().into_inner();
        assert_eq!((first.members.len(), rest.members.len()), (2, 1));
        assert_eq!(rest.members[0].email, "c@acme.example");
    }

    async fn preferences_begin_with_defaults_and_can_go_back(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let owner = config.member(team, "owner@acme.example", Role::Owner).await;
        let plain = config.member(team, "plain@acme.example", Role::Member).await;
        let of = |id: &str| GetPreferencesRequest { team_id: team.to_string(), member_id: id.to_owned() };
        let topic = |preferences: &[Preference], topic: &str| {
            preferences.iter().find(|preference| preference.topic == topic).unwrap().clone()
        };
        let owners = config.service.get_preferences(platform(of(&owner.id))).await.unwrap().into_inner();
        let plains = config.service.get_preferences(platform(of(&plain.id))).await.unwrap().into_inner();
        let (owners, plains) = (owners.preferences, plains.preferences);
        assert_eq!(topic(&owners, "weekly_digest").setting(), PreferenceSetting::On);
        assert_eq!(topic(&plains, "weekly_digest").setting(), PreferenceSetting::Off);
        assert_eq!(topic(&plains, "marketing").setting(), PreferenceSetting::Off);
        assert_eq!(topic(&plains, "atlas_alerts").severities, [i32::from(Severity::Critical)]);

        let set = |setting: PreferenceSetting, severities: &[Severity]| UpdatePreferencesRequest {
            team_id: team.to_string(),
            member_id: plain.id.clone(),
            preferences: vec![Preference {
                topic: "findings".to_owned(),
                setting: setting.into(),
                severities: severities.iter().map(|severity| i32::from(*severity)).collect(),
                is_default: false,
            }],
        };
        let low = set(PreferenceSetting::Severities, &[Severity::Low]);
        let own = member(low, team, plain.id.parse().unwrap(), DomainRole::Member);
        let now = config.service.update_preferences(own).await.unwrap().into_inner().preferences;
        let said = topic(&now, "findings");
        assert_eq!((said.severities, said.is_default), (vec![i32::from(Severity::Low)], false));

        let off = set(PreferenceSetting::Off, &[]);
        let of_another = member(off.clone(), team, owner.id.parse().unwrap(), DomainRole::Owner);
        assert_eq!(refused(config.service.update_preferences(of_another).await).0, Code::NotFound);
        let empty = set(PreferenceSetting::Severities, &[]);
        let fields = violated(config.service.update_preferences(platform(empty)).await);
        assert_eq!(fields, ["preferences[0].severities"]);

        let back = set(PreferenceSetting::Unspecified, &[]);
        let now = config.service.update_preferences(platform(back)).await.unwrap().into_inner().preferences;
        assert!(topic(&now, "findings").is_default);
    }
}
