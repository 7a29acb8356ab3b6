//! Teams: plan, etags, pages, and what goes with them.

use prost_types::FieldMask;
use tonic::Code;
use watchbell_config::Migrator;
use watchbell_contracts::api::{CatalogApi, ChannelApi, PreferenceApi, RoutingApi, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::{
    CreateTeamRequest, DeleteTeamRequest, DigestSettings, GetComplianceRecipientsRequest,
    GetDigestSettingsRequest, GetIntegrationStatusRequest, GetTeamRequest, GetTeamSnapshotRequest,
    ListApiKeysRequest, ListChannelsRequest, ListEventTypesRequest, ListMembersRequest,
    ListMentionRulesRequest, ListRulesRequest, ListTeamsRequest, Plan, Role, Team,
    UpdateComplianceRecipientsRequest, UpdateDigestSettingsRequest, UpdateTeamRequest,
};
use watchbell_model::clock::Clock as _;
use watchbell_runtime::auth::internal_request;
use watchbell_store::store_tests;

use crate::support::{Config, of_team, platform, refused, violated};

fn rename(id: String, name: &str, etag: &str) -> UpdateTeamRequest {
    UpdateTeamRequest {
        team: Some(Team {
            id,
            display_name: name.to_owned(),
            etag: etag.to_owned(),
            ..Team::default()
        }),
        ..UpdateTeamRequest::default()
    }
}

store_tests! {
    migrator = Migrator;

    async fn a_team_is_of_the_team_plan_in_utc_unless_said_otherwise(store: Store) {
        let config = Config::on(&store);
        let id = config.team().await;
        let got = config.service.get_team(of_team(GetTeamRequest::default(), id)).await.unwrap().into_inner();
        let team = got.team.unwrap();
        assert_eq!((team.plan(), team.time_zone.as_str()), (Plan::Team, "UTC"));
        assert_eq!(team.id, id.to_string());
    }

    async fn what_belongs_to_a_team_that_does_not_exist_is_not_found(store: Store) {
        let config = Config::on(&store);
        let team_id = watchbell_model::ids::TeamId::generate(config.clock.now()).to_string();
        macro_rules! not_found {
            ($($rpc:ident($request:ident)),+) => {$(
                #[allow(clippy::needless_update, reason = "some requests have more fields")]
                let request = $request { team_id: team_id.clone(), ..Default::default() };
                let answer = config.service.$rpc(platform(request)).await;
                assert_eq!(refused(answer).0, Code::NotFound, stringify!($rpc));
            )+};
        }
        not_found!(
            list_members(ListMembersRequest), list_api_keys(ListApiKeysRequest), list_channels(ListChannelsRequest),
            list_rules(ListRulesRequest), list_mention_rules(ListMentionRulesRequest),
            list_event_types(ListEventTypesRequest), get_compliance_recipients(GetComplianceRecipientsRequest),
            get_digest_settings(GetDigestSettingsRequest), get_integration_status(GetIntegrationStatusRequest)
        );
    }

    async fn a_stale_etag_changes_nothing(store: Store) {
        let config = Config::on(&store);
        let id = config.team().await.to_string();
        let first = config.service.update_team(platform(rename(id.clone(), "B", ""))).await.unwrap();
        let etag = first.into_inner().team.unwrap().etag;
        config.service.update_team(platform(rename(id.clone(), "C", &etag))).await.unwrap();
        let stale = config.service.update_team(platform(rename(id.clone(), "D", &etag))).await;
        assert_eq!(refused(stale), (Code::Aborted, "STALE_ETAG".to_owned()));
        let gone = DeleteTeamRequest { team_id: id.clone(), etag };
        assert_eq!(refused(config.service.delete_team(platform(gone)).await).0, Code::Aborted);
        let now = config.service.get_team(platform(GetTeamRequest { team_id: id })).await.unwrap();
        assert_eq!(now.into_inner().team.unwrap().display_name, "C");
    }

    async fn only_the_platform_sets_a_plan(store: Store) {
        let config = Config::on(&store);
        let id = config.team().await;
        let request = || UpdateTeamRequest {
            team: Some(Team { id: id.to_string(), plan: Plan::Free.into(), ..Team::default() }),
            update_mask: Some(FieldMask { paths: vec!["plan".to_owned()] }),
            validate_only: false,
        };
        let denied = config.service.update_team(of_team(request(), id)).await;
        assert_eq!(refused(denied), (Code::PermissionDenied, "PLATFORM_ONLY".to_owned()));
        let set = config.service.update_team(platform(request())).await.unwrap().into_inner();
        assert_eq!(set.team.unwrap().plan(), Plan::Free);
        let renamed = config.service.update_team(of_team(rename(id.to_string(), "B", ""), id)).await;
        assert_eq!(renamed.unwrap().into_inner().team.unwrap().plan(), Plan::Free);
    }

    async fn validate_only_changes_nothing(store: Store) {
        let config = Config::on(&store);
        let id = config.team().await;
        let request = UpdateTeamRequest { validate_only: true, ..rename(id.to_string(), "B", "") };
        let answer = config.service.update_team(platform(request)).await.unwrap().into_inner();
        assert_eq!(answer.team.unwrap().display_name, "B");
        let snapshot = GetTeamSnapshotRequest { team_id: id.to_string() };
        let snapshot = config.service.get_team_snapshot(internal_request(snapshot)).await.unwrap();
        let snapshot = snapshot.into_inner().snapshot.unwrap();
        assert_eq!((snapshot.team.unwrap().display_name.as_str(), snapshot.revision), ("Acme", 1));
    }

    async fn every_violation_is_told_at_once(store: Store) {
        let config = Config::on(&store);
        let team = Team { time_zone: "Moon/Crater".to_owned(), plan: 99, ..Team::default() };
        let request = CreateTeamRequest { team: Some(team), validate_only: false };
        let fields = violated(config.service.create_team(platform(request)).await);
        assert_eq!(fields, ["team.display_name", "team.plan", "team.time_zone"]);
    }

    async fn pages_hold_every_team_once(store: Store) {
        let config = Config::on(&store);
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(config.team().await.to_string());
        }
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListTeamsRequest { page_size: 2, page_token };
            let page = config.service.list_teams(platform(request)).await.unwrap().into_inner();
            seen.extend(page.teams.into_iter().map(|team| team.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, made);
        let foreign = ListTeamsRequest { page_size: 2, page_token: "AAAA".to_owned() };
        assert_eq!(violated(config.service.list_teams(platform(foreign)).await), ["page_token"]);
    }

    async fn a_deleted_team_takes_everything_with_it(store: Store) {
        let config = Config::on(&store);
        let id = config.team().await;
        config.member(id, "owner@acme.example", Role::Owner).await;
        config.slack(id, "#alerts").await;
        let request = DeleteTeamRequest { team_id: id.to_string(), etag: String::new() };
        config.service.delete_team(platform(request)).await.unwrap();
        let snapshot = GetTeamSnapshotRequest { team_id: id.to_string() };
        let gone = config.service.get_team_snapshot(internal_request(snapshot)).await;
        assert_eq!(refused(gone).0, Code::NotFound);
    }

    async fn receipts_and_digest_are_set_for_the_team(store: Store) {
        let config = Config::on(&store);
        let id = config.team().await;
        let team_id = id.to_string();
        let recipients = vec!["officer@acme.example".to_owned(), "audit@acme.example".to_owned()];
        let request =
            UpdateComplianceRecipientsRequest { team_id: team_id.clone(), recipients: recipients.clone() };
        config.service.update_compliance_recipients(of_team(request, id)).await.unwrap();
        let twice = UpdateComplianceRecipientsRequest {
            team_id: team_id.clone(),
            recipients: vec!["a@acme.example".to_owned(), "A@acme.example".to_owned(), "nobody".to_owned()],
        };
        let fields = violated(config.service.update_compliance_recipients(of_team(twice, id)).await);
        assert_eq!(fields, ["recipients[1]", "recipients[2]"]);
        let got = GetComplianceRecipientsRequest { team_id: team_id.clone() };
        let got = config.service.get_compliance_recipients(of_team(got, id)).await.unwrap();
        assert_eq!(got.into_inner().recipients, recipients);

        let digest = |cron: &str, etag: &str| UpdateDigestSettingsRequest {
            team_id: team_id.clone(),
            settings: Some(DigestSettings {
                cron: cron.to_owned(),
                etag: etag.to_owned(),
                ..DigestSettings::default()
            }),
            update_mask: None,
        };
        let unset = GetDigestSettingsRequest { team_id: team_id.clone() };
        let unset = config.service.get_digest_settings(of_team(unset, id)).await.unwrap().into_inner();
        let etag = unset.settings.unwrap().etag;
        config.service.update_digest_settings(of_team(digest("0 8 * * FRI", &etag), id)).await.unwrap();
        let stale = config.service.update_digest_settings(of_team(digest("0 7 * * FRI", &etag), id)).await;
        assert_eq!(refused(stale).0, Code::Aborted);
        let wrong = config.service.update_digest_settings(of_team(digest("every week", ""), id)).await;
        assert_eq!(violated(wrong), ["settings.cron"]);
        let often = config.service.update_digest_settings(of_team(digest("* * * * *", ""), id)).await;
        assert_eq!(violated(often), ["settings.cron"]);
    }
}
