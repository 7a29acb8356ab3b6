//! `demo`: a whole Watchbell in this process, stand-ins for the outside world on loopback, two teams, and a story of
//! events. Everything goes through the real services and over gRPC; at the end every expected arrival is checked
//! against what the stand-ins received, and the demo fails when anything is missing or too much.

mod evidence;
mod live;
mod outside;
mod scenario;
mod server;
mod show;
mod stage;
mod story;
mod verdict;

use std::time::Duration;

use clap::Args;
use watchbell_model::brand::Brand;
use watchbell_model::catalog::Catalog;
use watchbell_runtime::shutdown;

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::Out;
use crate::text::{Style, human};
use live::{Followed, Live};
use outside::Outside;
use scenario::{Place, Scene, Step, Team};
use server::Server;
use stage::Stage;
use story::{STORY, TWICE};

/// Beyond the retries: how long a delivery may take before the demo goes on without it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What shells say of a process that was interrupted.
const INTERRUPTED: u8 = 130;

/// How to show it.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stay up afterwards, to play with
    #[arg(long)]
    keep: bool,
    /// Waits before each retry: at least two, since one endpoint refuses twice
    #[arg(long, value_parser = input::duration, value_delimiter = ',', default_value = "1s,2s,3s", value_name = "DURATIONS")]
    retry_delays: Vec<Duration>,
    /// No colours, on a terminal neither
    #[arg(long)]
    no_color: bool,
}

/// Shows it.
pub(crate) async fn run(args: DemoArgs) -> Outcome {
    if args.retry_delays.len() < outside::REFUSALS {
        return Err(Failure::usage(
            "give at least two retry delays, since one endpoint refuses twice: 1s,2s",
        ));
    }
    let mut out = Out::new(false);
    if args.no_color {
        out.style = Style::new(false);
    }
    let brand = Brand::default();
    out.print(&format!(
        "{}\n{}\n",
        out.style.bold("Watchbell gets the right alert in front of the right person, without overwhelming anyone."),
        out.style.faint(
            "Here it runs whole in this process. Slack, Teams, mail and webhooks are stand-ins that speak the\n\
             real protocols; nothing leaves this machine."
        )
    ))?;
    let outside = Outside::start(&brand).await?;
    let server = Server::start(&outside, args.keep).await?;
    let stop = shutdown::on_signal()?;
    let told = tokio::select! {
        told = tell(&args, &server, &outside, &brand, out) => told,
        () = stop.cancelled() => Err(Failure::Said(INTERRUPTED)),
    };
    if args.keep && matches!(told, Ok(()) | Err(Failure::Said(1))) {
        out.print(&how_to_play(&server, out.style))?;
        stop.cancelled().await;
    }
    server.stop().await?;
    told
}

/// Tells the story, and judges it.
async fn tell(args: &DemoArgs, server: &Server, outside: &Outside, brand: &Brand, out: Out) -> Outcome {
    let clock = watchbell_model::clock::SystemClock::shared();
    let started = clock.monotonic();
    let stage = Stage::set(
        server.url(),
        server.admin_key(),
        outside,
        brand,
        &args.retry_delays,
        out,
    )
    .await?;
    out.print(&cast_list(&stage, out.style))?;

    let patience = args.retry_delays.iter().sum::<Duration>() * 2 + PATIENCE;
    let mut acme = Live::watch(&stage, Team::Acme, patience).await?;
    let mut solo = Live::watch(&stage, Team::Solo, patience).await?;
    for (number, scene) in STORY.iter().enumerate() {
        out.print(&show::scene(number + 1, scene, out.style))?;
        if scene.brief {
            brief(scene, &mut acme, &stage, out).await?;
            continue;
        }
        for step in scene.steps {
            let live = match step.team {
                Team::Acme => &mut acme,
                Team::Solo => &mut solo,
            };
            full(step, live, &stage, out).await?;
        }
        if number == 0 {
            out.print(&show::duplicate(&acme.emit(TWICE).await?, out.style))?;
        }
    }

    let steps: Vec<_> = story::steps().collect();
    let mut noticed = Vec::new();
    for (place, live) in [(Place::Inbox, &acme), (Place::SoloInbox, &solo)] {
        noticed.extend(
            live.noticed()
                .await?
                .into_iter()
                .map(|event_id| (place, event_id)),
        );
    }
    let evidence = evidence::gather(outside, &noticed, &steps);
    let verdict = verdict::judge(&steps, &evidence);
    let style = out.style;
    out.print(&format!(
        "\n{}\n\n",
        style.bold("Did everything arrive? What the stand-ins really received, at Acme:")
    ))?;
    out.print(&show::grid(&steps, &verdict, Team::Acme, style))?;
    out.print(&format!("\n{}\n\n", style.bold("and at Solo, on the FREE plan:")))?;
    out.print(&show::grid(&steps, &verdict, Team::Solo, style))?;
    out.print(&format!(
        "\n{}",
        show::conclusion(&verdict, &evidence, &brand.signature_header(), style)
    ))?;
    let took = human(clock.monotonic() - started);
    if verdict.faults.is_empty() {
        return out.print(&format!(
            "\n{} {}\n",
            style.good("All is well."),
            style.faint(&format!("It took {took}."))
        ));
    }
    let count = verdict.faults.len();
    out.print(&format!(
        "\n{} {}\n",
        style.bad(&format!("{count} faults.")),
        style.faint(&format!("It took {took}."))
    ))?;
    Err(Failure::Said(1))
}

/// One event, with a line for each delivery as it happens.
async fn full(step: &Step, live: &mut Live<'_>, stage: &Stage, out: Out) -> Outcome {
    let style = out.style;
    let spec = Catalog::built_in().get(step.event_type);
    let severity = step
        .severity
        .or_else(|| spec.map(|spec| spec.severity))
        .unwrap_or(watchbell_model::Severity::Info);
    out.print(&show::event(step, severity, style))?;
    let answer = live.emit(step).await?;
    let names = &stage.cast(step.team).names;
    let followed = live
        .follow(&answer.event_id, answer.routes.len(), |delivery| {
            out.print(&show::delivery(delivery, names, style))
        })
        .await?;
    if step.explain {
        for withheld in live.withheld(step).await? {
            out.print(&show::withheld(&withheld, style))?;
        }
    }
    settled(&followed, out)
}

/// Several events over one stream, a line each.
async fn brief(scene: &Scene, live: &mut Live<'_>, stage: &Stage, out: Out) -> Outcome {
    let answers = live.emit_all(scene.steps).await?;
    let names = &stage.acme.names;
    for (step, answer) in scene.steps.iter().zip(&answers) {
        let followed = live
            .follow(&answer.event_id, answer.routes.len(), |_| Ok(()))
            .await?;
        out.print(&show::brief(step, answer, names, out.style))?;
        settled(&followed, out)?;
    }
    Ok(())
}

/// A delivery that does not end is not waited for longer; the table at the end tells what is missing.
fn settled(followed: &Followed, out: Out) -> Outcome {
    match followed {
        Followed::Settled => Ok(()),
        Followed::Waiting(count) => out.print(&show::waiting(*count, out.style)),
    }
}

/// Who plays.
fn cast_list(stage: &Stage, style: Style) -> String {
    format!(
        "\n{}  TEAM plan; Olga (Owner) and Adam (Admin); {} channels, 5 rules, 3 mention rules\n\
         {}  FREE plan; Sam (Owner); {} channels, 1 rule\n",
        style.name("Acme"),
        stage.acme.names.len(),
        style.name("Solo"),
        stage.solo.names.len(),
    )
}

/// What to do with a server that stays.
fn how_to_play(server: &Server, style: Style) -> String {
    let url = server.url();
    format!(
        "\n{}\n\n  {url}{}#key={}\n\n{}\n\n  export WATCHBELL_SERVER={url}\n  export WATCHBELL_KEY={}\n  export WATCHBELL_TEAM=Acme\n\n  \
         watchbell deliveries list --limit 10\n  \
         watchbell explain --type finding.created --severity critical --data '{{\"finding_id\": \"f-1\"}}'\n  \
         watchbell tail &\n  \
         watchbell emit --type scan.failed --title 'My own event' --data '{{\"scan_id\": \"s-1\"}}'\n  \
         watchbell channels test SIEM\n\n{}\n",
        style.bold("It stays up. In a browser, signed in:"),
        watchbell_console::PATH,
        server.admin_key().expose(),
        style.bold("In another terminal:"),
        server.admin_key().expose(),
        style.faint("Ctrl-C ends it."),
    )
}
