//! What the command line says: the help of every command, and what commands print and end with, against a server of
//! their own. Ids, times, secrets and ports are masked. `INSTA_UPDATE=always` writes new texts; read their difference.

mod masks;
mod terminal;

use watchbell_testkit::{SlackStandIn, SmtpStandIn, TeamsStandIn, WebhookReceiver};

use crate::harness::database::on_sqlite;
use crate::harness::{Serve, eventually};
use terminal::Terminal;

/// Writes down the help of a command and of those below it.
fn help_of(terminal: &Terminal, path: &[&str], said: &mut String) {
    let help = terminal.text(&[path, &["--help"]].concat());
    said.push_str(&format!("$ watchbell {} --help\n{help}\n", path.join(" ")));
    for name in commands(&help) {
        help_of(terminal, &[path, &[name]].concat(), said);
    }
}

/// The commands that a help lists.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let commands = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}

#[test]
fn what_help_says() {
    let terminal = Terminal::without_server();
    let all = terminal.text(&["--help"]);
    insta::assert_snapshot!("help", all);
    for name in commands(&all) {
        let mut said = String::new();
        help_of(&terminal, &[name], &mut said);
        insta::assert_snapshot!(format!("help_{name}"), said);
    }
}

#[test]
fn what_is_wrong_without_a_server() {
    let mut terminal = Terminal::without_server();
    terminal.run("");
    terminal.run("nonsense");
    terminal.run("rules list --server http://127.0.0.1:1");
    terminal.run("rules list --server nowhere");
    terminal.run("rules create --type a.b");
    terminal.run("rules create --type a.b --send x --silence");
    terminal.run("rules create --severity urgent --silence");
    terminal.run("rules create --category loud --silence");
    terminal.run("channels create slack --name x");
    terminal.run("channels create slack --name x --url y --storm lots");
    terminal.run("channels create slack --name x --url y --quiet never");
    terminal.run("channels create slack --name x --url y --retry soon");
    terminal.run("channels create webhook --name x --url y --header nothing");
    terminal.run("channels create webhook --name x --url y --envelope paper");
    terminal.run("channels list --kind pigeon");
    terminal.run("mentions create --type a.b --teams-user ada");
    terminal.run("silence --type a.b");
    terminal.run("silence --for 2h --why x --mode quiet");
    terminal.run("catalog create a.b --alert sometimes");
    terminal.run("keys create --name x");
    terminal.run("keys create --name x --scope everything");
    terminal.run("keys create --name x --scope emit --expires soon");
    terminal.run("members create a@b.example --role king");
    terminal.run("teams create --plan free");
    terminal.run("apply");
    terminal.run("emit");
    terminal.run("emit --type a.b --severity urgent");
    terminal.run("deliveries list --state lost");
    terminal.run("deliveries list --limit 0");
    terminal.run("alerts list --state lost");
    terminal.run("explain");
    insta::assert_snapshot!("errors_of_usage", terminal.said());
}

#[test]
fn what_commands_print() {
    on_sqlite(|database| async move {
        let process = Serve::all(&database).start().await;
        let mut terminal = Terminal::at(&process);
        teams(&mut terminal);
        cells(&mut terminal);
        terminal.team("Acme");
        members(&mut terminal);
        keys(&mut terminal);
        let outside = Outside::start().await;
        channels(&mut terminal, &outside);
        rules(&mut terminal);
        mentions(&mut terminal);
        silences(&mut terminal);
        catalog(&mut terminal);
        documents(&mut terminal, database.directory());
        people(&mut terminal).await;
        events(&mut terminal).await;
        alerts(&mut terminal);
    });
}

/// Waits until a command prints something.
async fn until(terminal: &Terminal, what: &str, command: &[&str], printed: &str) {
    eventually(what, || {
        std::future::ready(terminal.text(command).contains(printed).then_some(()))
    })
    .await;
}

fn cells(terminal: &mut Terminal) {
    terminal.run("cells list");
    terminal.run("cells list --json");
    terminal.run("cells add eu");
    terminal.run("cells add E.U --dispatcher-url dispatcher:7700");
    terminal.run("cells add main --dispatcher-url http://127.0.0.1:1");
    terminal.run("cells add eu --dispatcher-url http://127.0.0.1:1");
    terminal.run("cells move acme --to main");
    terminal.run("cells move acme --to eu");
    insta::assert_snapshot!("cells", terminal.said());
}

fn teams(terminal: &mut Terminal) {
    terminal.run("teams list");
    terminal.run("teams list --team Acme");
    terminal.run("teams create --name Acme --plan team --time-zone Europe/Berlin");
    terminal.run("teams create --name Other --json");
    terminal.run("teams create --name Other --time-zone Nowhere/Else");
    terminal.run("teams list");
    terminal.run("teams list --json");
    terminal.run("teams show acme");
    terminal.run("teams show");
    terminal.run("teams show --team Other");
    terminal.run("teams show Nobody");
    terminal.run("team update Other --name Another --plan enterprise");
    terminal.run("teams update Another");
    terminal.run("teams delete Another");
    terminal.run("teams delete Another --yes");
    terminal.run("rules list");
    insta::assert_snapshot!("teams", terminal.said());
}

fn members(terminal: &mut Terminal) {
    terminal.run("members list");
    terminal.run("members create ada@acme.example --name Ada --role owner --slack-user U0ADA");
    terminal.run("members create bob@acme.example --manage-integrations --json");
    terminal.run("members create nonsense");
    terminal.run("members list");
    terminal.run("members list --json");
    terminal.run("member show ada@acme.example");
    terminal.run("members show bob@acme.example --json");
    terminal.run("members update bob@acme.example --email rob@acme.example --name Rob --role admin");
    terminal.run("members update rob@acme.example --manage-integrations false");
    terminal.run("members update rob@acme.example");
    terminal.run("members delete nobody@acme.example --yes");
    terminal.run("members delete rob@acme.example --yes");
    insta::assert_snapshot!("members", terminal.said());
}

fn keys(terminal: &mut Terminal) {
    terminal.run("keys create --name ci --scope emit,config.read --scope inbox");
    terminal.run("keys create --name short --scope emit --expires 90d --json");
    terminal.run("keys create --name forever --scope emit --expires 999999999d");
    terminal.run("keys list");
    terminal.run("key list --json");
    terminal.run("keys delete key_nonsense --yes");
    insta::assert_snapshot!("keys", terminal.said());
}

/// What channels deliver to.
struct Outside {
    slack: SlackStandIn,
    teams: TeamsStandIn,
    mail: SmtpStandIn,
    webhook: WebhookReceiver,
}

impl Outside {
    async fn start() -> Self {
        Self {
            slack: SlackStandIn::start().await.unwrap(),
            teams: TeamsStandIn::start().await.unwrap(),
            mail: SmtpStandIn::start().await.unwrap(),
            webhook: WebhookReceiver::builder().start().await.unwrap(),
        }
    }
}

fn channels(terminal: &mut Terminal, outside: &Outside) {
    let slack = outside.slack.webhook_url("T0", "B0", "x");
    let teams = outside.teams.workflow_url();
    let (host, port) = (outside.mail.host(), outside.mail.port());
    let webhook = outside.webhook.url();
    terminal.run("channels list");
    terminal.run(&format!(
        "channels create slack --name #alerts --url {slack} \
         --quiet 22:00-07:00 --quiet Sat,Sun~00:00-00:00 --quiet-zone Europe/Berlin --quiet-pass critical,high \
         --coalesce --storm 20/1m --retry 1m,5m --timeout 10s --concurrency 4 --max-per-second 2.5 \
         --description for~all --trigger-type finding.* --trigger-severity critical --trigger-category security-alert \
         --trigger-source cspm --trigger-expr true"
    ));
    terminal.run(&format!(
        "channels create teams --name Leadership --url {teams} --storm off"
    ));
    terminal.run(&format!(
        "channels create email --name audits --to a@acme.example,b@acme.example --smtp-host {host} \
         --smtp-port {port} --smtp-from alerts@acme.example --smtp-security none"
    ));
    terminal.run(&format!(
        "channels create webhook --name siem --url {webhook} --events finding.*,scan.failed \
         --severity critical,high --category security-alert --source cspm --expr true --header X-Team:blue \
         --envelope cloud-events --ed25519"
    ));
    terminal.run(&format!(
        "channels create webhook --name local --url {webhook} --type * --json"
    ));
    terminal.run(&format!("channels create webhook --name x --url {webhook}"));
    terminal.run("channels create slack --name x --url https://no.such.host.invalid/x --smtp-port 1");
    terminal.run("channels create slack --name x --url https://no.such.host.invalid/x --quiet bad");
    terminal.run("channels create in-app --name inbox");
    terminal.run("channels create in-app --name x --quiet-zone UTC");
    terminal.run("channels list");
    terminal.run("channels list --kind webhook --json");
    terminal.run("channels show siem");
    terminal.run("channels show slack:#alerts --json");
    terminal.run("channels show nowhere");
    terminal.run("channel update siem --name SIEM --no-triggers --type * --pause --description new");
    terminal.run("channels update #alerts --no-quiet --storm 5/10s --resume --json");
    terminal.run("channels update audits --to c@acme.example --smtp-from audits@acme.example");
    terminal.run("channels update inbox --url https://siem.example/in");
    terminal.run("channels update #alerts --trigger-severity high");
    terminal.run("channels update #alerts --to a@acme.example");
    terminal.run("channels update inbox");
    terminal.run("channels update inbox --quiet 1:00-2:00");
    terminal.run("channels set-default Leadership");
    terminal.run("channels reenable siem --recover");
    terminal.run("channels rotate-secret siem --overlap 48h");
    terminal.run("channels rotate-secret inbox");
    terminal.run("status");
    terminal.run("channels test local");
    terminal.run("channels test local --type scan.failed --json");
    terminal.run(&format!(
        "channels try webhook --name tried --url {webhook} --type *"
    ));
    terminal.run("channels add-to-slack");
    terminal.run("channels delete siem");
    terminal.run("channels delete siem --yes");
    terminal.run("channels delete siem --yes");
    insta::assert_snapshot!("channels", terminal.said());
}

fn rules(terminal: &mut Terminal) {
    terminal.run("rules list");
    terminal.run("rules create --type audit.* --severity critical --send #alerts,Leadership");
    terminal.run(
        "rules create --name noise --position 1 --category system-error --source cspm --expr event.test --silence \
         --continue --paused --json",
    );
    terminal.run("rules create --name quiet --events scan.* --silence slack,teams --dry-run");
    terminal.run("rules create --name wrong --type audit --send #alerts");
    terminal.run("rules create --name wrong --send nowhere");
    terminal.run("rules create --name wrong --expr event. --silence");
    terminal.run("rules create --name all --silence --paused");
    terminal.run("rules list");
    terminal.run("rules list --json");
    terminal.run("rule show noise");
    terminal.run("rules show noise --json");
    terminal.run("rules update noise --name louder --paused false --continue false --send Leadership --type scan.failed");
    terminal.run("rules update louder --silence slack");
    terminal.run("rules update louder");
    terminal.run("rules move louder 2");
    terminal.run("rules delete louder");
    terminal.run("rules delete louder --yes");
    insta::assert_snapshot!("rules", terminal.said());
}

fn mentions(terminal: &mut Terminal) {
    terminal.run("mentions list");
    terminal.run("mentions create --type audit.failed --slack-user U0LEAD");
    terminal.run(
        "mentions create --type audit.*,scan.failed --severity critical,high --slack-group S0CALL --here \
         --member ada@acme.example --teams-user ada@acme.example=Ada --json",
    );
    terminal.run("mentions create --type audit.failed");
    terminal.run("mentions list");
    terminal.run("mentions list --json");
    let id = terminal.last_id("mnr");
    terminal.run(&format!("mention show {id}"));
    terminal.run(&format!("mentions update {id} --severity high --here"));
    terminal.run(&format!("mentions update {id} --type sla.breached"));
    terminal.run(&format!("mentions update {id}"));
    terminal.run(&format!("mentions delete {id} --yes"));
    terminal.run(&format!("mentions show {id}"));
    insta::assert_snapshot!("mentions", terminal.said());
}

fn silences(terminal: &mut Terminal) {
    terminal.run("silences list");
    terminal.run("silence --type scan.* --for 2h --why patch~window");
    let first = terminal.last_id("sil");
    terminal.run(
        "silence --type scam.* --channel #alerts --kind email --for 2h --in 1h --why typo --mode drop --json",
    );
    terminal.run("silence --for 31d --why long");
    terminal.run("silence --for 2h --why x --kind in-app");
    terminal.run("silence --for 2h --why x --channel nowhere");
    terminal.run("silences create --for 2h --why checked --dry-run");
    terminal.run("silences list");
    let id = terminal.last_id("sil");
    terminal.run(&format!("silences show {id}"));
    terminal.run(&format!("silences expire {id}"));
    terminal.run(&format!("silences expire {first}"));
    terminal.run("silences list");
    terminal.run("silences list --expired");
    terminal.run("silences show sil_nonsense");
    insta::assert_snapshot!("silences", terminal.said());
}

fn alerts(terminal: &mut Terminal) {
    terminal.run("emit --type finding.created --severity high --title Open~bucket --data {\"finding_id\":\"f-9\"} --id f-9-1");
    terminal.run(
        "emit --type finding.created --severity high --dedup-key finding_id=f-9 --data {\"finding_id\":\"x\"} --id f-9-2",
    );
    terminal.run("emit --type finding.created --dedup-key two~words --data {\"finding_id\":\"x\"}");
    terminal.run("alerts list --severity high --type finding.created");
    terminal.run("alerts show finding_id=f-9");
    terminal.run("alerts ack finding_id=f-9 --comment On~it --as ada@acme.example");
    terminal.run("alerts snooze finding_id=f-9");
    terminal.run("alerts snooze finding_id=f-9 --for 40d");
    terminal.run("alerts snooze finding_id=f-9 --for 2h");
    terminal.run("alerts resolve finding_id=f-9 --json");
    terminal.run("alerts resolve finding_id=f-9");
    terminal.run("alerts show nothing");
    terminal.run("alerts list --state resolved");
    insta::assert_snapshot!("alerts", terminal.said());
}

fn catalog(terminal: &mut Terminal) {
    terminal.run("catalog list");
    terminal.run("catalog show finding.created");
    terminal.run(
        "catalog create billing.invoice.paid --description Paid --title An~invoice --category system-notification \
         --severity low --alert critical,high --schema {\"type\":\"object\"} --example {\"amount\":1}",
    );
    terminal.run("catalog create billing.invoice.sent --json");
    terminal.run("catalog create finding.created");
    terminal.run("catalog create a.b --schema []");
    terminal.run("catalog update billing.invoice.paid --alert always --severity high --topic billing");
    terminal.run("catalog update billing.invoice.paid --alert never --json");
    terminal.run("catalog update billing.invoice.paid");
    terminal.run("catalog show nothing.known");
    terminal.run("catalog delete billing.invoice.sent --yes");
    insta::assert_snapshot!("catalog", terminal.said());
}

fn documents(terminal: &mut Terminal, directory: &std::path::Path) {
    terminal.run("export");
    let path = directory.join("team.yaml");
    let document = terminal.text(&["export"]);
    std::fs::write(&path, format!("{document}\nmore: nonsense\n")).unwrap();
    terminal.run(&format!("apply -f {}", path.display()));
    std::fs::write(&path, document.replace("- audit.failed", "- audit.delivered")).unwrap();
    terminal.run(&format!("apply -f {}", path.display()));
    terminal.run(&format!("apply -f {} --yes", path.display()));
    terminal.run("history --limit 1");
    terminal.run("history --since 1s --by nobody --json");
    terminal.run("revert 99999");
    std::fs::write(
        &path,
        "channels: [{name: x, kind: slack, url: \"${env:NOT_THERE}\"}]\n",
    )
    .unwrap();
    terminal.run(&format!("apply -f {} --dry-run", path.display()));
    std::fs::write(&path, document).unwrap();
    terminal.run(&format!("apply -f {} --dry-run --json", path.display()));
    terminal.run(&format!("apply -f {} --expect-revision 1", path.display()));
    terminal.run("apply -f /no/such/file");
    insta::assert_snapshot!("documents", terminal.said());
}

async fn people(terminal: &mut Terminal) {
    terminal.run("preferences show ada@acme.example");
    terminal.run("preferences set ada@acme.example findings=critical,high marketing=off");
    terminal.run("preferences set ada@acme.example nothing=on");
    terminal.run("preferences receipts --to officer@acme.example");
    terminal.run("preferences receipts --json");
    terminal.run("digest settings --cron 0~9~*~*~MON --to ada@acme.example");
    terminal.run("digest settings --cron nonsense");
    terminal.run("digest runs");
    let unread = ["inbox", "list", "--member", "ada@acme.example"];
    until(
        terminal,
        "the notice of the removed channel is there",
        &unread,
        "ntf_",
    )
    .await;
    terminal.run("inbox list --member ada@acme.example");
    terminal.run("inbox count --member ada@acme.example --json");
    insta::assert_snapshot!("people", terminal.said());
}

async fn events(terminal: &mut Terminal) {
    terminal.run("explain --type finding.created --severity critical --data {\"finding_id\":\"f-1\"}");
    terminal.run("explain --type nothing.known --data {}");
    terminal.run(
        "emit --id evt-1 --type scan.failed --title Broken --source registry --data {\"scan_id\":\"s-1\"}",
    );
    terminal.run(
        "emit --id evt-1 --type scan.failed --title Broken --source registry --data {\"scan_id\":\"s-1\"}",
    );
    terminal.run("emit --type nothing.known --data {} --json");
    terminal.run("emit --type scan.failed --data [1]");
    terminal.run("events list");
    terminal.run("events show evt-1");
    let delivered = [
        "deliveries",
        "list",
        "--event",
        "evt-1",
        "--channel",
        "local",
        "--state",
        "delivered",
    ];
    until(terminal, "the event is delivered", &delivered, "dlv_").await;
    terminal.run("deliveries list --channel local --event evt-1");
    let id = terminal.last_id("dlv");
    terminal.run(&format!("deliveries show {id}"));
    terminal.run(&format!("deliveries cancel {id}"));
    terminal.run("deliveries list --channel nowhere");
    terminal.run("deliveries list --kind webhook --event nothing --json");
    terminal.run("deliveries show dlv_nonsense");
    terminal.run("deliveries recover local --since 1h");
    terminal.run("deliveries recover local --since 1h --yes");
    terminal.run("deliveries recover local --since yesterday --yes");
    terminal.run("deliveries recover --since 1h --channel local --dry-run");
    terminal.run("deliveries replay --since 1h --channel local --dry-run");
    terminal.run("deliveries replay --since 1h --channel local");
    terminal.run("reroute --since 1h --dry-run");
    terminal.run("reroute --since 40d --dry-run");
    insta::assert_snapshot!("events", terminal.said());
}
