//! Whatever configuration a document asks for: applying it once is applying it twice, and what is exported of it
//! changes nothing, from whatever configuration a team comes.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use watchbell_config::Migrator;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{Role, TeamSnapshot};
use watchbell_model::ChannelKind;
use watchbell_model::channel::Channel;
use watchbell_model::digest_settings::DigestSettings;
use watchbell_model::ids::{ChannelId, MentionRuleId, RuleId, TeamId};
use watchbell_model::mention::MentionRule;
use watchbell_model::preference::Preference;
use watchbell_model::rule::Rule;
use watchbell_store::store_tests;

use crate::support::Config;
use crate::team_config::{apply, export, snapshot};

/// For each database.
const CASES: usize = 24;
const PEOPLE: [&str; 3] = ["ann@acme.example", "Bob@acme.example", "c.d+e@acme.example"];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[#a-c][a-z]",
        "[^\\p{Cc}\\s]{1,20}",
        prop::sample::select(vec![
            "null",
            "~",
            "on",
            "- a",
            "a: b",
            "1",
            "\"",
            "'",
            "#",
            "${x}",
            "<<",
            "&a",
            "ünï 😀"
        ])
        .prop_map(str::to_owned),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["", "\\PC{0,40}", "[a-z \n\t#:'\"-]{0,40}"]
}

fn severities(least: usize) -> impl Strategy<Value = Value> {
    let words = vec!["critical", "High", "medium", "moderate", "low", "info"];
    prop::sample::subsequence(words, least..=5).prop_map(|words| json!(words))
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        "[a-z]{1,8}\\.\\*",
        "[a-z]{1,8}\\.[a-z_]{1,8}"
    ]
    .prop_filter("a word begins with a letter", |text| !text.contains("._"))
}

/// Some of these entries.
fn mapping(entries: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Map<String, Value>> {
    entries
        .into_iter()
        .map(|(key, value)| prop::option::of(value).prop_map(move |value| (key, value)))
        .collect::<Vec<_>>()
        .prop_map(|entries| {
            let given = entries
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)));
            given.collect()
        })
        .boxed()
}

fn filter(types: usize) -> BoxedStrategy<Value> {
    let rest = mapping(vec![
        (
            "categories",
            prop::sample::subsequence(vec!["security_alert", "system_error"], 0..=2)
                .prop_map(|words| json!(words))
                .boxed(),
        ),
        ("severity", severities(0).boxed()),
        (
            "sources",
            prop::collection::vec("[a-z_]{1,10}", 0..3)
                .prop_map(|sources| json!(sources))
                .boxed(),
        ),
        (
            "expression",
            prop::sample::select(vec![
                "event.severity == \"HIGH\"",
                "event.data.n > 1 && event.source != ''",
            ])
            .prop_map(|text| json!(text))
            .boxed(),
        ),
    ]);
    (rest, prop::collection::vec(pattern(), types..3))
        .prop_map(|(mut filter, types)| {
            filter.insert("types".to_owned(), json!(types));
            Value::Object(filter)
        })
        .boxed()
}

fn duration(seconds: std::ops::Range<u64>) -> BoxedStrategy<Value> {
    seconds
        .prop_map(|seconds| json!(format!("{}m{}s", seconds / 60, seconds % 60)))
        .boxed()
}

/// What channels of all kinds may have.
fn common() -> BoxedStrategy<Map<String, Value>> {
    let days = prop::sample::select(vec![
        "",
        "mon-fri ",
        "sat,sun ",
        "Tue ",
        "fri-mon ",
        "mon,wed,thu ",
    ]);
    let window = (days, 0..24u32, 0..60u32, 1..12u32).prop_map(|(days, hour, minute, length)| {
        json!(format!(
            "{days}{hour}:{minute:02}-{}:{minute:02}",
            (hour + length) % 24
        ))
    });
    let quiet = (
        prop::collection::vec(window, 1..3),
        mapping(vec![
            (
                "time_zone",
                prop::sample::select(vec!["Europe/Berlin", "UTC"])
                    .prop_map(|zone| json!(zone))
                    .boxed(),
            ),
            ("pass", severities(0).boxed()),
            ("coalesce", any::<bool>().prop_map(|flag| json!(flag)).boxed()),
        ]),
    )
        .prop_map(|(windows, mut quiet)| {
            quiet.insert("windows".to_owned(), json!(windows));
            Value::Object(quiet)
        });
    let storm = prop_oneof![
        Just(json!("off")),
        Just(json!(false)),
        (1..10_000u32, duration(1..3_600))
            .prop_map(|(max_messages, window)| json!({"max_messages": max_messages, "window": window})),
    ];
    let delivery = mapping(vec![
        (
            "retry_delays",
            prop::collection::vec(duration(1..86_400), 0..10)
                .prop_map(|waits| json!(waits))
                .boxed(),
        ),
        (
            "max_concurrency",
            (0..=64u32).prop_map(|count| json!(count)).boxed(),
        ),
        (
            "max_per_second",
            prop_oneof![Just(0.0), 0.001..10_000.0f64]
                .prop_map(|rate| json!(rate))
                .boxed(),
        ),
        ("timeout", duration(1..60)),
    ]);
    mapping(vec![
        ("description", text().prop_map(|text| json!(text)).boxed()),
        ("paused", any::<bool>().prop_map(|flag| json!(flag)).boxed()),
        ("quiet_hours", quiet.boxed()),
        ("storm_control", storm.boxed()),
        ("delivery", delivery.prop_map(Value::Object).boxed()),
    ])
}

fn url() -> BoxedStrategy<Value> {
    "[a-z0-9]{1,12}"
        .prop_map(|path| json!(format!("https://hooks.example/{path}")))
        .boxed()
}

fn of_kind() -> BoxedStrategy<Map<String, Value>> {
    let object = |value: Value| value.as_object().cloned().unwrap_or_default();
    let chat = |kind: &'static str| {
        (url(), prop::option::of(filter(0)))
            .prop_map(move |(url, triggers)| object(json!({"kind": kind, "url": url, "triggers": triggers})))
    };
    let header =
        |name: &'static str| "[ -~]{0,20}".prop_map(move |value| json!({"name": name, "value": value}));
    let webhook = (
        (
            url(),
            filter(1),
            any::<bool>(),
            any::<bool>(),
            prop::option::of("[!-~]{8,40}"),
        ),
        prop::option::of(header("X-A")),
        prop::option::of(header("x-b")),
    )
        .prop_map(move |((url, filter, cloud_events, ed25519, secret), a, b)| {
            let headers: Vec<_> = a.into_iter().chain(b).collect();
            // Text after `whsec_` would have to be base64, and one with a reference resolved.
            let secret = secret.filter(|secret| !secret.starts_with("whsec_") && !secret.contains("${"));
            object(json!({
                "kind": "webhook", "url": url, "filter": filter, "sign_ed25519": ed25519, "headers": headers,
                "envelope": if cloud_events { "cloud_events" } else { "standard" }, "signing_secret": secret,
            }))
        });
    let smtp = (any::<bool>(), 0..3u32, prop::sample::select(vec!["starttls", "optional_starttls", "tls"])).prop_map(
        |(login, port, security)| {
            let mut smtp = json!({"host": "mail.acme.example", "port": port * 500, "from": "a@acme.example", "security": security});
            if login {
                smtp["username"] = json!("user: 1");
                smtp["password"] = json!("p4ss \" word");
            }
            smtp
        },
    );
    let email = (
        prop::option::of(smtp),
        prop::sample::subsequence(PEOPLE.to_vec(), 1..=3),
    )
        .prop_map(move |(smtp, recipients)| {
            object(json!({"kind": "email", "smtp": smtp, "recipients": recipients}))
        });
    prop_oneof![
        chat("slack"),
        chat("teams"),
        webhook,
        email,
        Just(object(json!({"kind": "in_app"}))),
    ]
    .boxed()
}

fn channels() -> BoxedStrategy<Vec<Value>> {
    let channel =
        (common(), of_kind(), name(), any::<bool>()).prop_map(|(mut channel, of_kind, name, default)| {
            channel.extend(of_kind);
            channel.insert("name".to_owned(), json!(name.trim()));
            channel.insert("default".to_owned(), json!(default));
            channel
        });
    prop::collection::vec(channel, 0..6)
        .prop_map(|channels| {
            let mut kept: Vec<Map<String, Value>> = Vec::new();
            for mut channel in channels {
                let same = |other: &&Map<String, Value>| other["kind"] == channel["kind"];
                if kept
                    .iter()
                    .filter(same)
                    .any(|other| other["name"] == channel["name"])
                {
                    continue;
                }
                if kept
                    .iter()
                    .filter(same)
                    .any(|other| other["default"] == json!(true))
                {
                    channel.insert("default".to_owned(), json!(false));
                }
                kept.push(channel);
            }
            kept.into_iter().map(Value::Object).collect()
        })
        .boxed()
}

fn rules(channels: &[Value]) -> BoxedStrategy<Value> {
    let routable: Vec<Value> = channels
        .iter()
        .filter(|channel| channel["kind"] != "webhook")
        .map(|channel| json!({channel["kind"].as_str().unwrap(): channel["name"]}))
        .collect();
    let silence = prop_oneof![
        Just(json!({"silence": []})),
        Just(json!({"silence": "teams"})),
        Just(json!({"silence": ["teams", "slack"]})),
    ];
    let action = if routable.is_empty() {
        silence.boxed()
    } else {
        let count = routable.len();
        let send = prop::sample::subsequence(routable, 1..=count).prop_map(|send| json!({"send": send}));
        let by = prop::sample::subsequence(vec!["type", "subject", "data.scan_id"], 0..=3);
        let gathers = (send.clone(), by, "[1-9]m", prop::option::of(2..=1_000)).prop_map(
            |(mut send, by, wait, at_most)| {
                send["group"] = json!({"by": by, "wait": wait});
                if let Some(at_most) = at_most {
                    send["group"]["at_most"] = json!(at_most);
                }
                send
            },
        );
        let send = prop_oneof![send, gathers];
        prop_oneof![silence, send].boxed()
    };
    let rest = mapping(vec![
        ("paused", any::<bool>().prop_map(|flag| json!(flag)).boxed()),
        ("continue", any::<bool>().prop_map(|flag| json!(flag)).boxed()),
        ("match", filter(0)),
    ]);
    let name = prop_oneof![
        prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned),
        name()
    ];
    let rule = (rest, action, name).prop_map(|(mut rule, action, name)| {
        rule.extend(action.as_object().cloned().unwrap_or_default());
        rule.insert("name".to_owned(), json!(name.trim()));
        Value::Object(rule)
    });
    prop::collection::vec(rule, 0..6)
        .prop_map(|rules| json!(rules))
        .boxed()
}

fn mentions() -> BoxedStrategy<Value> {
    let mention = prop_oneof![
        Just(json!("here")),
        "U[A-Z0-9]{3,8}".prop_map(|id| json!({"slack_user": id})),
        "S[A-Z0-9]{3,8}".prop_map(|id| json!({"slack_group": id})),
        "[A-Za-z]{1,10}".prop_map(|name| json!({"teams_user": {"id": "ann@acme.example", "name": name}})),
    ];
    let types = prop_oneof![Just(vec!["*".to_owned()]), prop::collection::vec(pattern(), 1..3)];
    let rule = (types, severities(0), prop::collection::vec(mention, 1..4)).prop_map(
        |(types, severity, mention)| json!({"types": types, "severity": severity, "mention": mention}),
    );
    prop::collection::vec(rule, 0..5)
        .prop_map(|rules| json!(rules))
        .boxed()
}

fn preferences() -> BoxedStrategy<Value> {
    let word = || {
        prop_oneof![
            prop::sample::select(vec![
                json!("on"),
                json!("off"),
                json!(false),
                json!("failures"),
                json!("critical")
            ]),
            severities(1),
        ]
        .boxed()
    };
    let topics = ["findings", "sla", "marketing", "weekly_digest"]
        .map(|topic| (topic, word()))
        .to_vec();
    let people = PEOPLE.map(|email| (email, mapping(topics.clone()).prop_map(Value::Object).boxed()));
    mapping(people.to_vec()).prop_map(Value::Object).boxed()
}

fn event_types() -> BoxedStrategy<Value> {
    let alert = prop_oneof![Just(json!("never")), Just(json!("always")), severities(1)];
    let rest = mapping(vec![
        ("description", text().prop_map(|text| json!(text)).boxed()),
        (
            "category",
            prop::sample::select(vec!["security_alert", "system_error"])
                .prop_map(|word| json!(word))
                .boxed(),
        ),
        (
            "severity",
            prop::sample::select(vec!["high", "LOW"])
                .prop_map(|word| json!(word))
                .boxed(),
        ),
        ("alert", alert.boxed()),
        ("topic", Just(json!("scans")).boxed()),
        (
            "example",
            (any::<i32>(), any::<f64>(), text())
                .prop_map(|(a, b, c)| json!({"a": a, "b": b, "<<": c, "": null}))
                .boxed(),
        ),
    ]);
    let schema = (name(), any::<i32>()).prop_map(|(key, least)| {
        json!({"type": "object", "properties": {(key): {"type": "integer", "minimum": least, "title": "off"}}})
    });
    let event_type =
        (rest, prop::option::of(schema), "[\\PC]{1,20}").prop_map(|(mut event_type, schema, title)| {
            if let Some(schema) = schema {
                event_type.insert("schema".to_owned(), schema);
            }
            event_type.insert("title".to_owned(), json!(format!("T {title}")));
            event_type
        });
    prop::collection::vec(event_type, 0..4)
        .prop_map(|types| {
            let named = types.into_iter().enumerate().map(|(index, mut event_type)| {
                event_type.insert("name".to_owned(), json!(format!("acme.thing_{index}")));
                event_type
                    .remove("schema")
                    .filter(|_| !event_type.contains_key("example"))
                    .map(|schema| event_type.insert("schema".to_owned(), schema));
                Value::Object(event_type)
            });
            json!(named.collect::<Vec<_>>())
        })
        .boxed()
}

fn documents() -> BoxedStrategy<Value> {
    documents_of(channels())
}

/// Documents with channels that have no secrets.
pub(crate) fn documents_without_secrets() -> BoxedStrategy<Value> {
    let has_none = |channel: &Value| match channel["kind"].as_str() {
        Some("email") => channel.get("smtp").is_none(),
        kind => kind == Some("in_app"),
    };
    documents_of(
        channels()
            .prop_map(move |channels| channels.into_iter().filter(has_none).collect())
            .boxed(),
    )
}

fn documents_of(channels: BoxedStrategy<Vec<Value>>) -> BoxedStrategy<Value> {
    let digest = mapping(vec![
        (
            "cron",
            prop::sample::select(vec!["0 9 * * MON", "  30 2  1 * *"])
                .prop_map(|cron| json!(cron))
                .boxed(),
        ),
        (
            "recipients",
            prop::sample::subsequence(PEOPLE.to_vec(), 0..=3)
                .prop_map(|emails| json!(emails))
                .boxed(),
        ),
        ("paused", any::<bool>().prop_map(|flag| json!(flag)).boxed()),
    ]);
    let recipients = prop::sample::subsequence(PEOPLE.to_vec(), 0..=3).prop_map(|emails| json!(emails));
    let with_rules = channels.prop_flat_map(|channels| (rules(&channels), Just(channels)));
    (
        with_rules,
        mentions(),
        preferences(),
        recipients,
        digest,
        event_types(),
    )
        .prop_map(
            |((rules, channels), mentions, preferences, recipients, digest, event_types)| {
                json!({
                    "channels": channels,
                    "rules": rules,
                    "mentions": mentions,
                    "preferences": preferences,
                    "compliance_recipients": recipients,
                    "digest": digest,
                    "event_types": event_types,
                })
            },
        )
        .boxed()
}

/// An export, with secrets for whom it is new.
fn with_secrets(exported: &str) -> String {
    let options = serde_saphyr::options! { strict_booleans: true };
    let mut document: Value = serde_saphyr::from_str_with_options(exported, options).unwrap();
    for channel in document["channels"].as_array_mut().unwrap() {
        if ["slack", "teams", "webhook"].contains(&channel["kind"].as_str().unwrap()) {
            channel["url"] = json!("https://hooks.example/other");
        }
        for header in channel
            .get_mut("headers")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            header["value"] = json!("other");
        }
        if channel
            .get("smtp")
            .is_some_and(|smtp| smtp.get("username").is_some())
        {
            channel["smtp"]["password"] = json!("other");
        }
    }
    document.to_string()
}

/// What a snapshot means to those who decide by it, without ids, times and secrets.
fn meaning(mut snapshot: TeamSnapshot) -> Vec<String> {
    let team_id = TeamId::from_uuid(Uuid::nil()).to_string();
    let mut said = Vec::new();
    snapshot
        .channels
        .sort_by_key(|channel| (channel.kind, channel.display_name.clone()));
    let mut ids = Vec::new();
    for (index, channel) in snapshot.channels.iter_mut().enumerate() {
        let id = ChannelId::from_uuid(Uuid::from_u128(index as u128)).to_string();
        ids.push((std::mem::replace(&mut channel.id, id.clone()), id));
        channel.team_id.clone_from(&team_id);
        said.push(format!(
            "{:?}",
            Channel::read(channel, chrono_tz::Tz::UTC).unwrap()
        ));
        let mut destination = channel.destination.clone();
        if let Some(Destination::Webhook(webhook)) = &mut destination {
            webhook.ed25519_public_key.clear();
        }
        said.push(format!("{destination:?}"));
    }
    for rule in &mut snapshot.rules {
        rule.id = RuleId::from_uuid(Uuid::nil()).to_string();
        if let Some(Action::Send(send)) = &mut rule.action {
            for id in &mut send.channel_ids {
                *id = ids.iter().find(|(was, _)| was == id).unwrap().1.clone();
            }
        }
        let rule = Rule::try_from(&*rule).unwrap();
        let kinds = [ChannelKind::Slack, ChannelKind::Teams].map(|kind| rule.action.silences(kind));
        let said_of = (
            &rule.name,
            rule.position,
            rule.enabled,
            &rule.filter,
            rule.continue_,
            rule.action.channels(),
        );
        said.push(format!("{said_of:?} {kinds:?}"));
    }
    let mut mentions: Vec<_> = snapshot
        .mention_rules
        .into_iter()
        .map(|mut rule| {
            rule.id = MentionRuleId::from_uuid(Uuid::nil()).to_string();
            format!("{:?}", MentionRule::try_from(&rule).unwrap())
        })
        .collect();
    mentions.sort();
    said.extend(mentions);
    for member in snapshot.members {
        let words: Vec<_> = member
            .preferences
            .iter()
            .map(|word| Preference::read(word).unwrap())
            .collect();
        said.push(format!("{} {words:?}", member.member.unwrap().email));
    }
    said.push(format!(
        "{:?} {:?}",
        snapshot.compliance_recipients,
        DigestSettings::try_from(&snapshot.digest.unwrap_or_default()).unwrap()
    ));
    for mut event_type in snapshot.event_types {
        event_type.etag.clear();
        said.push(format!("{event_type:?}"));
    }
    said
}

pub(crate) async fn team_with_people(config: &Config) -> TeamId {
    let team = config.team().await;
    for email in PEOPLE {
        config.member(team, email, Role::Member).await;
    }
    team
}

store_tests! {
    migrator = Migrator;

    async fn what_was_applied_is_what_there_is(store: Store) {
        let config = Config::on(&store);
        let team = team_with_people(&config).await;
        let mut runner = TestRunner::deterministic();
        for _ in 0..CASES {
            let document = documents().new_tree(&mut runner).unwrap().current().to_string();
            // From whatever the case before has left.
            let seen = apply(&config, team, &document).await;
            assert!(seen.is_ok(), "{seen:?}\n{document}");
            let again = apply(&config, team, &document).await.unwrap();
            assert_eq!(again, [""; 0], "applying twice\n{document}");
            let exported = export(&config, team).await;
            let back = apply(&config, team, &exported).await.unwrap_or_else(|status| panic!("{status:?}\n{exported}"));
            assert_eq!(back, [""; 0], "applying the export\n{exported}");

            // Nothing but the secrets is lost on the way to another team.
            let other = team_with_people(&config).await;
            let moved = apply(&config, other, &with_secrets(&exported)).await;
            assert!(moved.is_ok(), "{moved:?}\n{exported}");
            let (is, was) = (snapshot(&config, other).await, snapshot(&config, team).await);
            assert_eq!((is.channels.len(), is.rules.len(), is.mention_rules.len()), (was.channels.len(), was.rules.len(), was.mention_rules.len()));
            for (is, was) in meaning(is).into_iter().zip(meaning(was)) {
                assert_eq!(is, was, "applying the export elsewhere\n{exported}");
            }
        }
    }
}
