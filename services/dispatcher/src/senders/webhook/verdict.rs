//! What an endpoint's answer means. 2xx is delivered; 401 says that the signature did not verify, and is never tried
//! again; 410 says to stop; everything else is tried again, redirects included, which are never followed.

use crate::senders::answer::Heard;
use crate::senders::{Report, Verdict};

/// What came of a post.
pub(crate) fn report(heard: &Heard) -> Report {
    let status = heard.status;
    let code = format!("webhook.http_{status}");
    match status {
        200..=299 => heard.report(Verdict::Delivered, "", ""),
        401 => heard.report(
            Verdict::Permanent,
            code,
            "The endpoint says that the signature is not right (401): check that it uses this channel's signing \
             secret and the raw body. Requests it refuses this way are not tried again; replay them once it is mended.",
        ),
        410 => {
            let mut report = heard.report(
                Verdict::Permanent,
                code,
                "The endpoint says that it is gone for good (410), so nothing more is sent: correct the URL and \
                 enable the channel again.",
            );
            report.channel_broken = true;
            report
        }
        300..=399 => heard.report(
            heard.later(),
            code,
            format!("The endpoint answered with a redirect ({status}), which is never followed: correct the URL."),
        ),
        429 => heard.report(heard.later(), code, "The endpoint asks to send more slowly (429)."),
        400..=499 => heard.report(
            heard.later(),
            code,
            format!("The endpoint refused the request ({status}). Check its logs."),
        ),
        _ => heard.report(
            heard.later(),
            code,
            format!("The endpoint has a fault of its own ({status})."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_have_their_verdicts() {
        let wait = Some(Duration::from_secs(3));
        let later = Verdict::Retryable { retry_after: wait };
        for (status, verdict, broken) in [
            (200, Verdict::Delivered, false),
            (204, Verdict::Delivered, false),
            (299, Verdict::Delivered, false),
            (301, later, false),
            (307, later, false),
            (400, later, false),
            (401, Verdict::Permanent, false),
            (403, later, false),
            (404, later, false),
            (410, Verdict::Permanent, true),
            (429, later, false),
            (500, later, false),
            (503, later, false),
            (599, later, false),
        ] {
            let report = report(&Heard {
                status,
                body: "x".to_owned(),
                retry_after: wait,
            });
            assert_eq!(
                (report.verdict, report.channel_broken),
                (verdict, broken),
                "{status}"
            );
            assert_eq!(report.error.is_empty(), report.got_through(), "{status}");
            assert_eq!((report.status_code, report.response_body.as_str()), (status, "x"));
        }
    }
}
