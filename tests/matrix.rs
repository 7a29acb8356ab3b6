//! Who may call what: every RPC by every kind of caller, in their own team and in another, judged by `matrix/access.txt`.
//! An RPC that is not in it, or for which `matrix/requests.rs` has no request, fails the test.

mod caller;
mod requests;
mod things;

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::MethodDescriptor;
use serde_json::json;
use tonic::Code;
use watchbell_contracts::config::v1::{
    ApiKey, CreateApiKeyRequest, CreatePortalSessionRequest, DeleteApiKeyRequest, Role, Scope,
};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_testkit::{IdentityProvider, SigningKey};

use caller::{Answer, Caller, all_rpcs, with_long_lists, with_nuls};
use requests::REQUESTS;
use things::Things;

use crate::harness::{Client, Database, Process, SERVICE_TOKEN, eventually, on_both_databases};
use crate::members::{but, claims, join, serve};

const ACCESS: &str = include_str!("matrix/access.txt");

/// RPCs that take a filter, which then lets nothing through.
const NARROWED: [&str; 6] = [
    "AddDeliveries",
    "CancelDeliveries",
    "ListDeliveries",
    "WatchDeliveries",
    "GetDeliveryStats",
    "ListEvents",
];

/// Entries of a list that is longer than any may be.
const LONG_LIST: usize = 30_000;

/// The columns of the table.
const CALLERS: [&str; 15] = [
    "none", "emit", "c.read", "c.write", "d.read", "d.write", "inbox", "platf.", "OWNER", "ADMIN", "GRANT.",
    "MEMBER", "serv.", "o.sess", "r.sess",
];

/// Whom each RPC is for, by its full name.
fn access() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut service = "";
    let mut rows = BTreeMap::new();
    for line in ACCESS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let mut words = line.split_whitespace();
        let name = words.next().expect("a name");
        let cells: Vec<_> = words.collect();
        if !line.starts_with(' ') {
            assert_eq!(cells, CALLERS, "the columns of {name}");
            service = name;
            continue;
        }
        assert!(
            cells.len() == CALLERS.len() && cells.iter().all(|cell| ["x", "-"].contains(cell)),
            "{line}"
        );
        let allowed = CALLERS
            .into_iter()
            .zip(cells)
            .filter(|(_, cell)| *cell == "x")
            .map(|(caller, _)| caller);
        let before = rows.insert(format!("{service}.{name}"), allowed.collect());
        assert!(before.is_none(), "{name} is there twice");
    }
    rows
}

/// The request for an RPC.
fn request(rpc: &MethodDescriptor) -> &'static str {
    let name = format!("{}/{}", rpc.parent_service().name(), rpc.name());
    let found = REQUESTS.iter().find(|(rpc, _)| *rpc == name);
    found
        .unwrap_or_else(|| panic!("requests.rs has no request for {name}"))
        .1
}

fn names_a_team(rpc: &MethodDescriptor) -> bool {
    request(rpc).contains("$team")
}

/// Whether it names a thing of a team.
fn names_a_thing(rpc: &MethodDescriptor) -> bool {
    request(rpc)
        .replace("$team", "")
        .replace("$nowhere", "")
        .replace("$key_sha256", "")
        .contains('$')
}

#[test]
fn every_rpc_has_a_row_and_a_request_and_every_row_an_rpc() {
    let rpcs = all_rpcs();
    let described: BTreeSet<_> = rpcs.iter().map(|rpc| rpc.full_name().to_owned()).collect();
    let rows: BTreeSet<_> = access().into_keys().collect();
    assert_eq!(
        described, rows,
        "the RPCs and the rows of tests/matrix/access.txt"
    );
    assert!(rpcs.iter().all(|rpc| !request(rpc).is_empty()));
    assert_eq!(REQUESTS.len(), rpcs.len());
}

fn code(answer: &Answer) -> Code {
    answer.as_ref().map_or_else(tonic::Status::code, |_| Code::Ok)
}

/// Two teams with things of every kind, and callers of the first.
struct Stage {
    process: Process,
    _provider: IdentityProvider,
    own: Things,
    other: Things,
    own_team: String,
    other_team: String,
    /// By their columns; nobody comes in several ways.
    callers: Vec<(&'static str, Caller)>,
    /// May do everything in its team.
    key: Caller,
}

impl Stage {
    async fn new(database: &Database) -> Self {
        let signing = SigningKey::ed25519("first");
        let provider = IdentityProvider::start(&[&signing]).await.expect("a provider");
        let process = serve(database, &provider).start().await;
        let admin = Client::admin(&process);
        let (own_team, other_team) = (admin.team("Acme").await, admin.team("Other").await);
        let mut members = Vec::new();
        for (name, role) in [("ann", Role::Owner), ("bob", Role::Admin), ("cid", Role::Member)] {
            members.push(join(&admin, &own_team, &format!("{name}@acme.example"), role).await);
        }
        let stranger = join(&admin, &other_team, "eve@other.example", Role::Owner).await;
        let own = Things::furnish(&admin, &own_team, &members[0]).await;
        let other = Things::furnish(&admin, &other_team, &stranger).await;

        let token = |claims: &serde_json::Value| Caller::bearer(&process, &signing.token(claims));
        let member = claims(&own_team, &members[2], "MEMBER");
        let key = async |scopes: &[Scope], seconds: Option<i64>| {
            let expires = seconds.map(|seconds| prost_types::Timestamp {
                seconds: SystemClock::new().now().timestamp() + seconds,
                nanos: 0,
            });
            let request = CreateApiKeyRequest {
                team_id: own_team.clone(),
                api_key: Some(ApiKey {
                    display_name: "a key".to_owned(),
                    scopes: scopes.iter().map(|scope| *scope as i32).collect(),
                    expire_time: expires,
                    ..Default::default()
                }),
            };
            let made = admin
                .teams()
                .create_api_key(request)
                .await
                .expect("a key")
                .into_inner();
            (
                Caller::bearer(&process, &made.key),
                made.api_key.unwrap_or_default().id,
            )
        };
        let of_team = [
            Scope::Emit,
            Scope::ConfigRead,
            Scope::ConfigWrite,
            Scope::DeliveriesRead,
            Scope::DeliveriesWrite,
            Scope::Inbox,
        ];
        let mut callers = Vec::new();
        for (column, scope) in CALLERS[1..].iter().zip(of_team) {
            callers.push((*column, key(&[scope], None).await.0));
        }
        callers.extend([
            ("platf.", Caller::bearer(&process, &process.admin_key())),
            ("OWNER", token(&claims(&own_team, &members[0], "OWNER"))),
            ("ADMIN", token(&claims(&own_team, &members[1], "ADMIN"))),
            (
                "GRANT.",
                token(&but(&member, "permissions", json!(["MANAGE_INTEGRATIONS"]))),
            ),
            ("MEMBER", token(&member)),
            ("serv.", Caller::bearer(&process, SERVICE_TOKEN)),
        ]);
        for (column, read_only) in [("o.sess", false), ("r.sess", true)] {
            let request = CreatePortalSessionRequest {
                team_id: own_team.clone(),
                member_id: members[0].clone(),
                read_only,
                ttl: None,
            };
            let made = admin
                .teams()
                .create_portal_session(request)
                .await
                .expect("a session");
            callers.push((column, Caller::bearer(&process, &made.into_inner().token)));
        }
        let (expired, _) = key(&of_team, Some(2)).await;
        let (deleted, deleted_id) = key(&of_team, None).await;
        let delete = DeleteApiKeyRequest {
            team_id: own_team.clone(),
            api_key_id: deleted_id,
        };
        admin
            .teams()
            .delete_api_key(delete)
            .await
            .expect("a key can be deleted");
        let nobodys = [
            Caller::new(&process, None),
            Caller::bearer(&process, "wbk_of_nobody"),
            Caller::bearer(&process, "a.b.c"),
            token(&but(
                &claims(&own_team, &members[0], "OWNER"),
                "exp",
                SystemClock::new().now().timestamp() - 120,
            )),
            expired,
            deleted,
        ];
        let key = key(&of_team, None).await.0;
        let list = all_rpcs()
            .into_iter()
            .find(|rpc| rpc.name() == "ListChannels")
            .expect("it is there");
        for nobody in &nobodys {
            eventually("what has ended is not taken any more", || async {
                let answer = nobody.call(&list, &json!({"team_id": own_team})).await;
                (code(&answer) == Code::Unauthenticated).then_some(())
            })
            .await;
        }
        callers.extend(nobodys.map(|nobody| ("none", nobody)));
        Self {
            process,
            _provider: provider,
            own,
            other,
            own_team,
            other_team,
            callers,
            key,
        }
    }
}

on_both_databases! {
    async fn each_caller_may_do_what_the_table_says_and_nothing_in_another_team(database: Database) {
        let stage = Stage::new(&database).await;
        let rows = access();
        let made_up = Things::made_up(&stage.own_team, &stage.process.admin_key());
        let mut wrong = Vec::new();
        for rpc in all_rpcs() {
            let allowed = &rows[rpc.full_name()];
            for (column, caller) in &stage.callers {
                let answer = caller.call(&rpc, &made_up.named_in(request(&rpc))).await;
                let came_in = !matches!(code(&answer), Code::Unauthenticated | Code::PermissionDenied);
                let nobody = *column == "none" && code(&answer) == Code::PermissionDenied;
                // The traits of services have default bodies, which only fakes may rely on.
                let missing = code(&answer) == Code::Unimplemented;
                if came_in != allowed.contains(column) || nobody || missing {
                    wrong.push(format!("{}: {column} got {:?}", rpc.full_name(), code(&answer)));
                }
                // What a key or a member may do, they may do in their own team.
                let bound = !["none", "platf.", "serv."].contains(column);
                if bound && allowed.contains(column) && names_a_team(&rpc) {
                    for things in [made_up.in_team(&stage.other_team), stage.other.clone()] {
                        let answer = caller.call(&rpc, &things.named_in(request(&rpc))).await;
                        if !matches!(code(&answer), Code::NotFound | Code::PermissionDenied) {
                            wrong.push(format!("{}: {column} got {answer:?} in another team", rpc.full_name()));
                        }
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn json_over_http_gets_the_answer_that_grpc_gets(database: Database) {
        let stage = Stage::new(&database).await;
        let made_up = Things::made_up(&stage.own_team, &stage.process.admin_key());
        let mut wrong = Vec::new();
        for rpc in all_rpcs() {
            let streams = rpc.is_client_streaming() || rpc.is_server_streaming();
            for (column, caller) in &stage.callers {
                let request = made_up.named_in(request(&rpc));
                let by_json = caller.code_by_json(&rpc, &request).await;
                let by_grpc = if streams { Code::Unimplemented } else { code(&caller.call(&rpc, &request).await) };
                // What was made by the first call is there at the second.
                let made = by_json == Code::Ok && by_grpc == Code::AlreadyExists;
                if by_json != by_grpc && !made {
                    wrong.push(format!("{}: {column} got {by_json:?} by JSON, {by_grpc:?} by gRPC", rpc.full_name()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn a_nul_anywhere_in_a_request_is_the_callers_fault(database: Database) {
        let stage = Stage::new(&database).await;
        let platform = Caller::bearer(&stage.process, &stage.process.admin_key());
        let rows = access();
        let mut wrong = Vec::new();
        for rpc in all_rpcs() {
            if !rows[rpc.full_name()].contains("platf.") {
                continue;
            }
            for (place, request) in with_nuls(&rpc, &stage.own.named_in(request(&rpc))) {
                let answer = platform.call_with(&rpc, &request).await;
                if matches!(code(&answer), Code::Internal | Code::Unknown | Code::Unavailable) {
                    wrong.push(format!("{} with NUL in {place}: {answer:?}", rpc.full_name()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn a_long_list_anywhere_in_a_request_is_the_callers_fault(database: Database) {
        let stage = Stage::new(&database).await;
        let platform = Caller::bearer(&stage.process, &stage.process.admin_key());
        let rows = access();
        let mut wrong = Vec::new();
        for rpc in all_rpcs() {
            if !rows[rpc.full_name()].contains("platf.") {
                continue;
            }
            let mut request = stage.own.named_in(request(&rpc));
            if let Some(fields) = request.as_object_mut() {
                // Without it every field is updated.
                fields.remove("update_mask");
            }
            for (place, request) in with_long_lists(&rpc, &request, LONG_LIST) {
                let answer = platform.call_with(&rpc, &request).await;
                if code(&answer) != Code::InvalidArgument {
                    wrong.push(format!("{} with many {place}: {:?}", rpc.full_name(), code(&answer)));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn the_inbox_as_a_page_is_for_whom_the_inbox_as_an_rpc_is(database: Database) {
        let stage = Stage::new(&database).await;
        let allowed = &access()["watchbell.dispatcher.v1.InboxService.Watch"];
        let mut wrong = Vec::new();
        for (column, caller) in &stage.callers {
            let page = |team: &str, member: &str| format!("/inbox/stream?team_id={team}&member_id={member}");
            let (ann, nobody) = (stage.own.id("$member"), "mbr_01h455vb4pex5vsknk084sn02q");
            let status = caller.get(&page(&stage.own_team, ann)).await;
            let expected = match (*column, allowed.contains(column)) {
                ("none", _) => status == 401,
                (_, false) => status == 403,
                // Members have their own inbox only.
                ("ADMIN" | "GRANT." | "MEMBER", true) => status == 404,
                (_, true) => status == 200,
            };
            let of_nobody = caller.get(&page(&stage.own_team, nobody)).await;
            if !matches!(of_nobody, 401 | 403 | 404) {
                wrong.push(format!("{column} got {of_nobody} for a member that there is not"));
            }
            let elsewhere = caller.get(&page(&stage.other_team, ann)).await;
            if !expected || !matches!(elsewhere, 401 | 403 | 404) {
                wrong.push(format!("{column} got {status}, and {elsewhere} in another team"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn what_another_team_has_is_not_there(database: Database) {
        let stage = Stage::new(&database).await;
        let platform = Caller::bearer(&stage.process, &stage.process.admin_key());
        let service = Caller::bearer(&stage.process, SERVICE_TOKEN);
        let owner = &stage.callers.iter().find(|(column, _)| *column == "OWNER").expect("it is there").1;
        let rows = access();
        let mut rpcs: Vec<_> = all_rpcs().into_iter().filter(names_a_thing).collect();
        // What is deleted cannot be asked for any more.
        rpcs.sort_by_key(|rpc| rpc.name().starts_with("Delete"));
        let mut wrong = Vec::new();
        let smuggled = stage.other.in_team(&stage.own_team);
        for rpc in &rpcs {
            let allowed = &rows[rpc.full_name()];
            let by_key = ["c.write", "d.write", "inbox"].iter().any(|column| allowed.contains(column));
            for (column, caller, may) in [
                ("a key", &stage.key, by_key),
                ("OWNER", owner, allowed.contains("OWNER")),
                ("platf.", &platform, allowed.contains("platf.")),
                ("serv.", &service, true),
            ] {
                if !may {
                    continue;
                }
                let answer = caller.call(rpc, &smuggled.named_in(request(rpc))).await;
                let tells_nothing = match &answer {
                    Ok(message) => {
                        let told = message.as_ref().is_some_and(|message| stage.other.are_told_by(message));
                        NARROWED.contains(&rpc.name()) && !told
                    }
                    Err(status) => matches!(status.code(), Code::NotFound | Code::InvalidArgument),
                };
                if !tells_nothing {
                    wrong.push(format!("{}: {column} got {answer:?}", rpc.full_name()));
                }
            }
        }
        // And it is there for its own team: the same requests, so that nothing above was refused for their form.
        for rpc in &rpcs {
            let answer = service.call(rpc, &stage.own.named_in(request(rpc))).await;
            if matches!(code(&answer), Code::NotFound | Code::InvalidArgument | Code::Internal | Code::Unknown) {
                wrong.push(format!("{}: with its own things, {answer:?}", rpc.full_name()));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
