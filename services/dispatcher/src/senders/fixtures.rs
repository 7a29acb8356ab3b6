//! Events for the tests of all renderers.

use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use uuid::Uuid;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertAction, AlertKey, AlertState, AlertStatus, EventAlert, Opened};
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{DeliveryId, TeamId};
use watchbell_model::{Category, Severity};

use super::summary::{Item, Summary, Why};

pub(crate) fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

pub(crate) fn team() -> TeamId {
    TeamId::from_uuid(Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057))
}

pub(crate) fn delivery() -> DeliveryId {
    DeliveryId::from_uuid(Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8058))
}

/// An ordinary event of that type.
pub(crate) fn event(event_type: &str) -> AcceptedEvent {
    let (severity, title, subject, data) = match event_type {
        "finding.created" => (
            Severity::Critical,
            "Public S3 bucket with customer data",
            "acme-prod/billing",
            r#"{"finding_id":"fnd-2041","rule":"s3-public-read","resource":"arn:aws:s3:::customer-exports",
                "resource_type":"s3_bucket","score":9.1,"account":"prod-eu","region":"eu-central-1",
                "owner":"data-platform","first_seen_at":"2026-11-21T11:42:09Z","exploitable":true}"#,
        ),
        "scan.failed" => (
            Severity::High,
            "Nightly registry scan failed",
            "registry.acme.example",
            r#"{"scan_id":"scn-882","target":"registry.example.com/shop/api:4.2","scanner":"registry",
                "error":"The registry refused the credentials","error_code":"REGISTRY_UNAUTHORIZED","retryable":false}"#,
        ),
        "scan.completed" => (
            Severity::Info,
            "Scan of prod-eu completed",
            "prod-eu",
            r#"{"scan_id":"scn-881","target":"prod-eu","scanner":"cspm","duration_seconds":412,"score":87,
                "findings":{"critical":0,"high":2,"medium":11,"low":40,"info":3}}"#,
        ),
        "sla.breached" => (
            Severity::High,
            "SLA missed: High in 30 days",
            "deployment/payments",
            r#"{"finding_id":"fnd-1990","deadline":"2026-11-20T12:00:00Z","hours_overdue":24,"sla":"High in 30 days",
                "resource":"deployment/payments","owner":"payments"}"#,
        ),
        "compliance.drift_detected" => (
            Severity::Medium,
            "SOC 2 posture fell from 96 to 91",
            "SOC 2",
            r#"{"framework":"SOC 2","control":"CC6.1","controls_failing":3,"previous_score":96,"score":91,
                "resource":"iam/role/deployer","detected_at":"2026-11-21T11:56:00Z"}"#,
        ),
        "compliance.receipt.issued" => (
            Severity::Info,
            "Compliance receipt rcp-301",
            "SOC 2",
            r#"{"receipt_id":"rcp-301","framework":"SOC 2","audit_id":"aud-118","issued_to":"compliance@example.com",
                "period_start":"2026-01-01T00:00:00Z","period_end":"2026-03-01T00:00:00Z",
                "document_url":"https://app.example.com/receipts/rcp-301",
                "sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}"#,
        ),
        "audit.delivered" => (
            Severity::Info,
            "Audit of Bridge contracts v3 delivered",
            "Bridge contracts v3",
            r#"{"audit_id":"aud-118","name":"Bridge contracts v3","submitter":"ann@example.com","score":82,
                "findings":{"critical":0,"high":1,"medium":4,"low":9,"info":2},"credits_remaining":76}"#,
        ),
        "atlas.alert.fired" => (
            Severity::Critical,
            "Wallet moved to tier severe",
            "0x52908400098527886E0F7030069857D2E4169EE7",
            r#"{"alert_id":"atl-55","rule":"tier_escalation","wallet":"0x52908400098527886E0F7030069857D2E4169EE7",
                "chain":"ethereum","tier":"severe","previous_tier":"elevated","score":91,"previous_score":64}"#,
        ),
        "account.plan.changed" => (
            Severity::Info,
            "Plan changed",
            "",
            r#"{"from":"free","to":"team","changed_by":"owner@example.com","effective_at":"2026-11-21T12:00:00Z"}"#,
        ),
        "exception.requested" => (
            Severity::Low,
            "Risk exception requested",
            "acme-prod/billing",
            r#"{"exception_id":"exc-77","finding_id":"fnd-2041","requester":"ann@example.com",
                "reason":"The bucket serves the public website","expires_at":"2026-12-31T00:00:00Z"}"#,
        ),
        "channel.unhealthy" => (
            Severity::High,
            "Alerts no longer reach #security-critical",
            "#security-critical",
            r##"{"channel_id":"chn_01h455vb4pex5vsknk084sn02q","channel":"#security-critical","kind":"SLACK",
                "reason":"Slack says the webhook was removed: add the app again."}"##,
        ),
        "channel.removed" => (
            Severity::Medium,
            "The Slack channel #security-critical was removed",
            "#security-critical",
            r##"{"channel":"#security-critical","channel_id":"chn_01h455vb4pex5vsknk084sn02q","kind":"Slack channel",
                "removed_by":"ada@example.com"}"##,
        ),
        "secret.expiring" => (
            Severity::Medium,
            "The old signing secret of siem stops signing on 22 Nov 2026, 12:00 UTC",
            "siem",
            r#"{"channel":"siem","channel_id":"chn_01h455vb4pex5vsknk084sn02q",
                "expires_at":"2026-11-22T12:00:00+00:00"}"#,
        ),
        "expression.failed" => (
            Severity::Medium,
            "The expression of the rule “Production only” failed",
            "Production only",
            r#"{"owner":"rule “Production only”","owner_id":"rul_01h455vb4pex5vsknk084sn02q",
                "error":"No such key: score","expression":"event.data.score > 7"}"#,
        ),
        "recipient.confirmation" => (
            Severity::Info,
            "Confirm that you want emails of “Acme”",
            "ann@elsewhere.example",
            r#"{"team":"Acme","confirmation":"01890a5d-ac96-774b-bcce-b302099a8057"}"#,
        ),
        _ => (
            Severity::Low,
            "Something happened",
            "somewhere",
            r#"{"answer":42}"#,
        ),
    };
    AcceptedEvent {
        team_id: team(),
        id: "evt-4711".parse().unwrap(),
        event_type: event_type.into(),
        severity,
        category: Category::SecurityAlert,
        source: "cspm".to_owned(),
        occurred_at: noon() - TimeDelta::minutes(3),
        accepted_at: noon() - TimeDelta::minutes(2),
        title: title.to_owned(),
        url: "https://app.example.com/items/4711?tab=a&x=1".to_owned(),
        subject: subject.to_owned(),
        data: data.to_owned(),
        test: false,
        alert: None,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
        alert_status: OnceLock::new(),
    }
}

/// An event that began an alert.
pub(crate) fn open_alert() -> AcceptedEvent {
    let key: AlertKey = "finding_id=fnd-2041".parse().unwrap();
    let begins = event("finding.created");
    let status = AlertStatus {
        key: key.clone(),
        state: AlertState::Open,
        opened: Some(Opened {
            event_id: begins.id.clone(),
            at: begins.occurred_at,
        }),
        count: 1,
        news: None,
        still_open: None,
    };
    AcceptedEvent {
        alert: Some(EventAlert {
            key,
            action: AlertAction::Trigger,
        }),
        alert_status: OnceLock::from(status),
        ..begins
    }
}

/// Everything that an attacker who controls event text would try.
pub(crate) fn hostile() -> AcceptedEvent {
    let nasty = "<!channel> <@U0HACKER> @here <https://evil.example|Click> *b* _i_ [a](https://evil.example) \
                 <at>Boss</at> <script>alert(1)</script> \"quoted\" & {{ 7*7 }} {% raw %}\r\nBcc: x@evil.example";
    let data = serde_json::json!({
        "<b>name</b>": nasty,
        "resource": "<at>Boss</at> **x** `y` | z",
        "huge": "💥".repeat(50_000),
        "nested": {"deep": ["x"]},
    });
    AcceptedEvent {
        title: nasty.repeat(2).chars().take(300).collect(),
        subject: nasty.chars().take(256).collect(),
        source: "</td><img src=x onerror=alert(1)>".to_owned(),
        url: "https://evil.example/a|b?q=<x>&y=\"z\"#f|g".to_owned(),
        data: data.to_string(),
        ..event("finding.created")
    }
}

/// A summary of that many.
pub(crate) fn summary(total: usize) -> AcceptedEvent {
    let items = (0..total)
        .map(|n| Item {
            event_type: "finding.created".to_owned(),
            severity: Severity::ALL[n % Severity::ALL.len()],
            title: format!("Finding number {n} in <prod> & elsewhere"),
            url: if n % 2 == 0 {
                format!("https://app.example.com/findings/{n}")
            } else {
                String::new()
            },
            subject: "acme-prod".to_owned(),
            occurred_at: noon() - TimeDelta::minutes(n as i64),
        })
        .collect();
    let summary = Summary {
        why: Why::QuietHours,
        since: noon() - TimeDelta::hours(8),
        until: noon(),
        total,
        items,
    };
    AcceptedEvent {
        title: String::new(),
        subject: String::new(),
        url: String::new(),
        data: serde_json::to_string(&summary).unwrap(),
        ..event(NOTIFICATIONS_SUMMARY)
    }
}
