//! What a kill -9 leaves: a Watchbell as a process of its own is killed in the middle of its work and started again.
//! Measured from the start: when it answers, when work goes on, and whether everything that was accepted arrives.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use watchbell_model::clock::SharedClock;
use watchbell_model::secret::Secret;
use watchbell_testkit::{Behaviour, WebhookReceiver};

use super::lab::{Lab, Site, Team};
use super::load::{Caller, How, OF_ALERTS, Until};
use super::report::Figure;
use crate::failure::{Failure, Outcome};
use crate::local;
use crate::session::{Out, Session};

/// How long a start may take.
const START: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// How long everything may take to arrive after the start.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long the endpoint takes, so that much is under way and more is waiting when the kill comes.
const THINKS: Duration = Duration::from_millis(100);
/// How long is emitted before the kill.
const BEFORE: Duration = Duration::from_secs(3);

/// Kills and starts again.
pub(super) async fn run(lab: &Lab, directory: &Path, database: Option<&str>) -> Outcome<Figure> {
    let site = Site::new(directory, database, "crash")?;
    let measured = measure(lab, &site).await;
    // Whatever went wrong, nothing is left behind.
    site.clear().await?;
    measured
}

async fn measure(lab: &Lab, site: &Site) -> Outcome<Figure> {
    let endpoint = lab.endpoint(WebhookReceiver::builder().count_only()).await?;
    endpoint.behave(Behaviour::delayed(THINKS));
    let mut child = spawn(site)?;
    let platform = ready(site, &mut child, lab.out, &lab.clock).await?;
    let team = Team::set_up(&platform, &site.url, "crash", &[endpoint.url()], 0.0).await?;
    let caller = Caller {
        url: site.url.clone(),
        key: team.key.clone(),
        event_type: OF_ALERTS,
        out: lab.out,
        clock: lab.clock.clone(),
    };
    let emitted = lab
        .load
        .run(caller.emit(How::Unary(16), Until::After(BEFORE)))
        .await??;
    child.kill().await?;
    let before = endpoint.distinct_events() as u64;
    let calls = endpoint.count();

    let began = lab.clock.monotonic();
    let mut child = spawn(site)?;
    drop(ready(site, &mut child, lab.out, &lab.clock).await?);
    let answers = lab.clock.monotonic().saturating_sub(began);
    let resumed = endpoint
        .wait_for_within(calls + 1, TIMEOUT)
        .await
        .map_err(anyhow::Error::from);
    let resumes = lab.clock.monotonic().saturating_sub(began);
    resumed?;
    endpoint.behave(Behaviour::ok());
    while (endpoint.distinct_events() as u64) < emitted.accepted {
        if lab.clock.monotonic().saturating_sub(began) > TIMEOUT {
            let missing = emitted.accepted - endpoint.distinct_events() as u64;
            return Err(Failure::message(format!(
                "{missing} events that were accepted before the kill are lost"
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
    child.kill().await?;
    let again = endpoint.duplicates().len();
    let seconds = resumes.as_secs_f64();
    Ok(
        Figure::new("after kill -9 work goes on", format!("{seconds:.2} s"))
            .goal("≤ 5 s", seconds <= 5.0)
            .details(format!(
                "answers after {:.2} s; {} accepted, {before} arrived before, none lost, {again} twice",
                answers.as_secs_f64(),
                emitted.accepted
            ))
            .value("resumes_s", seconds)
            .value("answers_s", answers.as_secs_f64())
            .value("accepted", emitted.accepted as f64)
            .value("twice", again as f64),
    )
}

fn spawn(site: &Site) -> Outcome<Child> {
    let args = site.args();
    let log = File::options()
        .create(true)
        .append(true)
        .open(site.data.path().join("serve.log"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("serve")
        .arg("--config")
        .arg(site.file())
        .arg("--data-dir")
        .arg(site.data.path());
    let options = [
        ("--listen", args.listen),
        ("--database", args.database.map(|url| url.expose().to_owned())),
        ("--schema", args.schema),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            command.arg(name).arg(value);
        }
    }
    Ok(command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?)
}

/// Waits until it answers.
async fn ready(site: &Site, child: &mut Child, out: Out, clock: &SharedClock) -> Outcome<Session> {
    let began = clock.monotonic();
    loop {
        if let Ok(key) = std::fs::read_to_string(site.data.path().join("admin.key")) {
            let key = Secret::new(key.trim().to_owned());
            if let Ok(session) = local::connect(&site.url, &key, out).await {
                return Ok(session);
            }
        }
        let ended = child.try_wait()?;
        if ended.is_some() || clock.monotonic().saturating_sub(began) > START {
            let log = std::fs::read_to_string(site.data.path().join("serve.log")).unwrap_or_default();
            return Err(Failure::message(format!(
                "the server does not start: {}",
                log.trim()
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}
