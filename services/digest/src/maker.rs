//! Makes one digest: claim the period, count, render, submit, note that it was submitted. A crash anywhere in between
//! is mended by doing the rest again: the claim stays, and the Dispatcher takes an event id once.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tonic::{Code, Status};
use watchbell_contracts::api::{DispatcherApi, SnapshotApi, boxed};
use watchbell_contracts::config::v1::GetTeamSnapshotRequest;
use watchbell_contracts::dispatcher::v1::{GetEventRequest, RenderedEmail, SubmitRequest, SubmitResponse};
use watchbell_contracts::event::v1 as event;
use watchbell_model::brand::Brand;
use watchbell_model::catalog::notices::DIGEST_WEEKLY;
use watchbell_model::convert::{self, FromWire as _};
use watchbell_model::ids::TeamId;
use watchbell_model::vocabulary::{Category, Severity};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::{self, Problem};

use crate::error::{Error, Result};
use crate::events;
use crate::render::{Digest, Mail, render};
use crate::schedule::{Due, Period};
use crate::store::{Run, Runs, State};
use crate::summary::{Contributor, Figures, Scope, Told};
use crate::team::Team;

/// How long until a digest that could not be submitted is tried again.
const RETRY: TimeDelta = TimeDelta::minutes(1);
/// How long the Dispatcher may take to commit.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes digests.
#[derive(Clone)]
pub(crate) struct Maker {
    pub(crate) config: Arc<dyn SnapshotApi>,
    pub(crate) dispatcher: Arc<dyn DispatcherApi>,
    pub(crate) brand: Brand,
    pub(crate) runs: Runs,
}

/// A digest that was made and not sent.
pub(crate) struct Preview {
    pub(crate) period: Period,
    pub(crate) figures: Figures,
    pub(crate) mail: Mail,
}

// === impl Maker ===

impl Maker {
    pub(crate) async fn team(&self, team: TeamId) -> Result<Team> {
        let request = internal_request(GetTeamSnapshotRequest {
            team_id: team.to_string(),
        });
        let response = self
            .config
            .get_team_snapshot(request)
            .await
            .map_err(Error::Config)?
            .into_inner();
        Ok(Team::from_snapshot(&response.snapshot.unwrap_or_default()))
    }

    /// The digest of a period as it would be sent at `made_at`.
    pub(crate) async fn preview(
        &self,
        id: TeamId,
        team: &Team,
        period: Period,
        made_at: DateTime<Utc>,
    ) -> Result<Preview> {
        let zone = team.schedule()?.zone();
        let last = self.runs.before(id, period.start).await?;
        let scope = Scope {
            period,
            made_at,
            last: last.map(|last| Told {
                until: last.period.end,
                made_at: last.create_time,
            }),
        };
        let figures = events::summarise(&*self.dispatcher, id, team.types(), scope).await?;
        let mail = render(
            Digest {
                team: &team.name,
                zone,
                period,
                figures: &figures,
            },
            &self.brand,
        )?;
        Ok(Preview {
            period,
            figures,
            mail,
        })
    }

    /// Makes the digest that is due at `now`, if one is; `None` when there is none to make, or somebody else makes it.
    pub(crate) async fn make_due(&self, id: TeamId, team: &Team, now: DateTime<Utc>) -> Result<Option<Run>> {
        let last = self.runs.last(id).await?;
        match team
            .schedule()?
            .due(now, last.as_ref().map(|last| last.period.end))
        {
            // The team was not there yet.
            Due::Now(period) if team.created_at.is_some_and(|created| created >= period.end) => Ok(None),
            Due::Now(period) => self.make(id, team, last.as_ref(), period, now).await,
            Due::Covered | Due::Never => Ok(None),
        }
    }

    /// Makes the digest of `period`; `None` when another replica was faster.
    pub(crate) async fn make(
        &self,
        id: TeamId,
        team: &Team,
        last: Option<&Run>,
        period: Period,
        now: DateTime<Utc>,
    ) -> Result<Option<Run>> {
        match self.runs.claim(id, last, period, now).await? {
            Some(run) => self.finish(run, team, now).await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes up a run that was skipped or left unfinished; `None` when another replica was faster.
    pub(crate) async fn resume(&self, run: &Run, team: &Team, now: DateTime<Utc>) -> Result<Option<Run>> {
        match self.runs.take_over(run, now).await? {
            Some(run) => self.finish(run, team, now).await.map(Some),
            None => Ok(None),
        }
    }

    /// Ends a run that was left unfinished until the next one was due. It may have been submitted before its maker
    /// died; if not, it stays unsent, since two digests at once are one too many.
    pub(crate) async fn give_up(&self, run: &Run) -> Result<Run> {
        let event_id = run.event_id()?.to_string();
        let request = GetEventRequest {
            team_id: run.team_id.to_string(),
            event_id,
        };
        match self.dispatcher.get_event(internal_request(request)).await {
            Ok(response) => {
                let routes = response.into_inner().event.unwrap_or_default().routes;
                self.runs.end(run, State::Submitted, addresses(&routes), "").await
            }
            Err(status) if status.code() == Code::NotFound => {
                let message = "It could not be submitted before the next digest was due.";
                self.runs.end(run, State::Skipped, Vec::new(), message).await
            }
            Err(status) => Err(Error::Dispatcher(status)),
        }
    }

    /// Does everything after the claim. When that fails for now, any replica may try again in a minute.
    async fn finish(&self, run: Run, team: &Team, now: DateTime<Utc>) -> Result<Run> {
        if let Some(reason) = team.reason_to_skip() {
            return self.runs.end(&run, State::Skipped, Vec::new(), reason).await;
        }
        match self.send(&run, team, now).await {
            Ok(recipients) => {
                tracing::info!(team = %run.team_id, run = %run.id, recipients = recipients.len(), "digest submitted");
                self.runs.end(&run, State::Submitted, recipients, "").await
            }
            Err(error @ Error::Refused(_)) => {
                tracing::error!(team = %run.team_id, run = %run.id, %error, "digest refused");
                self.runs
                    .end(&run, State::Skipped, Vec::new(), &error.to_string())
                    .await
            }
            Err(error) => {
                self.runs.release(&run, now + RETRY).await?;
                Err(error)
            }
        }
    }

    /// Counts, renders and submits; answers with the addresses it goes to.
    async fn send(&self, run: &Run, team: &Team, now: DateTime<Utc>) -> Result<Vec<String>> {
        // However often it is tried, it counts what there was when it was begun.
        let digest = self
            .preview(run.team_id, team, run.period, run.create_time)
            .await?;
        let routes: Vec<_> = team
            .recipients()
            .iter()
            .map(crate::team::Recipient::route)
            .collect();
        let submission = SubmitRequest {
            sequence: 1,
            team_id: run.team_id.to_string(),
            event: Some(carrier(run, &digest, now)?),
            routes: routes.clone(),
            traceparent: String::new(),
            email: Some(RenderedEmail {
                subject: digest.mail.subject,
                text: digest.mail.text,
                html: digest.mail.html,
            }),
            alert: None,
        };
        let answer = tokio::time::timeout(COMMIT_TIMEOUT, self.submit(submission))
            .await
            .map_err(|_| Error::Dispatcher(Status::deadline_exceeded("no commit in time")))??;
        // Of a digest that was submitted before, the first recipients are the ones who got it.
        let kept = addresses(&answer.routes);
        Ok(if kept.is_empty() { addresses(&routes) } else { kept })
    }

    async fn submit(&self, submission: SubmitRequest) -> Result<SubmitResponse> {
        let submissions = boxed(stream::iter([Ok(submission)]));
        let response = self
            .dispatcher
            .submit(internal_request(submissions))
            .await
            .map_err(Error::Dispatcher)?;
        let answer = match response.into_inner().next().await {
            Some(answer) => answer.map_err(Error::Dispatcher)?,
            None => return Err(Error::Dispatcher(Problem::unavailable("no answer").into())),
        };
        match &answer.error {
            None => Ok(answer),
            Some(error) => {
                let status = problem::from_message(error);
                match status.code() {
                    Code::InvalidArgument | Code::FailedPrecondition => {
                        Err(Error::Refused(status.message().to_owned()))
                    }
                    _ => Err(Error::Dispatcher(status)),
                }
            }
        }
    }
}

/// The event that carries a digest; its data is the figures.
fn carrier(run: &Run, digest: &Preview, now: DateTime<Utc>) -> Result<event::Event> {
    let data = data(run.period, &digest.figures);
    Ok(event::Event {
        id: run.event_id()?.to_string(),
        r#type: DIGEST_WEEKLY.to_owned(),
        severity: Severity::Info.to_wire(),
        category: Category::SystemNotification.to_wire(),
        source: "digest".to_owned(),
        occurred_at: Some(convert::timestamp(now)),
        title: digest.mail.subject.chars().take(300).collect(),
        payload: Some(event::event::Payload::DataJson(
            data.to_string().into_bytes().into(),
        )),
        ..event::Event::default()
    })
}

/// Nested, so that none of its fields is taken for one that counts.
fn data(period: Period, figures: &Figures) -> Value {
    let people = |contributors: &[Contributor]| -> Vec<Value> {
        let person = |who: &Contributor| json!({"name": who.name, "count": who.count.current, "previous_count": who.count.previous});
        contributors.iter().map(person).collect()
    };
    json!({
        "period_start": period.start,
        "period_end": period.end,
        "audits_delivered": {"current": figures.audits_delivered.current, "previous": figures.audits_delivered.previous},
        "atlas_alerts": {"current": figures.atlas_alerts.current, "previous": figures.atlas_alerts.previous},
        "credits": {
            "consumed": {"current": figures.credits_consumed.current, "previous": figures.credits_consumed.previous},
            "remaining": {"current": figures.credits_remaining.current, "previous": figures.credits_remaining.previous},
        },
        "late_events": figures.late,
        "top_submitters": people(&figures.submitters),
        "top_acknowledgers": people(&figures.acknowledgers),
    })
}

fn addresses(routes: &[event::Route]) -> Vec<String> {
    let address = |route: &event::Route| match route.target.as_ref()? {
        event::route::Target::Person(person) => Some(person.address.clone()),
        event::route::Target::Address(address) => Some(address.address.clone()),
        event::route::Target::Channel(_)
        | event::route::Target::Inbox(_)
        | event::route::Target::Receipts(_) => None,
    };
    routes.iter().filter_map(address).collect()
}
