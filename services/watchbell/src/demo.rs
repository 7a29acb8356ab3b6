//! `demo`: a whole Watchbell in this process, fakes of the outside world on loopback, two teams, and a list of events.
//! Everything goes through the real services and over gRPC; at the end every expected arrival is compared with what the
//! fakes received, and the demo fails when anything is missing or superfluous.

mod acknowledgement;
mod evidence;
mod fakes;
mod live;
mod scenario;
mod server;
mod setup;
mod show;
mod story;
mod verdict;

use std::time::Duration;

use clap::Args;
use watchbell_model::brand::Brand;
use watchbell_model::catalog::Catalog;
use watchbell_model::catalog::notices::ALERT_ACKNOWLEDGED;
use watchbell_runtime::shutdown;

use crate::failure::{Failure, Outcome};
use crate::local::LocalServer;
use crate::session::Out;
use crate::text::{Style, human};
use fakes::Fakes;
use live::{Followed, Live};
use scenario::{Destination, Section, Step, Team};
use server::Server;
use setup::Setup;
use story::{STORY, TWICE};

/// How long a delivery may take, its retries included, before the demo goes on without it.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(22);

/// What shells say of a process that was interrupted.
const INTERRUPTED: u8 = 130;

/// How to show it.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stay up afterwards, to try it out
    #[arg(long)]
    keep: bool,
    /// No colours, on a terminal neither
    #[arg(long)]
    no_color: bool,
}

/// Shows it.
pub(crate) async fn run(args: DemoArgs) -> Outcome {
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
    let fakes = Fakes::start(&brand).await?;
    let server = Server::start(&fakes, args.keep).await?;
    let stop = shutdown::on_signal()?;
    let result = tokio::select! {
        result = run_story(&server, &fakes, &brand, out) => result,
        () = stop.cancelled() => Err(Failure::Said(INTERRUPTED)),
    };
    if args.keep && matches!(result, Ok(()) | Err(Failure::Said(1))) {
        out.print(&next_steps(&server.local, out.style))?;
        stop.cancelled().await;
    }
    server.local.stop().await?;
    result
}

/// Emits every event of the story and compares what arrived with what should have.
async fn run_story(server: &Server, fakes: &Fakes, brand: &Brand, out: Out) -> Outcome {
    let clock = watchbell_model::clock::SystemClock::shared();
    let started = clock.monotonic();
    let setup = Setup::create(&server.local, fakes, out).await?;
    out.print(&teams(&setup, out.style))?;

    let mut acme = Live::watch(&setup, Team::Acme, DELIVERY_TIMEOUT).await?;
    let mut solo = Live::watch(&setup, Team::Solo, DELIVERY_TIMEOUT).await?;
    for (number, section) in STORY.iter().enumerate() {
        out.print(&show::section(number + 1, section, out.style))?;
        if section.brief {
            brief(section, &mut acme, &setup, out).await?;
            continue;
        }
        for step in section.steps {
            let live = match step.team {
                Team::Acme => &mut acme,
                Team::Solo => &mut solo,
            };
            full(step, live, &setup, out).await?;
            if !step.acknowledged.is_empty() {
                acknowledge(step, live, fakes, &setup, out).await?;
            }
        }
        if number == 0 {
            out.print(&show::duplicate(&acme.emit(TWICE).await?, out.style))?;
        }
    }

    let steps: Vec<_> = story::steps().collect();
    let mut notified = Vec::new();
    for (destination, live) in [(Destination::Inbox, &acme), (Destination::SoloInbox, &solo)] {
        notified.extend(
            live.notified()
                .await?
                .into_iter()
                .map(|event_id| (destination, event_id)),
        );
    }
    let evidence = evidence::gather(fakes, &notified, &steps);
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
async fn full(step: &Step, live: &mut Live<'_>, setup: &Setup, out: Out) -> Outcome {
    let style = out.style;
    let spec = Catalog::built_in().get(step.event_type);
    let severity = step
        .severity
        .or_else(|| spec.map(|spec| spec.severity))
        .unwrap_or(watchbell_model::Severity::Info);
    out.print(&show::event(step, severity, style))?;
    let answer = live.emit(step).await?;
    let names = &setup.team(step.team).names;
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

/// The alert of an event that was just told, taken on by the link of its Slack message.
async fn acknowledge(step: &Step, live: &mut Live<'_>, fakes: &Fakes, setup: &Setup, out: Out) -> Outcome {
    let Some(link) = acknowledgement::link(fakes, step) else {
        return out.print(&show::no_link(step, out.style));
    };
    acknowledgement::press(&link).await?;
    let (event_id, title) = live.newest(ALERT_ACKNOWLEDGED).await?;
    out.print(&show::acknowledged(&title, out.style))?;
    let names = &setup.team(step.team).names;
    let followed = live
        .follow(&event_id, step.acknowledged.len(), |delivery| {
            out.print(&show::delivery(delivery, names, out.style))
        })
        .await?;
    settled(&followed, out)
}

/// Several events over one stream, a line each.
async fn brief(section: &Section, live: &mut Live<'_>, setup: &Setup, out: Out) -> Outcome {
    let answers = live.emit_all(section.steps).await?;
    let names = &setup.acme.names;
    for (step, answer) in section.steps.iter().zip(&answers) {
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

/// The teams and what they have.
fn teams(setup: &Setup, style: Style) -> String {
    format!(
        "\n{}  TEAM plan; Olga (Owner) and Adam (Admin); {} channels, 5 rules, 3 mention rules\n\
         {}  FREE plan; Sam (Owner); {} channels, 1 rule\n",
        style.name("Acme"),
        setup.acme.names.len(),
        style.name("Solo"),
        setup.solo.names.len(),
    )
}

/// What to do with a server that stays.
fn next_steps(server: &LocalServer, style: Style) -> String {
    let (url, key) = (&server.url, server.admin_key.expose());
    format!(
        "\n{}\n\n  {url}{}#key={}\n\n{}\n\n  export WATCHBELL_SERVER={url}\n  export WATCHBELL_KEY={}\n  export WATCHBELL_TEAM=Acme\n\n  \
         watchbell deliveries list --limit 10\n  \
         watchbell explain --type finding.created --severity critical --data '{{\"finding_id\": \"f-1\"}}'\n  \
         watchbell tail &\n  \
         watchbell emit --type scan.failed --title 'My own event' --data '{{\"scan_id\": \"s-1\"}}'\n  \
         watchbell channels test SIEM\n\n{}\n",
        style.bold("It stays up. In a browser, signed in:"),
        watchbell_console::PATH,
        key,
        style.bold("In another terminal:"),
        key,
        style.faint("Ctrl-C ends it."),
    )
}
