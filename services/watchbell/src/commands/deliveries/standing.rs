//! Why a delivery stands where it does, line by line.

use watchbell_contracts::dispatcher::v1::delivery::StateDetail;
use watchbell_contracts::dispatcher::v1::{
    Delivery, Failed, FailedReason, Folded, FoldedReason, Held, Parked, ParkedReason,
};
use watchbell_model::text::counted;

use crate::text;

type Line = (&'static str, String);

/// Names and values; empty ones say nothing.
pub(super) fn lines(delivery: &Delivery) -> Vec<Line> {
    let mut lines = match &delivery.state_detail {
        Some(StateDetail::Held(held)) => held_lines(held),
        Some(StateDetail::Folded(folded)) => folded_lines(folded),
        Some(StateDetail::Parked(parked)) => parked_lines(parked),
        Some(StateDetail::Failed(failed)) => failed_lines(failed),
        None => vec![],
    };
    if delivery.folded_count > 0 {
        let listed = format!("watchbell deliveries list --summary {}", delivery.id);
        lines.push((
            "tells",
            format!(
                "{}: {listed}",
                counted(delivery.folded_count, ["delivery", "deliveries"])
            ),
        ));
    }
    lines
}

fn held_lines(held: &Held) -> Vec<Line> {
    let by = match held.silence_id.is_empty() {
        true => "quiet hours".to_owned(),
        false => format!("silence {}", held.silence_id),
    };
    vec![
        ("held by", by),
        ("held until", text::local(held.until_time.as_ref())),
    ]
}

fn folded_lines(folded: &Folded) -> Vec<Line> {
    let into = match folded.reason() {
        FoldedReason::Summary => format!("summary {}", folded.summary_id),
        FoldedReason::Storm => "the summary at the end of the storm".to_owned(),
        FoldedReason::Silence => format!("the account of silence {}", folded.silence_id),
        FoldedReason::Repeat => format!("alert {}, which was told before", folded.alert_key),
        FoldedReason::AlertTold => format!("later news of alert {}", folded.alert_key),
        FoldedReason::Group => "the message of its rule's group".to_owned(),
        FoldedReason::Unspecified => String::new(),
    };
    vec![
        ("folded into", into),
        ("summed up", text::local(folded.until_time.as_ref())),
    ]
}

fn parked_lines(parked: &Parked) -> Vec<Line> {
    let until = match parked.reason() {
        ParkedReason::Paused => "the channel is activated",
        ParkedReason::Unhealthy => "the channel is re-enabled and its deliveries are recovered",
        ParkedReason::NoRecipient => "the team has a compliance recipient or an Owner",
        ParkedReason::Unspecified => "",
    };
    vec![
        ("parked until", until.to_owned()),
        (
            "unhealthy since",
            text::local(parked.unhealthy_since_time.as_ref()),
        ),
    ]
}

fn failed_lines(failed: &Failed) -> Vec<Line> {
    let why = match failed.reason() {
        FailedReason::Refused => "refused for good".to_owned(),
        FailedReason::RetriesExhausted => "all retries have failed".to_owned(),
        FailedReason::SummaryFailed => format!("with summary {}", failed.summary_id),
        FailedReason::Unspecified => String::new(),
    };
    vec![("failed", why), ("error", failed.error_code.clone())]
}

#[cfg(test)]
mod tests {
    use watchbell_contracts::dispatcher::v1::HeldReason;

    use super::*;

    fn said(detail: StateDetail) -> Vec<Line> {
        let delivery = Delivery {
            state_detail: Some(detail),
            ..Delivery::default()
        };
        let said = lines(&delivery).into_iter();
        said.filter(|(_, value)| !value.is_empty()).collect()
    }

    #[test]
    fn every_state_says_why_in_its_own_words() {
        let held = Held {
            reason: HeldReason::Silence as i32,
            silence_id: "sil_1".to_owned(),
            until_time: None,
        };
        assert_eq!(
            said(StateDetail::Held(held)),
            [("held by", "silence sil_1".to_owned())]
        );
        let folded = Folded {
            reason: FoldedReason::Repeat as i32,
            alert_key: "finding:f-1".to_owned(),
            ..Folded::default()
        };
        let into = "alert finding:f-1, which was told before".to_owned();
        assert_eq!(said(StateDetail::Folded(folded)), [("folded into", into)]);
        let parked = Parked {
            reason: ParkedReason::Paused as i32,
            unhealthy_since_time: None,
        };
        let until = "the channel is activated".to_owned();
        assert_eq!(said(StateDetail::Parked(parked)), [("parked until", until)]);
        let failed = Failed {
            reason: FailedReason::Refused as i32,
            error_code: "slack.no_service".to_owned(),
            summary_id: String::new(),
        };
        let why = [
            ("failed", "refused for good".to_owned()),
            ("error", "slack.no_service".to_owned()),
        ];
        assert_eq!(said(StateDetail::Failed(failed)), why);
    }

    #[test]
    fn a_summary_says_how_its_deliveries_are_listed() {
        let delivery = Delivery {
            id: "dlv_1".to_owned(),
            folded_count: 41,
            ..Delivery::default()
        };
        let listed = "41 deliveries: watchbell deliveries list --summary dlv_1".to_owned();
        assert_eq!(lines(&delivery), [("tells", listed)]);
    }
}
