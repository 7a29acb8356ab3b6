//! Sessions of members for the console: what they may do, and when they end.

use std::time::Duration;

use prost_types::Duration as WireDuration;
use tonic::{Code, Status};
use watchbell_config::Migrator;
use watchbell_contracts::api::{SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::get_self_response::Principal as SelfPrincipal;
use watchbell_contracts::config::v1::*;
use watchbell_model::Role as ModelRole;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_runtime::auth::{
    Authenticator as _, ConfigKeys, PortalSession, Principal, Scope, hash_key, internal_request,
};
use watchbell_store::store_tests;

use crate::support::{Config, by, member as by_member, platform, refused, violated};
use crate::team_config::snapshot;

const HOUR: Duration = Duration::from_secs(3600);

/// A key of a team, or of the platform, as it calls.
pub(crate) async fn key(
    config: &Config,
    team: Option<TeamId>,
    scope: Scope,
    ends_in: Option<Duration>,
) -> (String, Principal) {
    let wire = match scope {
        Scope::Platform => watchbell_contracts::config::v1::Scope::Platform,
        _ => watchbell_contracts::config::v1::Scope::ConfigWrite,
    };
    let request = CreateApiKeyRequest {
        team_id: team.map(|team| team.to_string()).unwrap_or_default(),
        api_key: Some(ApiKey {
            display_name: "platform's backend".to_owned(),
            scopes: vec![wire.into()],
            expire_time: ends_in.map(|span| timestamp(config.clock.shared().now() + span)),
            ..ApiKey::default()
        }),
    };
    let made = config
        .service
        .create_api_key(internal_request(request))
        .await
        .unwrap();
    let id = made.into_inner().api_key.unwrap().id;
    let principal = Principal::ApiKey {
        key_id: id.parse().unwrap(),
        team_id: team,
        scopes: [scope].into_iter().collect(),
    };
    (id, principal)
}

fn asked(team: TeamId, member: &str) -> CreatePortalSessionRequest {
    CreatePortalSessionRequest {
        team_id: team.to_string(),
        member_id: member.to_owned(),
        ..CreatePortalSessionRequest::default()
    }
}

async fn create(
    config: &Config,
    caller: Principal,
    request: CreatePortalSessionRequest,
) -> Result<CreatePortalSessionResponse, Status> {
    let made = config.service.create_portal_session(by(request, caller)).await?;
    Ok(made.into_inner())
}

/// Who calls with the token, as the auth layer learns it; nobody when it is refused.
async fn holder(config: &Config, token: &str) -> Option<Principal> {
    let keys = ConfigKeys::new(std::sync::Arc::new(config.service.clone()));
    keys.authenticate(hash_key(token))
        .await
        .ok()
        .map(|grant| grant.principal)
}

fn lasting(seconds: i64) -> Option<WireDuration> {
    Some(WireDuration { seconds, nanos: 0 })
}

store_tests! {
    migrator = Migrator;

    async fn a_session_is_its_members_for_an_hour_and_no_longer(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann = config.member(team, "ann@acme.example", Role::Admin).await;
        let (key_id, backend) = key(&config, None, Scope::Platform, None).await;
        let made = create(&config, backend, asked(team, &ann.id)).await.unwrap();
        assert_eq!(made.expire_time, Some(timestamp(config.clock.shared().now() + HOUR)));
        assert!(made.token.starts_with("wbs_") && made.token.len() > 40);
        let (address, token) = made.url.split_once("#session=").unwrap();
        assert_eq!(token, made.token);
        assert!(address.ends_with(&format!("/console/t/{team}/overview")), "{address}");
        let session = holder(&config, &made.token).await.unwrap();
        let expected = Principal::Member {
            member_id: ann.id.parse().unwrap(),
            team_id: team,
            role: ModelRole::Admin,
            manages_integrations: true,
            session: Some(PortalSession {
                scopes: [Scope::Platform].into_iter().collect(),
                read_only: false,
                key_id: key_id.parse().ok(),
                expires_at: config.clock.shared().now() + HOUR,
            }),
        };
        assert_eq!(session, expected);
        let said = config.service.get_self(by(GetSelfRequest {}, session)).await.unwrap().into_inner();
        assert_eq!((said.expire_time, said.read_only, said.administers), (made.expire_time, false, true));
        assert!(matches!(said.principal, Some(SelfPrincipal::Member(member)) if member.id == ann.id));
        config.clock.advance(HOUR - Duration::from_secs(1));
        assert!(holder(&config, &made.token).await.is_some());
        config.clock.advance(Duration::from_secs(1));
        assert_eq!(holder(&config, &made.token).await, None);
    }

    async fn a_session_ends_with_its_key_and_with_its_member_and_follows_the_members_role(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann = config.member(team, "ann@acme.example", Role::Owner).await;
        let bob = config.member(team, "bob@acme.example", Role::Admin).await;
        let (key_id, backend) = key(&config, Some(team), Scope::ConfigWrite, None).await;
        let of_ann = create(&config, backend, asked(team, &ann.id)).await.unwrap().token;
        let of_bob = create(&config, backend, asked(team, &bob.id)).await.unwrap().token;

        let demoted = Member { role: Role::Member.into(), ..bob.clone() };
        let request = UpdateMemberRequest {
            team_id: team.to_string(),
            member: Some(demoted),
            update_mask: Some(prost_types::FieldMask { paths: vec!["role".to_owned()] }),
            ..UpdateMemberRequest::default()
        };
        config.service.update_member(platform(request)).await.unwrap();
        let session = holder(&config, &of_bob).await.unwrap();
        assert!(session.allows(Scope::ConfigRead) && !session.allows(Scope::ConfigWrite));

        let request = DeleteMemberRequest { team_id: team.to_string(), member_id: bob.id.clone(), ..DeleteMemberRequest::default() };
        config.service.delete_member(platform(request)).await.unwrap();
        assert_eq!(holder(&config, &of_bob).await, None);
        assert_eq!(refused(create(&config, backend, asked(team, &bob.id)).await).0, Code::NotFound);

        assert!(holder(&config, &of_ann).await.is_some());
        let request = DeleteApiKeyRequest { team_id: team.to_string(), api_key_id: key_id };
        config.service.delete_api_key(internal_request(request)).await.unwrap();
        assert_eq!(holder(&config, &of_ann).await, None);
        assert_eq!(refused(create(&config, backend, asked(team, &ann.id)).await).0, Code::Unauthenticated);
    }

    async fn a_session_lasts_no_longer_than_its_key_nor_than_asked(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann = config.member(team, "ann@acme.example", Role::Member).await;
        let (_, backend) = key(&config, Some(team), Scope::ConfigWrite, Some(HOUR / 2)).await;
        let ends = async |ttl| {
            let request = CreatePortalSessionRequest { ttl, ..asked(team, &ann.id) };
            create(&config, backend, request).await.map(|made| made.expire_time)
        };
        let now = config.clock.shared().now();
        assert_eq!(ends(None).await.unwrap(), Some(timestamp(now + HOUR / 2)));
        assert_eq!(ends(lasting(60)).await.unwrap(), Some(timestamp(now + Duration::from_secs(60))));
        for wrong in [0, -1, 3601, i64::MAX] {
            assert_eq!(violated(ends(lasting(wrong)).await), ["ttl"], "{wrong}");
        }
        let neither = CreatePortalSessionRequest { ttl: lasting(3601), ..asked(team, "") };
        assert_eq!(violated(create(&config, backend, neither).await), ["member_id", "ttl"]);
    }

    async fn a_session_is_of_the_keys_own_team_only(store: Store) {
        let config = Config::on(&store);
        let (team, other) = (config.team().await, config.team().await);
        let eve = config.member(other, "eve@other.example", Role::Owner).await;
        let (_, backend) = key(&config, Some(team), Scope::ConfigWrite, None).await;
        assert_eq!(refused(create(&config, backend, asked(other, &eve.id)).await).0, Code::NotFound);
        assert_eq!(refused(create(&config, backend, asked(team, &eve.id)).await).0, Code::NotFound);
    }

    async fn only_keys_make_sessions_and_what_is_kept_is_no_token(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann = config.member(team, "ann@acme.example", Role::Owner).await;
        let (_, backend) = key(&config, Some(team), Scope::ConfigWrite, None).await;
        let made = create(&config, backend, asked(team, &ann.id)).await.unwrap();
        let session = holder(&config, &made.token).await.unwrap();
        assert_eq!(refused(create(&config, session, asked(team, &ann.id)).await).0, Code::PermissionDenied);
        let id: MemberId = ann.id.parse().unwrap();
        let owner = by_member(asked(team, &ann.id), team, id, ModelRole::Owner);
        let by_owner = config.service.create_portal_session(owner).await;
        assert_eq!(refused(by_owner).0, Code::PermissionDenied);
        assert_eq!(refused(create(&config, Principal::Service, asked(team, &ann.id)).await).0, Code::PermissionDenied);
        // Neither the token nor its hash opens anything by another way.
        assert_eq!(holder(&config, &made.token[4..]).await, None);
        assert_eq!(holder(&config, &format!("{}x", made.token)).await, None);
        let request = AuthenticateRequest { key_sha256: made.token.clone().into_bytes().into() };
        assert!(config.service.authenticate(internal_request(request)).await.is_err());
        let before = snapshot(&config, team).await.revision;
        create(&config, backend, asked(team, &ann.id)).await.unwrap();
        assert_eq!(snapshot(&config, team).await.revision, before, "a session is no change of the configuration");
    }

    async fn sessions_end_with_their_team(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let ann = config.member(team, "ann@acme.example", Role::Member).await;
        let (_, backend) = key(&config, None, Scope::Platform, None).await;
        let token = create(&config, backend, asked(team, &ann.id)).await.unwrap().token;
        let request = DeleteTeamRequest { team_id: team.to_string(), ..DeleteTeamRequest::default() };
        config.service.delete_team(platform(request)).await.unwrap();
        assert_eq!(holder(&config, &token).await, None);
    }
}
