//! Look-ups against a DNS server on loopback.

use std::net::Ipv4Addr;

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::proto::rr::Name;
use std::sync::Arc;
use tokio::task::JoinSet;
use watchbell_egress::{DnsResolver, EgressPolicy, Guard, Refusal};
use watchbell_model::ids::TeamId;
use watchbell_testkit::NameServer;

fn name_server(answer: impl Fn(&str) -> Option<Vec<Ipv4Addr>> + Send + 'static) -> NameServer {
    NameServer::start(answer).unwrap()
}

fn guard(policy: EgressPolicy, asked: &NameServer, search: &[&str]) -> Guard {
    let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
    server.connections[0].port = asked.address().port();
    let search = search
        .iter()
        .map(|domain| Name::from_ascii(domain).unwrap())
        .collect();
    let servers = ResolverConfig::from_parts(None, search, vec![server]);
    Guard::with_resolver(policy, Arc::new(DnsResolver::asking(servers)))
}

fn team(number: i64) -> TeamId {
    TeamId::generate(chrono::DateTime::from_timestamp(number, 0).unwrap())
}

#[tokio::test]
async fn a_silent_zone_of_one_team_delays_no_other_team() {
    let server =
        name_server(|name| (!name.ends_with("silent.example")).then(|| vec![[93, 184, 216, 34].into()]));
    let guard = guard(EgressPolicy::default(), &server, &[]);
    let mut theirs = JoinSet::new();
    for number in 0..700 {
        let guard = guard.on_behalf_of(team(1));
        theirs.spawn(async move {
            guard
                .admit_url(&format!("https://n{number}.silent.example/"))
                .await
        });
    }
    tokio::task::yield_now().await;
    for number in 0..5 {
        let url = format!("https://hooks{number}.example.com/");
        guard.on_behalf_of(team(2)).admit_url(&url).await.unwrap();
        assert!(
            theirs.try_join_next().is_none(),
            "no other team has waited for the silent zone"
        );
    }
    let ended = theirs.join_next().await.unwrap().unwrap();
    assert_eq!(ended, Err(Refusal::Unresolved));
}

#[tokio::test]
async fn a_public_name_never_leads_into_a_search_domain() {
    let server = name_server(|name| {
        Some(match name.ends_with(".corp.example") {
            true => vec![Ipv4Addr::LOCALHOST],
            false => Vec::new(),
        })
    });
    let guard = guard(EgressPolicy::allowing_loopback(), &server, &["corp.example."]);
    assert_eq!(
        guard.admit_url("https://hooks.example.com/").await,
        Err(Refusal::Unresolved)
    );
    for internal in [
        "https://receiver/",
        "http://receiver:8080/",
        "https://receiver.alerts.svc/",
    ] {
        assert!(guard.admit_url(internal).await.is_ok(), "{internal}");
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_a_while_and_judged_each_time() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let server = name_server(move |_| {
        counting.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Some(vec![[10, 0, 0, 1].into()])
    });
    let guard = guard(EgressPolicy::default(), &server, &[]);
    for _ in 0..10 {
        let refused = guard.admit_url("https://hooks.example.com/").await.unwrap_err();
        assert_eq!(refused.reason(), "ADDRESS_NOT_PUBLIC");
    }
    assert!(
        asked.load(std::sync::atomic::Ordering::SeqCst) <= 11,
        "A once, and each time AAAA, whose absence this server does not let anybody keep"
    );
}

#[tokio::test]
async fn this_machine_has_its_name_without_a_name_server() {
    let server = name_server(|_| None);
    let guard = guard(EgressPolicy::allowing_loopback(), &server, &[]);
    guard.admit_url("http://localhost:8080/").await.unwrap();
}

#[tokio::test]
async fn name_servers_are_asked_at_their_ports() {
    let server = name_server(|_| Some(vec![[93, 184, 216, 34].into()]));
    let resolver = DnsResolver::asking_at(&[server.address()]);
    let guard = Guard::with_resolver(EgressPolicy::default(), Arc::new(resolver));
    assert!(guard.admit_url("https://hooks.example.com/").await.is_ok());
}
