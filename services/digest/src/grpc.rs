//! The Digest's RPCs.

use async_trait::async_trait;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::DigestApi;
use watchbell_contracts::digest::v1 as wire;
use watchbell_model::convert::timestamp;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use crate::Digest;
use crate::error::{Error, Result};
use crate::maker::Preview;
use crate::render::UNSUBSCRIBE_PLACEHOLDER;
use crate::schedule::Due;
use crate::store::{Run, State};
use crate::summary::{Contributor, Figure, Figures};
use watchbell_model::ids::TeamId;

type Answer<T> = std::result::Result<Response<T>, Status>;

#[async_trait]
impl DigestApi for Digest {
    async fn preview_digest(
        &self,
        request: Request<wire::PreviewDigestRequest>,
    ) -> Answer<wire::PreviewDigestResponse> {
        let principal = Principal::from_request(&request)?;
        let team = principal.team(&request.into_inner().team_id)?;
        let answer = self.preview(team).await.map_err(Problem::from)?;
        Ok(Response::new(answer))
    }

    async fn send_digest(
        &self,
        request: Request<wire::SendDigestRequest>,
    ) -> Answer<wire::SendDigestResponse> {
        let principal = Principal::from_request(&request)?;
        let team = principal.team(&request.into_inner().team_id)?;
        let answer = self.send(team).await.map_err(Problem::from)?;
        Ok(Response::new(answer))
    }

    async fn list_digest_runs(
        &self,
        request: Request<wire::ListDigestRunsRequest>,
    ) -> Answer<wire::ListDigestRunsResponse> {
        let principal = Principal::from_request(&request)?;
        let request = request.into_inner();
        let team = principal.team(&request.team_id)?;
        let filters = FiltersHash::for_method("ListDigestRuns").with(team);
        let page: PageRequest<i64> = PageRequest::parse(
            request.page_size,
            &request.page_token,
            PageLimits::default(),
            filters,
        )
        .map_err(Problem::from)?;
        let rows = self
            .maker
            .runs
            .list(team, page.after, page.limit())
            .await
            .map_err(Problem::from)?;
        if rows.is_empty() && principal.own_team().is_none() {
            // A list of nobody's is not an empty one.
            self.maker.team(team).await.map_err(Problem::from)?;
        }
        let page = page.page(rows, |run| run.sequence).map_err(Problem::internal)?;
        let page = page.try_map(|run| run_message(&run)).map_err(Problem::from)?;
        Ok(Response::new(wire::ListDigestRunsResponse {
            digest_runs: page.items,
            next_page_token: page.next_page_token,
        }))
    }
}

impl Digest {
    async fn preview(&self, id: TeamId) -> Result<wire::PreviewDigestResponse> {
        let team = self.maker.team(id).await?;
        let now = self.clock.now();
        let Some(period) = team.schedule()?.period_at(now) else {
            return Err(not_yet());
        };
        let preview = self.maker.preview(id, &team, period, now).await?;
        // Nobody's link: a preview unsubscribes nobody.
        let shown = |part: &str| part.replace(UNSUBSCRIBE_PLACEHOLDER, self.maker.brand.public_url.as_str());
        Ok(wire::PreviewDigestResponse {
            digest: Some(digest_message(id, &preview)),
            text: shown(&preview.mail.text),
            html: shown(&preview.mail.html),
            subject: preview.mail.subject,
            recipients: team
                .recipients()
                .iter()
                .map(|recipient| recipient.address.clone())
                .collect(),
        })
    }

    async fn send(&self, id: TeamId) -> Result<wire::SendDigestResponse> {
        let now = self.clock.now();
        let team = self.maker.team(id).await?;
        let last = self.maker.runs.last(id).await?;
        let due = team
            .schedule()?
            .due(now, last.as_ref().map(|last| last.period.end));
        let made = match (due, &last) {
            (Due::Now(period), last) => self.maker.make(id, &team, last.as_ref(), period, now).await?,
            (_, Some(last))
                if last.state == State::Skipped
                    || (last.state == State::Pending && last.is_abandoned(now)) =>
            {
                self.maker.resume(last, &team, now).await?
            }
            (_, Some(_)) => None,
            (_, None) => return Err(not_yet()),
        };
        let sent = made.as_ref().is_some_and(|run| run.state == State::Submitted);
        // Another replica was faster: its run is the answer.
        let run = match made {
            Some(run) => Some(run),
            None => self.maker.runs.last(id).await?,
        };
        let run = run.ok_or_else(not_yet)?;
        Ok(wire::SendDigestResponse {
            run: Some(run_message(&run)?),
            sent,
        })
    }
}

fn not_yet() -> Error {
    let message = "no period of the digest's cron has ended yet".to_owned();
    Problem::Precondition {
        reason: "NO_PERIOD",
        message,
    }
    .into()
}

fn run_message(run: &Run) -> Result<wire::DigestRun> {
    Ok(wire::DigestRun {
        id: run.id.to_string(),
        team_id: run.team_id.to_string(),
        period_start: Some(timestamp(run.period.start)),
        period_end: Some(timestamp(run.period.end)),
        state: match run.state {
            State::Pending => wire::DigestRunState::Pending,
            State::Submitted => wire::DigestRunState::Submitted,
            State::Skipped => wire::DigestRunState::Skipped,
        }
        .into(),
        recipients: run.recipients.clone(),
        event_id: run.event_id()?.to_string(),
        create_time: Some(timestamp(run.create_time)),
        message: run.message.clone(),
    })
}

fn digest_message(team: TeamId, preview: &Preview) -> wire::Digest {
    let figures: &Figures = &preview.figures;
    #[expect(clippy::cast_precision_loss, reason = "counts of events lie far below 2^53")]
    let count = |figure: Figure<u64>| wire::Figure {
        current: figure.current as f64,
        previous: figure.previous as f64,
    };
    let consumed = figures.credits_consumed;
    wire::Digest {
        team_id: team.to_string(),
        period_start: Some(timestamp(preview.period.start)),
        period_end: Some(timestamp(preview.period.end)),
        audits_delivered: Some(count(figures.audits_delivered)),
        atlas_alerts: Some(count(figures.atlas_alerts)),
        credits_consumed: Some(wire::Figure {
            current: consumed.current,
            previous: consumed.previous,
        }),
        credits_remaining: figures.credits_remaining.current,
        top_submitters: contributors(&figures.submitters),
        top_acknowledgers: contributors(&figures.acknowledgers),
        previous_credits_remaining: figures.credits_remaining.previous,
        late_events: i64::try_from(figures.late).unwrap_or(i64::MAX),
    }
}

fn contributors(list: &[Contributor]) -> Vec<wire::Contributor> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let contributor = |who: &Contributor| wire::Contributor {
        name: who.name.clone(),
        count: count(who.count.current),
        previous_count: count(who.count.previous),
    };
    list.iter().map(contributor).collect()
}
