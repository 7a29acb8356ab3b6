//! Questions about events and configurations that are not in force: imagined events, stored ones, drafts, the past. Nothing is sent
//! or stored.

use std::sync::Arc;

use watchbell_contracts::api::{DispatcherApi, SnapshotApi};
use watchbell_contracts::config::v1::{
    DraftTeamSnapshotRequest, DraftTeamSnapshotResponse, GetPastTeamSnapshotRequest, Rule,
};
use watchbell_contracts::dispatcher::v1::{ExplainAlertRequest, SubmitRequest};
use watchbell_contracts::router::v1::{CheckTeamConfigResponse, ExplainRequest, ExplainResponse};
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::clock::SharedClock;
use watchbell_model::convert::{self, timestamp};
use watchbell_model::ids::TeamId;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::background::Background;
use watchbell_runtime::problem::Problem;
use watchbell_runtime::running::Running;
use watchbell_runtime::tenant_pool::TenantPool;

use crate::pipeline::{self, EmitPipeline};
use crate::stored::StoredEvent;
use crate::{coverage, explain, snapshots};

/// The most findings of an answer.
const MAX_FINDINGS: usize = 1_000;

/// What such questions need.
#[derive(Clone)]
pub(crate) struct WhatIf {
    pub(crate) clock: SharedClock,
    pub(crate) config: Arc<dyn SnapshotApi>,
    /// Where stored events are read.
    pub(crate) log: Arc<dyn DispatcherApi>,
    pub(crate) tenant_pool: TenantPool,
    /// Where stored events are decided.
    pub(crate) background: Background,
    pub(crate) running: Running,
}

// === impl WhatIf ===

impl WhatIf {
    /// The configuration that a document makes of the team's, and what it changes.
    pub(crate) async fn drafted(
        &self,
        team: TeamId,
        document: String,
    ) -> Result<(Arc<TeamSnapshot>, DraftTeamSnapshotResponse), Problem> {
        let request = DraftTeamSnapshotRequest {
            team_id: team.to_string(),
            document,
        };
        let answer = self.config.draft_team_snapshot(internal_request(request)).await;
        let mut answer = answer
            .map_err(|status| Problem::from_upstream("Config", status))?
            .into_inner();
        let snapshot = snapshots::read(team, answer.snapshot.take().unwrap_or_default()).await?;
        Ok((Arc::new(snapshot), answer))
    }

    /// A configuration as it would be with rules that are not saved.
    pub(crate) async fn with_rules(
        &self,
        team: TeamId,
        snapshot: Arc<TeamSnapshot>,
        rules: Vec<Rule>,
    ) -> Result<Arc<TeamSnapshot>, Problem> {
        if rules.is_empty() {
            return Ok(snapshot);
        }
        let now = self.clock.now();
        // Nobody has compiled their expressions yet.
        let compile = move || explain::with_draft_rules(&snapshot, &rules, now);
        let drafted = self.tenant_pool.run(team, compile).await?;
        drafted.map(Arc::new).map_err(Problem::Invalid)
    }

    /// Adds to an explanation what the event does to its alert, or did; nothing while the Dispatcher does not say.
    async fn add_alert(
        &self,
        snapshot: &TeamSnapshot,
        answer: &mut ExplainResponse,
        request: ExplainAlertRequest,
    ) {
        let was_accepted = request.submission.is_none();
        match self.log.explain_alert(internal_request(request)).await {
            Ok(told) => {
                if let Some(explanation) = told.into_inner().explanation {
                    explain::add_alert(snapshot, answer, explanation, was_accepted);
                }
            }
            Err(status) => {
                tracing::warn!(%status, "what becomes of an alert is left out of an explanation");
            }
        }
    }

    /// The configuration that was in force when an event was accepted.
    async fn past(&self, team: TeamId, stored: &StoredEvent) -> Result<Arc<TeamSnapshot>, Problem> {
        let request = GetPastTeamSnapshotRequest {
            team_id: team.to_string(),
            as_of_time: Some(timestamp(stored.accepted_at)),
        };
        let answer = self
            .config
            .get_past_team_snapshot(internal_request(request))
            .await;
        let snapshot = answer
            .map_err(|status| Problem::from_upstream("Config", status))?
            .into_inner()
            .snapshot
            .unwrap_or_default();
        Ok(Arc::new(snapshots::read(team, snapshot).await?))
    }
}

/// Explains who would get an event that is described. What becomes of its alert is told to who `reads_log`.
pub(crate) async fn explain(
    pipeline: &EmitPipeline,
    what_if: &WhatIf,
    team: TeamId,
    request: ExplainRequest,
    reads_log: bool,
) -> Result<ExplainResponse, Problem> {
    let mut violations = Violations::new();
    let at = convert::instant(request.at.as_ref(), "at", &mut violations);
    if request.as_of_then {
        violations.add("as_of_then", reason::NOT_ALLOWED, "goes with `event_id` only");
    }
    let without_data = request
        .event
        .as_ref()
        .is_some_and(|event| event.payload.is_none());
    let Some(mut draft) = violations.take(pipeline::draft(request.event, "event")) else {
        return Err(violations.into());
    };
    let snapshot = match request.draft_document {
        document if document.is_empty() => pipeline.snapshots.get(team).await?,
        document => what_if.drafted(team, document).await?.0,
    };
    let example_data = without_data && explain::take_example(&snapshot, &mut draft);
    let at = at.unwrap_or_else(|| pipeline.clock.now());
    // Rules that are not saved have expressions that nobody has compiled yet.
    let heavy =
        !request.draft_rules.is_empty() || snapshot.is_heavy_with_silences(&draft.event_type, &draft.data);
    let (pipeline, rules, named) = (pipeline.clone(), request.draft_rules, Arc::clone(&snapshot));
    let explain = move || {
        let drafted = match rules.as_slice() {
            [] => None,
            rules => violations.take(explain::with_draft_rules(&snapshot, rules, pipeline.clock.now())),
        };
        let snapshot = drafted.as_ref().unwrap_or(&snapshot);
        let event = violations.take(pipeline.parse(draft, snapshot, "event"));
        let explained = event.map(|event| {
            let answer = ExplainResponse {
                example_data,
                ..explain::explain(snapshot, &event, at)
            };
            (answer, event)
        });
        explained.filter(|_| violations.is_empty()).ok_or(violations)
    };
    let explained = if heavy {
        what_if.tenant_pool.run(team, explain).await?
    } else {
        explain()
    };
    let (mut answer, event) = explained.map_err(Problem::Invalid)?;
    if reads_log && event.alert.is_ok() {
        let request = ExplainAlertRequest {
            submission: Some(SubmitRequest {
                routes: answer.routes.clone(),
                ..AcceptedEvent::new(event, None, what_if.clock.now()).into_message(&[])
            }),
            ..ExplainAlertRequest::default()
        };
        what_if.add_alert(&named, &mut answer, request).await;
    }
    Ok(answer)
}

/// Explains who got, or would get, a stored event.
pub(crate) async fn explain_stored(
    pipeline: &EmitPipeline,
    what_if: &WhatIf,
    team: TeamId,
    request: ExplainRequest,
) -> Result<ExplainResponse, Problem> {
    let mut violations = Violations::new();
    let at = convert::instant(request.at.as_ref(), "at", &mut violations);
    if request.event.is_some() {
        violations.add("event", reason::NOT_ALLOWED, "does not go with `event_id`");
    }
    if request.as_of_then && !request.draft_document.is_empty() {
        violations.add(
            "draft_document",
            reason::NOT_ALLOWED,
            "does not go with `as_of_then`",
        );
    }
    violations.into_result(())?;
    let (stored, message) = StoredEvent::get(&what_if.log, team, request.event_id).await?;
    let snapshot = if request.as_of_then {
        what_if.past(team, &stored).await?
    } else if request.draft_document.is_empty() {
        pipeline.snapshots.get(team).await?
    } else {
        what_if.drafted(team, request.draft_document).await?.0
    };
    let at = at.unwrap_or(stored.accepted_at);
    let (rules, now) = (request.draft_rules, what_if.clock.now());
    let belongs = stored.event.alert.is_ok();
    let event_id = message.id.clone();
    let named = Arc::clone(&snapshot);
    let explain = move || {
        let drafted = match rules.as_slice() {
            [] => None,
            rules => Some(explain::with_draft_rules(&snapshot, rules, now)?),
        };
        let snapshot = drafted.as_ref().unwrap_or(&snapshot);
        let mut answer = ExplainResponse {
            event: Some(message),
            accept_time: Some(timestamp(stored.accepted_at)),
            stored_routes: stored.routes,
            ..explain::explain(snapshot, &stored.event, at)
        };
        explain::add_followers(snapshot, &mut answer);
        Ok(answer)
    };
    // Of the past nobody knows what it costs.
    let explained: Result<_, Violations> = what_if.tenant_pool.run(team, explain).await?;
    let mut answer = explained.map_err(Problem::Invalid)?;
    if belongs {
        let request = ExplainAlertRequest {
            team_id: team.to_string(),
            event_id,
            ..ExplainAlertRequest::default()
        };
        what_if.add_alert(&named, &mut answer, request).await;
    }
    Ok(answer)
}

/// What is odd about the team's configuration, or a draft of its document.
pub(crate) async fn check(
    pipeline: &EmitPipeline,
    what_if: &WhatIf,
    team: TeamId,
    document: String,
) -> Result<CheckTeamConfigResponse, Problem> {
    let today = pipeline.snapshots.get(team).await?;
    let (revision, now) = (today.revision, what_if.clock.now());
    let draft = match document {
        document if document.is_empty() => None,
        document => Some(what_if.drafted(team, document).await?.0),
    };
    let find = move || {
        let known = coverage::findings(&today, now);
        let mut findings = match draft {
            None => known,
            Some(draft) => {
                let mut findings = coverage::findings(&draft, now);
                for finding in &mut findings {
                    finding.is_new = !known.iter().any(|known| known.message == finding.message);
                }
                findings
            }
        };
        findings.truncate(MAX_FINDINGS);
        findings
    };
    let findings = what_if.tenant_pool.run(team, find).await?;
    Ok(CheckTeamConfigResponse { findings, revision })
}
