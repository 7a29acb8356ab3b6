//! `docs/events.md`: the built-in catalog for people, written from the catalog itself. The test compares; with
//! `UPDATE_DOCS=1` in the environment it writes.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{AlertPolicy, Catalog, EventTypeSpec};
use crate::alert::AlertAction;
use crate::event::{Event, EventDraft};
use crate::ids::TeamId;
use crate::preference::Preference;
use crate::vocabulary::{Plan, Role, Topic};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");

const INTRODUCTION: &str = "\
# Event types

What backends can emit, and what happens when nobody has set anything up. This page is written from the catalog
(`shared/model/catalog/*.json` and `shared/model/src/catalog/built_in.rs`) by `UPDATE_DOCS=1 cargo test -p
watchbell-model catalog`, and a test fails when the two differ.

`data` is checked against the type's JSON Schema: the fields below must have the form that is said, and further fields
are welcome and travel along. A team can add types of its own with `CatalogService`.

*Severity* and *category* are what an event has that names none. *Alerts by default* says at which severities an event
goes to the default Slack and Teams channels and into the inbox although no rule asks for it; everything else is silent
there until a rule, a webhook or a member asks. *Topic* is what members turn on and off by email.

## Alerts

An alert is a thing with a life, such as a finding: what opens, changes and closes. Events belong to one alert when they have the
same *key*, which is the value of a field of `data` that the type names; *triggers*, *updates* and *resolves* say what the event does
to it. The field's name is part of the key (`finding_id=F-17`), so that types share an alert exactly when they name the same field. An
event in which the field is missing, is no text, whole number or boolean, or has more than 512 characters is accepted and belongs to
no alert; `Explain` says why.

`dedup_key` of an event (1 to 128 visible ASCII characters) is the key instead of the field; an event whose type names no field triggers the
alert then. Receipts and tests belong to none. A team's own type names its field with `alert {key, action}`.

## Operational events

Events about Watchbell's own work for a team: a channel that is unhealthy, deliveries that were given up, a configuration that was
changed. Watchbell alone emits them; `Emit` refuses their types. They are stored and streamed like all events, but are
listed and sent only where a list's filter, a rule, a webhook or a default channel's triggers *name* the type or its group
(`delivery.failed`, `channel.*`); `*`, and a filter without types, do not choose them. Nothing that happens to one of them makes another: a delivery of
`delivery.failed` that fails is not told of.

What people do about alerts (`alert.acknowledged`, `alert.snoozed`, `alert.resolved`) is operational, too. It is listed with what happened, without
being named, and [whoever was told of the alert](alerts.md#taking-care-of-one) hears of it as well.

Each is noted in the transaction of what it tells and kept there until it is committed as an event, so a crash loses none. Two counts are
less exact: evaluations that failed are counted in the Router's memory for five seconds; and deliveries that were given up between the commit
of a `delivery.failed` and the note of it are left out of the next count when the process dies there.

## What `data` may be

`data` is one JSON object. What is accepted is delivered and read back byte for byte (`data_json` in the answers of
`GetEvent` and `ListEvents`): numbers keep their digits, members their order. So that every JSON and protobuf library
reads the same, `Emit` refuses with `INVALID_ARGUMENT` what

- is longer than 256 KiB, or nests deeper than 32 levels; `data` itself is level 1, and each object or array inside of
  another is one more;
- gives a key twice in one object, however the key is escaped;
- has the character U+0000, half of a surrogate pair, or bytes that are not UTF-8;
- has a number beyond a double's range (`1e400`), or NaN or an infinity in a `google.protobuf.Struct`.

A struct's numbers are doubles: 9007199254740993 becomes …992 before Watchbell sees it. Send `data_json` where that
matters. Schemas, expressions and the struct in answers see numbers beyond 64 bits as doubles, too.

What a team's own schema and expressions cost is known before they are run. Data that would take too long to check is
refused as “too large for its schema”; an expression that would take too long counts as no match, and `Explain` says so.
What takes longer than a few milliseconds waits for its turn, one event of a team at a time, and is answered
`RESOURCE_EXHAUSTED` with `RetryInfo` when that does not come within three seconds.

";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let specs: Vec<_> = Catalog::built_in().iter().collect();
    page.push_str(
        "| type | fires when | severity | alerts by default | topic | alert |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for spec in &specs {
        let name = spec.event_type.as_str();
        let anchor: String = name.chars().filter(|c| *c != '.').collect();
        let _ = writeln!(
            page,
            "| [`{name}`](#{anchor}) | {} | {} | {} | {} | {} |",
            first_sentence(&spec.description),
            spec.severity,
            by_policy(spec),
            topic(spec),
            alert(spec)
        );
    }
    page.push_str(
        "\n## Email topics\n\nWhat a member gets until the member says otherwise. Marketing is off until somebody asks for it.\n\n\
         | topic | by default |\n| --- | --- |\n",
    );
    for topic in Topic::ALL {
        let _ = writeln!(page, "| `{topic}` | {} |", by_default(*topic));
    }
    page.push_str("\n## The types\n");
    for spec in specs {
        section(&mut page, spec);
    }
    page
}

fn section(page: &mut String, spec: &EventTypeSpec) {
    let _ = writeln!(
        page,
        "\n### `{}`\n\n{}{}{}\n\n\
         | category | severity | alerts by default | topic | alert |\n| --- | --- | --- | --- | --- |\n\
         | `{}` | {} | {} | {} | {} |\n",
        spec.event_type,
        spec.description,
        if spec.operational {
            " Emitted by Watchbell alone."
        } else {
            ""
        },
        titled(spec),
        spec.category,
        spec.severity,
        by_policy(spec),
        topic(spec),
        alert(spec)
    );
    page.push_str("| field of `data` | type | |\n| --- | --- | --- |\n");
    if let Some(schema) = &spec.data_schema {
        fields(page, schema, "");
    }
    let example = serde_json::to_string_pretty(&sorted(spec.example.value())).unwrap();
    let _ = writeln!(page, "\n```json\n{example}\n```");
}

fn titled(spec: &EventTypeSpec) -> String {
    match spec.operational {
        true => String::new(),
        false => format!(" Titled “{}” unless the event brings a title.", spec.title),
    }
}

/// What must be given first, the rest by name.
fn fields(page: &mut String, schema: &Value, prefix: &str) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_by_key(|name| (!required.contains(&name.as_str()), *name));
    for name in names {
        let field = &properties[name];
        let mut meaning = field["description"].as_str().unwrap_or_default().to_owned();
        if required.contains(&name.as_str()) {
            meaning = format!("**Required.** {meaning}");
        }
        let _ = writeln!(page, "| `{prefix}{name}` | {} | {meaning} |", form(field));
        fields(page, field, &format!("{prefix}{name}."));
    }
}

/// The type of a field and its bounds.
fn form(field: &Value) -> String {
    let mut form = match (field["type"].as_str().unwrap_or("any"), field["format"].as_str()) {
        ("string", Some("date-time")) => "RFC 3339 instant".to_owned(),
        ("string", Some("uri")) => "URL".to_owned(),
        ("string", Some(format)) => format!("string ({format})"),
        (name, _) => name.to_owned(),
    };
    let bound = |name: &str| field.get(name).map(ToString::to_string);
    if let Some(most) = bound("maxLength") {
        let _ = write!(
            form,
            ", {} to {most} characters",
            bound("minLength").unwrap_or_else(|| "0".to_owned())
        );
    }
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => {
            let _ = write!(form, ", {least} to {most}");
        }
        (Some(least), None) => {
            let _ = write!(form, ", at least {least}");
        }
        (None, Some(most)) => {
            let _ = write!(form, ", at most {most}");
        }
        (None, None) => {}
    }
    if let Some(pattern) = field["pattern"].as_str() {
        let _ = write!(form, ", `{}`", pattern.replace('|', "\\|"));
    }
    form
}

fn by_policy(spec: &EventTypeSpec) -> String {
    match spec.alert_policy {
        AlertPolicy::Never if spec.operational => "no, only where it is named".to_owned(),
        AlertPolicy::Never => "no".to_owned(),
        AlertPolicy::Always => "yes".to_owned(),
        AlertPolicy::Severities(severities) => format!("at {severities}"),
    }
}

fn alert(spec: &EventTypeSpec) -> String {
    let Some(alert) = &spec.alert else {
        return "none".to_owned();
    };
    let does = match alert.action {
        AlertAction::Trigger => "triggers",
        AlertAction::Update => "updates",
        AlertAction::Resolve => "resolves",
    };
    format!("{does} `{}`", alert.key)
}

fn topic(spec: &EventTypeSpec) -> String {
    match spec.topic {
        Some(topic) => format!("`{topic}`"),
        None if spec.is_receipt() => "none: always by email".to_owned(),
        None => "none".to_owned(),
    }
}

fn by_default(topic: Topic) -> String {
    let of = |role, plan| Preference::default_for(role, plan, topic);
    let words = |preference| match preference {
        Preference::Off => "off".to_owned(),
        Preference::On => "on".to_owned(),
        Preference::Failures => "failures".to_owned(),
        Preference::Severities(severities) => format!("{severities}"),
    };
    let (owner, member) = (of(Role::Owner, Plan::Team), of(Role::Member, Plan::Team));
    if owner == member {
        words(member)
    } else {
        format!(
            "{} for Owners from the TEAM plan on, else {}",
            words(owner),
            words(member)
        )
    }
}

fn first_sentence(description: &str) -> &str {
    description
        .split_inclusive(". ")
        .next()
        .unwrap_or(description)
        .trim()
}

/// By name, whatever order the map keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut names: Vec<_> = map.keys().collect();
            names.sort();
            let sorted: Map<_, _> = names
                .into_iter()
                .map(|name| (name.clone(), sorted(&map[name])))
                .collect();
            Value::Object(sorted)
        }
        other => other.clone(),
    }
}

#[test]
fn the_page_of_event_types_says_what_the_catalog_says() {
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(std::path::Path::new(PATH).parent().unwrap()).unwrap();
        std::fs::write(PATH, &page).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        committed == page,
        "docs/events.md is not what the catalog says; write it with \
         `UPDATE_DOCS=1 cargo test -p watchbell-model catalog`"
    );
}

#[test]
fn every_example_of_the_page_can_be_emitted_as_it_stands() {
    let mut examples = 0;
    for section in page().split("\n### `").skip(1) {
        let (event_type, rest) = section.split_once('`').unwrap();
        let (_, example) = rest.split_once("```json\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let draft = EventDraft {
            event_type: event_type.to_owned(),
            data: example.trim().parse().unwrap(),
            ..EventDraft::default()
        };
        let now = crate::event::tests::noon();
        let parsed = Event::parse(draft, TeamId::generate(now), Catalog::built_in(), now);
        assert!(parsed.is_ok(), "{event_type}: {}", parsed.unwrap_err());
        examples += 1;
    }
    assert_eq!(examples, Catalog::built_in().iter().count());
}
