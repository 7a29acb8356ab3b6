//! A question about the past: how fast a backtest is for a team with many rules, and whether the team's own callers feel it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    Channel, CreateChannelRequest, CreateRuleRequest, EventFilter, Rule, SendAction, SlackDestination,
};
use watchbell_contracts::router::v1::backtest_response::Step;
use watchbell_contracts::router::v1::{BacktestRequest, BacktestResult};
use watchbell_testkit::SlackStandIn;

use super::Progress;
use super::lab::{Lab, Team};
use super::load::{How, Until};
use super::report::Figure;
use super::throughput::caller;
use crate::failure::{Failure, Outcome, present};
use crate::session::Session;

const RULES: usize = 200;
/// Backtests one after the other, of which the one in the middle counts.
const RUNS: usize = 3;
/// Of callers, in events a second.
const PACE: u32 = 200;

/// Emits events, tries a draft against them, and then again while callers go on.
pub(super) async fn run(lab: &Lab, events: u64, span: Duration, progress: &Progress) -> Outcome<Vec<Figure>> {
    let team = lab.team("backtest", &[]).await?;
    progress.say(&format!("{events} events are emitted"));
    let emit = caller(lab, &team).emit(How::Batch, Until::Events(events));
    lab.load.run(emit).await??;
    let slack = SlackStandIn::start().await?;
    let draft = set_rules(&team, &slack.any_webhook_url()).await?;

    let mut rates = Vec::new();
    let mut last = BacktestResult::default();
    for number in 0..RUNS {
        progress.say(&format!("backtest {} of {RUNS}", number + 1));
        let began = lab.clock.monotonic();
        last = backtest(team.admin(), &draft).await?;
        let took = lab.clock.monotonic().saturating_sub(began).as_secs_f64();
        rates.push(last.event_count as f64 / took);
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[RUNS / 2];
    let fast = Figure::new(
        format!("backtest of a team with {RULES} rules"),
        format!("{rate:.0} events/s"),
    )
    .goal("≥ 20,000/s", rate >= 20_000.0)
    .details(format!(
        "{} events, {} of which reach somebody else; the call as a whole",
        last.event_count, last.changed_count
    ))
    .value("per_second", rate)
    .value("events", last.event_count as f64);

    let paced = async |what: &str, span| {
        progress.say(&format!("callers at {PACE} events/s {what}"));
        let emitted = lab.load.run(caller(lab, &team).emit_paced(PACE, span)).await??;
        Outcome::Ok(emitted.answers)
    };
    paced("to warm up", Duration::from_secs(1)).await?;
    let before = paced("alone", span).await?;
    let asking = Asking::start(team.admin().for_team(&team.admin().team()), draft);
    let beside = paced("beside backtests", span).await;
    let runs = asking.stop().await?;
    let beside = beside?;
    let after = paced("alone again", span).await?;
    let alone = (before.ms(0.99) + after.ms(0.99)) / 2.0;
    let ratio = beside.ms(0.99) / alone;
    let felt = Figure::new(
        format!("Emit at {PACE} events/s beside backtests of the same team"),
        format!("p99 × {ratio:.2}"),
    )
    .goal("≤ 1.2 of that without", ratio <= 1.2)
    .details(format!(
        "{} beside {runs} backtests; alone {} before, {} after",
        beside.said(),
        before.said(),
        after.said()
    ))
    .value("ratio", ratio)
    .value("p50_ms", beside.ms(0.5))
    .value("p99_ms", beside.ms(0.99))
    .value("p99_ms_before", before.ms(0.99))
    .value("p99_ms_after", after.ms(0.99))
    .value("backtests", runs as f64);
    Ok(vec![fast, felt])
}

/// Gives the team rules of which none matches what is emitted, and answers a draft of one that does.
async fn set_rules(team: &Team, url: &str) -> Outcome<Rule> {
    let admin = team.admin();
    let channel = slack_channel(admin, url).await?;
    for number in 0..RULES {
        let rule = rule(&format!("rule {number}"), &format!("source-{number}"), &channel);
        let request = CreateRuleRequest {
            team_id: admin.team(),
            rule: Some(rule),
            ..CreateRuleRequest::default()
        };
        admin.routing().create_rule(admin.ask(request)).await?;
    }
    Ok(rule("draft", "cspm", &channel))
}

/// A new chat channel; its id.
pub(super) async fn slack_channel(admin: &Session, url: &str) -> Outcome<String> {
    let channel = Channel {
        display_name: "#bench".to_owned(),
        destination: Some(Destination::Slack(SlackDestination {
            webhook_url: url.to_owned(),
            ..SlackDestination::default()
        })),
        ..Channel::default()
    };
    let request = CreateChannelRequest {
        team_id: admin.team(),
        channel: Some(channel),
        validate_only: false,
    };
    let made = admin.channels().create_channel(admin.ask(request)).await?;
    Ok(present(made.into_inner().channel)?.id)
}

fn rule(name: &str, source: &str, channel: &str) -> Rule {
    Rule {
        display_name: name.to_owned(),
        r#match: Some(EventFilter {
            types: vec!["finding.*".to_owned()],
            sources: vec![source.to_owned()],
            ..EventFilter::default()
        }),
        action: Some(Action::Send(SendAction {
            channel_ids: vec![channel.to_owned()],
        })),
        ..Rule::default()
    }
}

async fn backtest(admin: &Session, draft: &Rule) -> Outcome<BacktestResult> {
    let request = BacktestRequest {
        team_id: admin.team(),
        draft_rules: vec![draft.clone()],
        ..BacktestRequest::default()
    };
    let mut answers = admin.router().backtest(admin.ask(request)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        if let Some(Step::Result(result)) = answer.step {
            return Ok(result);
        }
    }
    Err(Failure::message("a backtest has ended without a result"))
}

/// Backtests one after the other, until it is stopped.
struct Asking {
    is_over: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Outcome<usize>>,
}

// === impl Asking ===

impl Asking {
    fn start(admin: Session, draft: Rule) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let task = tokio::spawn(async move {
            let mut runs = 0;
            while !over.load(Ordering::Relaxed) {
                backtest(&admin, &draft).await?;
                runs += 1;
            }
            Ok(runs)
        });
        Self { is_over, task }
    }

    /// Waits for the last one; how many there were.
    async fn stop(self) -> Outcome<usize> {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await.map_err(anyhow::Error::from)?
    }
}
