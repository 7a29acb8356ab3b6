//! Users of the platform come in with tokens of its identity provider, each as the member that they are: of one team, for
//! themselves, and as far as their role and permissions go.

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::snapshot_service_client::SnapshotServiceClient;
use watchbell_contracts::config::v1::{
    CreateApiKeyRequest, CreateMemberRequest, GetChannelRequest, GetPreferencesRequest, ListChannelsRequest,
    ListTeamsRequest, Member, Role, Scope, UpdateTeamRequest,
};
use watchbell_contracts::dispatcher::v1::{
    GetUnreadCountRequest, ListEventsRequest, ListNotificationsRequest, MarkAllReadRequest,
    WatchDeliveriesRequest, WatchRequest,
};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_testkit::{IdentityProvider, SigningKey};

use crate::harness::{
    Client, Database, Process, Serve, WAIT_TIMEOUT, eventually, finding, is_told_to_come_again,
    on_both_databases,
};

const ISSUER: &str = "https://id.example.com/";
const AUDIENCE: &str = "https://bell.example.com";

/// Nobody listens there, and nobody may be asked there.
const FORBIDDEN: &str = "http://10.255.255.1/keys";

/// A server that knows a provider.
pub(crate) fn serve(database: &Database, provider: &IdentityProvider) -> Serve {
    Serve::all(database)
        .env("WATCHBELL__AUTH__JWT__JWKS_URL", provider.keys_url())
        .env("WATCHBELL__AUTH__JWT__ISSUER", ISSUER)
        .env("WATCHBELL__AUTH__JWT__AUDIENCE", AUDIENCE)
        .env("WATCHBELL__AUTH__JWT__CLAIMS__MEMBER_ID", "sub")
}

fn now() -> i64 {
    SystemClock::new().now().timestamp()
}

/// A good hour of a member of a team.
pub(crate) fn claims(team: &str, member: &str, role: &str) -> Value {
    json!({
        "iss": ISSUER,
        "aud": [AUDIENCE, "https://api.example.com"],
        "iat": now(),
        "exp": now() + 3600,
        "sub": member,
        "team_id": team,
        "role": role,
    })
}

/// The same but for one claim.
pub(crate) fn but(claims: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims.clone();
    claims[name] = value.into();
    claims
}

pub(crate) async fn join(admin: &Client, team: &str, email: &str, role: Role) -> String {
    let member = Member {
        email: email.to_owned(),
        role: role.into(),
        ..Default::default()
    };
    let request = CreateMemberRequest {
        team_id: team.to_owned(),
        member: Some(member),
        validate_only: false,
    };
    let made = admin.teams().create_member(request).await;
    made.expect("a member can be made")
        .into_inner()
        .member
        .unwrap_or_default()
        .id
}

async fn unread(client: &Client, member: &str) -> Result<i64, Status> {
    let request = GetUnreadCountRequest {
        member_id: member.to_owned(),
        ..Default::default()
    };
    Ok(client
        .inbox()
        .get_unread_count(request)
        .await?
        .into_inner()
        .unread_count)
}

/// A call that every member may make.
async fn reads(client: &Client) -> Result<Vec<config::Channel>, Status> {
    let listed = client
        .channels()
        .list_channels(ListChannelsRequest::default())
        .await?;
    Ok(listed.into_inner().channels)
}

fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    answer.expect_err("a refusal").code()
}

/// Refused as whoever has no good credential is, and told nothing more.
fn is_nobody<T: std::fmt::Debug>(answer: Result<T, Status>) -> bool {
    let status = answer.expect_err("a refusal");
    let reason = status.get_details_error_info().map(|info| info.reason);
    status.code() == Code::Unauthenticated && reason.as_deref() == Some("INVALID_CREDENTIAL")
}

async fn make_channel(client: &Client, name: &str) -> Result<String, Status> {
    let destination = config::channel::Destination::InApp(config::InAppDestination::default());
    let channel = config::Channel {
        display_name: name.to_owned(),
        destination: Some(destination),
        ..Default::default()
    };
    Ok(client.channel("", channel).await?.0)
}

on_both_databases! {
    async fn members_of_two_teams_act_for_themselves_and_their_team(database: Database) {
        let (ed, rsa) = (SigningKey::ed25519("ed"), SigningKey::rsa("rsa"));
        let provider = IdentityProvider::start(&[&ed, &rsa]).await.unwrap();
        let process = serve(&database, &provider).start().await;
        let admin = Client::admin(&process);
        let (acme, other) = (admin.team("Acme").await, admin.team("Other").await);
        let ann_id = join(&admin, &acme, "ann@acme.example", Role::Member).await;
        let bob_id = join(&admin, &acme, "bob@acme.example", Role::Admin).await;
        let eve_id = join(&admin, &other, "eve@other.example", Role::Owner).await;
        let as_member = |key: &SigningKey, claims: &Value| Client::new(&process, &key.token(claims));
        let ann_claims = claims(&acme, &ann_id, "MEMBER");
        let ann = as_member(&ed, &ann_claims);
        let bob = as_member(&rsa, &claims(&acme, &bob_id, "ADMIN"));
        let eve = as_member(&ed, &claims(&other, &eve_id, "owner"));

        // Whoever manages integrations makes channels: by role, by the token's claim, or by a grant here.
        let denied = make_channel(&ann, "by Ann").await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        assert!(denied.message().contains("manage integrations") && !denied.message().contains("scope"), "{denied}");
        let dan = Member {
            email: "dan@acme.example".to_owned(),
            permissions: vec![config::Permission::ManageIntegrations.into()],
            ..Default::default()
        };
        let dan = CreateMemberRequest { team_id: acme.clone(), member: Some(dan), validate_only: false };
        let dan_id = admin.teams().create_member(dan).await.unwrap().into_inner().member.unwrap().id;
        let dan = as_member(&ed, &claims(&acme, &dan_id, "MEMBER"));
        let channel = make_channel(&dan, "by Dan").await.unwrap();
        let request = config::DeleteChannelRequest { channel_id: channel, ..Default::default() };
        dan.channels().delete_channel(request).await.unwrap();
        let channel_id = make_channel(&bob, "by Bob").await.unwrap();
        let granted = as_member(&ed, &but(&ann_claims, "permissions", json!(["MANAGE_INTEGRATIONS"])));
        make_channel(&granted, "by Ann").await.unwrap();
        assert_eq!(reads(&ann).await.unwrap().len(), 2);
        assert!(reads(&eve).await.unwrap().is_empty());
        let get = |team_id: &str| GetChannelRequest { team_id: team_id.to_owned(), channel_id: channel_id.clone() };
        assert!(ann.channels().get_channel(get("")).await.is_ok());
        for team_id in ["", &acme, &other] {
            assert_eq!(code(eve.channels().get_channel(get(team_id)).await), Code::NotFound);
        }

        // Each has an inbox of their own.
        admin.emit(&acme, finding("f-1")).await.unwrap();
        assert_eq!(unread(&ann, &ann_id).await.unwrap(), 1);
        let all = MarkAllReadRequest { member_id: ann_id.clone(), ..Default::default() };
        ann.inbox().mark_all_read(all.clone()).await.unwrap();
        assert_eq!((unread(&ann, &ann_id).await.unwrap(), unread(&bob, &bob_id).await.unwrap()), (0, 1));
        assert_eq!(code(unread(&ann, &bob_id).await), Code::NotFound);
        assert_eq!(code(bob.inbox().mark_all_read(all).await), Code::NotFound);
        assert_eq!(unread(&eve, &eve_id).await.unwrap(), 0);
        for (team_id, member_id) in [("", &ann_id), (acme.as_str(), &ann_id), (acme.as_str(), &eve_id)] {
            let list = ListNotificationsRequest {
                team_id: team_id.to_owned(),
                member_id: member_id.clone(),
                ..Default::default()
            };
            assert_eq!(code(eve.inbox().list_notifications(list).await), Code::NotFound);
        }
        let events = eve.dispatcher().list_events(ListEventsRequest::default()).await.unwrap().into_inner();
        assert!(events.events.is_empty(), "nor do teams see one another's log");

        // And preferences of their own.
        let of = |member_id: &str| GetPreferencesRequest { member_id: member_id.to_owned(), ..Default::default() };
        assert!(ann.preferences().get_preferences(of(&ann_id)).await.is_ok());
        assert_eq!(code(bob.preferences().get_preferences(of(&ann_id)).await), Code::NotFound);

        // What is for backends, for Admins, for the platform or for services is not for members.
        assert_eq!(code(bob.emit("", finding("forged")).await), Code::PermissionDenied);
        assert_eq!(code(eve.teams().list_teams(ListTeamsRequest::default()).await), Code::PermissionDenied);
        let team = config::Team { id: acme.clone(), display_name: "Ann's".to_owned(), ..Default::default() };
        let rename = UpdateTeamRequest { team: Some(team), ..Default::default() };
        assert_eq!(code(granted.teams().update_team(rename.clone()).await), Code::PermissionDenied);
        bob.teams().update_team(rename).await.unwrap();
        let key = |scope: Scope| CreateApiKeyRequest {
            api_key: Some(config::ApiKey {
                display_name: "ci".to_owned(),
                scopes: vec![scope.into()],
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(code(granted.teams().create_api_key(key(Scope::Emit)).await), Code::PermissionDenied);
        assert_eq!(code(bob.teams().create_api_key(key(Scope::Platform)).await), Code::PermissionDenied);
        let made = bob.teams().create_api_key(key(Scope::Emit)).await.unwrap().into_inner();
        Client::new(&process, &made.key).emit("", finding("f-2")).await.unwrap();
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", process.address)).unwrap();
        let mut internal = tonic::Request::new(config::GetTeamSnapshotRequest { team_id: acme.clone() });
        let bearer = format!("Bearer {}", ed.token(&ann_claims));
        internal.metadata_mut().insert("authorization", bearer.parse().unwrap());
        let mut snapshots = SnapshotServiceClient::new(channel.connect_lazy());
        assert_eq!(code(snapshots.get_team_snapshot(internal).await), Code::PermissionDenied);
    }
}

/// A server of its own, a member of a team, and a key that signs for them.
struct Stage {
    process: Process,
    provider: IdentityProvider,
    key: SigningKey,
    claims: Value,
}

impl Stage {
    async fn new(database: &Database) -> Self {
        let key = SigningKey::ed25519("first");
        let provider = IdentityProvider::start(&[&key]).await.expect("a provider");
        let process = serve(database, &provider).start().await;
        let admin = Client::admin(&process);
        let team = admin.team("Acme").await;
        let member = join(&admin, &team, "ann@acme.example", Role::Admin).await;
        Self {
            claims: claims(&team, &member, "ADMIN"),
            process,
            provider,
            key,
        }
    }

    fn bearing(&self, token: &str) -> Client {
        Client::new(&self.process, token)
    }
}

#[test]
fn tokens_that_are_not_good_are_nobodys() {
    crate::harness::database::on_sqlite(|database| async move {
        let stage = Stage::new(&database).await;
        let Stage { key, claims, .. } = &stage;
        assert!(reads(&stage.bearing(&key.token(claims))).await.is_ok());
        let impostor = SigningKey::ed25519("first");
        let unsigned = key.token_with(&json!({"alg": "none"}), claims);
        let brings_a_key = json!({"alg": "EdDSA", "kid": "first", "jwk": impostor.jwk()});
        for (what, token) in [
            ("expired", key.token(&but(claims, "exp", now() - 120))),
            ("not valid yet", key.token(&but(claims, "nbf", now() + 600))),
            (
                "of another issuer",
                key.token(&but(claims, "iss", "https://id.example.com")),
            ),
            (
                "for another audience",
                key.token(&but(claims, "aud", "https://api.example.com")),
            ),
            ("of no team", key.token(&but(claims, "team_id", Value::Null))),
            ("of no role", key.token(&but(claims, "role", "ROOT"))),
            ("of an impostor", impostor.token(claims)),
            (
                "of an impostor with a key",
                impostor.token_with(&brings_a_key, claims),
            ),
            ("of a stranger", SigningKey::ed25519("stranger").token(claims)),
            ("of another kind of key", SigningKey::rsa("first").token(claims)),
            ("not signed", unsigned.clone()),
            (
                "without a signature",
                format!("{}.", unsigned.rsplit_once('.').unwrap().0),
            ),
            ("no token", "a.b.c".to_owned()),
        ] {
            assert!(is_nobody(reads(&stage.bearing(&token)).await), "{what}");
        }
        assert!(reads(&stage.bearing(&key.token(claims))).await.is_ok());
    });
}

#[test]
fn a_provider_that_changes_its_key_is_followed_at_once() {
    crate::harness::database::on_sqlite(|database| async move {
        let stage = Stage::new(&database).await;
        let old = stage.bearing(&stage.key.token(&stage.claims));
        assert!(reads(&old).await.is_ok());
        let next = SigningKey::rsa("next");
        stage.provider.publish(&[&next]);
        assert!(reads(&stage.bearing(&next.token(&stage.claims))).await.is_ok());
        assert!(is_nobody(reads(&old).await), "and what it took back is refused");
        assert_eq!(stage.provider.asked(), 2);
        for stranger in 0..20 {
            let stranger = SigningKey::ed25519(&format!("stranger {stranger}"));
            assert!(is_nobody(
                reads(&stage.bearing(&stranger.token(&stage.claims))).await
            ));
        }
        assert_eq!(
            stage.provider.asked(),
            2,
            "strangers do not have it asked again and again"
        );
    });
}

#[test]
fn a_stream_ends_when_the_token_that_opened_it_does() {
    crate::harness::database::on_sqlite(|database| async move {
        let stage = Stage::new(&database).await;
        let ended = eventually("a stream was opened in time and has ended", || async {
            // Good for three seconds more, since clocks may be a minute apart.
            let token = stage.key.token(&but(&stage.claims, "exp", now() - 57));
            let request = WatchRequest {
                member_id: stage.claims["sub"].as_str().unwrap_or_default().to_owned(),
                ..Default::default()
            };
            let mut stream = stage
                .bearing(&token)
                .inbox()
                .watch(request)
                .await
                .ok()?
                .into_inner();
            let ended = async {
                loop {
                    if let Err(status) = stream.message().await {
                        return status;
                    }
                }
            };
            Some(
                tokio::time::timeout(WAIT_TIMEOUT, ended)
                    .await
                    .expect("the stream ends"),
            )
        });
        assert!(is_nobody(Err::<(), _>(ended.await)));
    });
}

/// Ends by itself within half a minute, refused as whoever is no member is.
async fn ends_refused<T>(mut stream: tonic::Streaming<T>) {
    let ended = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                other => return other.map(drop),
            }
        }
    };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), ended).await;
    let status = ended.expect("within 30 seconds").expect_err("with a status");
    assert!(
        matches!(
            status.code(),
            Code::PermissionDenied | Code::Unauthenticated | Code::NotFound
        ),
        "{status}"
    );
}

#[test]
fn a_members_token_ends_with_the_membership_and_shrinks_with_the_role() {
    crate::harness::database::on_sqlite(|database| async move {
        let stage = Stage::new(&database).await;
        let admin = Client::admin(&stage.process);
        let team = stage.claims["team_id"].as_str().unwrap_or_default().to_owned();
        let ann_id = stage.claims["sub"].as_str().unwrap_or_default().to_owned();
        join(&admin, &team, "owner@acme.example", Role::Owner).await;
        let ann = stage.bearing(&stage.key.token(&stage.claims));
        make_channel(&ann, "by an Admin").await.unwrap();
        let request = WatchDeliveriesRequest::default();
        let deliveries = ann
            .dispatcher()
            .watch_deliveries(request)
            .await
            .unwrap()
            .into_inner();
        let request = WatchRequest {
            member_id: ann_id.clone(),
            ..Default::default()
        };
        let inbox = ann.inbox().watch(request).await.unwrap().into_inner();

        let demoted = Member {
            id: ann_id.clone(),
            role: Role::Member.into(),
            ..Default::default()
        };
        let request = config::UpdateMemberRequest {
            team_id: team.clone(),
            member: Some(demoted),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["role".to_owned()],
            }),
            ..Default::default()
        };
        admin.teams().update_member(request).await.unwrap();
        assert_eq!(
            code(make_channel(&ann, "by a Member").await),
            Code::PermissionDenied
        );
        assert!(reads(&ann).await.is_ok(), "what members may do goes on");

        let request = config::DeleteMemberRequest {
            team_id: team,
            member_id: ann_id,
            ..Default::default()
        };
        admin.teams().delete_member(request).await.unwrap();
        let refused = reads(&ann).await.expect_err("no member any more");
        let reason = refused.get_details_error_info().map(|info| info.reason);
        assert_eq!(
            (refused.code(), reason.as_deref()),
            (Code::PermissionDenied, Some("NOT_A_MEMBER"))
        );
        tokio::join!(ends_refused(deliveries), ends_refused(inbox));
    });
}

#[test]
fn whom_only_the_platform_knows_is_told_so_whatever_is_called() {
    crate::harness::database::on_sqlite(|database| async move {
        let stage = Stage::new(&database).await;
        let stranger = "mbr_01h455vb4pex5vsknk084sn02q";
        let nobody = stage.bearing(&stage.key.token(&but(&stage.claims, "sub", stranger)));
        assert_eq!(code(reads(&nobody).await), Code::PermissionDenied);
        assert_eq!(code(unread(&nobody, stranger).await), Code::PermissionDenied);
    });
}

#[test]
fn a_server_starts_without_its_provider_and_lets_members_in_when_it_is_there() {
    crate::harness::database::on_sqlite(|database| async move {
        let key = SigningKey::ed25519("first");
        let provider = IdentityProvider::start(&[&key]).await.unwrap();
        provider.away(true);
        let process = serve(&database, &provider).start().await;
        let admin = Client::admin(&process);
        let team = admin.team("Acme").await;
        let ann_id = join(&admin, &team, "ann@acme.example", Role::Member).await;
        let ann = Client::new(&process, &key.token(&claims(&team, &ann_id, "MEMBER")));
        assert!(is_told_to_come_again(
            &reads(&ann).await.expect_err("no keys yet")
        ));
        provider.away(false);
        eventually("members are let in", || async { reads(&ann).await.ok() }).await;
        provider.away(true);
        assert!(reads(&ann).await.is_ok(), "the keys that are known are used");
    });
}

#[test]
fn keys_are_read_from_a_file_too_and_settings_that_cannot_be_meant_end_the_start() {
    crate::harness::database::on_sqlite(|database| async move {
        let key = SigningKey::ed25519("first");
        let path = database.directory().join("keys.json");
        let serve = || {
            Serve::all(&database)
                .env("WATCHBELL__AUTH__JWT__ISSUER", ISSUER)
                .env("WATCHBELL__AUTH__JWT__AUDIENCE", AUDIENCE)
                .env("WATCHBELL__AUTH__JWT__CLAIMS__MEMBER_ID", "sub")
        };
        let file = || serve().env("WATCHBELL__AUTH__JWT__JWKS_FILE", path.display().to_string());
        for (wrong, said) in [
            (serve(), "auth.jwt.jwks_url"),
            (file(), "auth.jwt.jwks_file"),
            (
                file().env("WATCHBELL__AUTH__JWT__JWKS_URL", FORBIDDEN),
                "auth.jwt.jwks_url",
            ),
            (
                serve().env("WATCHBELL__AUTH__JWT__JWKS_URL", FORBIDDEN),
                "auth.jwt.jwks_url",
            ),
            (
                file().env("WATCHBELL__AUTH__JWT__AUDIENCE", ""),
                "auth.jwt.audience",
            ),
        ] {
            let complaint = wrong.fail().await;
            assert!(complaint.contains(said), "{complaint}");
            assert!(!complaint.contains("10.255.255.1"), "{complaint}");
        }
        std::fs::write(&path, json!({"keys": [key.jwk()]}).to_string()).unwrap();
        let process = file().start().await;
        let admin = Client::admin(&process);
        let team = admin.team("Acme").await;
        let ann = join(&admin, &team, "ann@acme.example", Role::Member).await;
        let token = key.token(&claims(&team, &ann, "MEMBER"));
        assert!(reads(&Client::new(&process, &token)).await.is_ok());
    });
}
