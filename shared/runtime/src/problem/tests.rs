//! What a caller sees of each problem, decoded from the status.

use super::*;
use watchbell_model::violation::reason as field;

fn status(problem: Problem) -> (Status, ErrorDetails) {
    let status = Status::from(problem);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().domain, "watchbell");
    (status, details)
}

#[test]
fn a_status_keeps_its_details_inside_a_message() {
    let status = Status::from(Problem::invalid("event.type", "REQUIRED", "must be given"));
    let back = from_message(&to_message(&status));
    assert_eq!(from_status(&back), from_status(&status));
    let bare = Status::unavailable("away");
    assert_eq!(from_message(&to_message(&bare)).code(), Code::Unavailable);
}

#[test]
fn every_violation_arrives_with_its_path_and_reason() {
    let mut violations = Violations::new();
    violations.required("event.type");
    violations.add("event.data.finding_id", field::SCHEMA, "must be a string");
    let (status, details) = status(Problem::Invalid(violations.clone()));
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(details.error_info().unwrap().reason, "INVALID_REQUEST");
    let fields = &details.bad_request().unwrap().field_violations;
    assert_eq!(fields.len(), 2);
    assert_eq!(
        (fields[1].field.as_str(), fields[1].reason.as_str()),
        ("event.data.finding_id", "SCHEMA")
    );
    assert_eq!(from_status(&status).violations, violations);
    assert!(
        from_status(&status)
            .to_string()
            .contains("\n  event.type: must be given")
    );
}

#[test]
fn resources_are_named() {
    for (problem, code, reason) in [
        (
            Problem::not_found("channel", "chn_1"),
            Code::NotFound,
            "NOT_FOUND",
        ),
        (
            Problem::AlreadyExists {
                resource: "channel",
                name: "chn_1".into(),
            },
            Code::AlreadyExists,
            "ALREADY_EXISTS",
        ),
        (
            Problem::StaleEtag {
                resource: "channel",
                name: "chn_1".into(),
            },
            Code::Aborted,
            "STALE_ETAG",
        ),
    ] {
        let (status, details) = status(problem);
        assert_eq!(status.code(), code);
        assert_eq!(details.error_info().unwrap().reason, reason);
        let resource = details.resource_info().unwrap();
        assert_eq!(
            (resource.resource_type.as_str(), resource.resource_name.as_str()),
            ("channel", "chn_1")
        );
    }
}

#[test]
fn what_may_be_tried_again_says_when() {
    let wait = Duration::from_millis(1500);
    for (problem, code) in [
        (Problem::Overloaded { retry_after: wait }, Code::ResourceExhausted),
        (
            Problem::Unavailable {
                retry_after: wait,
                message: "no database".into(),
            },
            Code::Unavailable,
        ),
    ] {
        let (status, details) = status(problem);
        assert_eq!(status.code(), code);
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(wait));
        assert_eq!(from_status(&status).retry_after, Some(wait));
    }
}

#[test]
fn refusals_carry_their_own_reason() {
    for (problem, code, reason) in [
        (
            Problem::Precondition {
                reason: "PLAN_REQUIRED",
                message: "rules need the TEAM plan".into(),
            },
            Code::FailedPrecondition,
            "PLAN_REQUIRED",
        ),
        (
            Problem::Denied {
                reason: reason::MISSING_SCOPE,
                message: "no".into(),
            },
            Code::PermissionDenied,
            "MISSING_SCOPE",
        ),
        (
            Problem::Unauthenticated {
                reason: reason::MISSING_CREDENTIAL,
            },
            Code::Unauthenticated,
            "MISSING_CREDENTIAL",
        ),
    ] {
        let (status, details) = status(problem);
        assert_eq!(
            (status.code(), details.error_info().unwrap().reason.as_str()),
            (code, reason)
        );
    }
}

#[test]
fn an_internal_error_is_answered_without_its_cause() {
    let (status, _) = status(Problem::internal("password=hunter2 rejected by 10.0.0.7"));
    assert_eq!(status.code(), Code::Internal);
    assert!(!format!("{status:?}").contains("hunter2"));
    assert!(!String::from_utf8_lossy(status.details()).contains("hunter2"));
}

#[test]
fn an_answer_of_another_service_is_passed_on_only_when_it_concerns_the_caller() {
    let invalid = Status::from(Problem::invalid("event.id", field::TOO_LONG, "too long"));
    let relayed = Status::from(Problem::from_upstream("config", invalid));
    assert_eq!(from_status(&relayed).violations.len(), 1);

    let denied = Problem::from_upstream("config", Status::permission_denied("no such token"));
    assert_eq!(denied.code(), Code::Internal);

    let wait = Duration::from_secs(7);
    let away = Status::from(Problem::Unavailable {
        retry_after: wait,
        message: "database".into(),
    });
    let away = Status::from(Problem::from_upstream("dispatcher", away));
    assert_eq!(away.message(), "dispatcher is unavailable");
    assert_eq!(from_status(&away).retry_after, Some(wait));
}

#[test]
fn a_bare_status_can_be_read_too() {
    let reading = from_status(&Status::unavailable("gone"));
    assert_eq!(
        (reading.code, reading.reason, reading.retry_after),
        (Code::Unavailable, None, None)
    );
}
