//! The command line as a whole: the options of every command, and the commands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as _, Command as Words, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use watchbell_runtime::version;

use crate::session::{Global, contexts};
#[cfg(feature = "demo")]
use crate::{bench, demo};
use crate::{commands, listen, migrate_store, serve};

#[cfg(feature = "demo")]
const AFTER_HELP: &str = "Try `watchbell demo` first: it shows the whole product in half a minute, on this machine alone.\n\n\
     Exit codes: 0 it is done; 1 it failed, and may be tried again; 2 what was asked for is wrong; 130 it was interrupted.";
#[cfg(not(feature = "demo"))]
const AFTER_HELP: &str = "Start with `watchbell serve`.\n\n\
     Exit codes: 0 it is done; 1 it failed, and may be tried again; 2 what was asked for is wrong; 130 it was interrupted.";

/// The right alert in front of the right person, without overwhelming anyone.
#[derive(Debug, Parser)]
#[command(
    name = "watchbell",
    version = version::described(),
    about,
    after_help = AFTER_HELP,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run Watchbell: everything in one process, or only the services named
    Serve(serve::ServeArgs),
    #[cfg(feature = "demo")]
    /// See it work: a whole Watchbell with stand-ins for Slack, Teams, mail and webhooks
    Demo(demo::DemoArgs),
    #[cfg(feature = "demo")]
    /// Measure how fast this machine runs it, beside the goals
    Bench(bench::BenchArgs),
    /// Keep servers by name, with a team and a key
    #[command(subcommand, visible_alias = "contexts")]
    Context(contexts::Command),
    /// Receive webhooks on this machine, and check their signatures
    Listen(listen::ListenArgs),
    /// Move a stopped server's databases from SQLite to PostgreSQL
    MigrateStore(migrate_store::MigrateStoreArgs),
    /// Print completions for a shell, to be sourced or installed
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write the manual pages of all commands into a directory
    Man {
        /// The directory, which must exist
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    #[command(flatten)]
    Client(commands::Command),
}

impl Cli {
    /// What a command line says.
    ///
    /// # Errors
    /// What is wrong with it, or the help that it asks for.
    pub(crate) fn read<I, T>(line: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let mut words = Self::words();
        let mut matches = words.try_get_matches_from_mut(line)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut words))
    }

    /// All commands. Those that talk to a server have the options that the root has, for which clap takes the value that
    /// is given last.
    fn words() -> Words {
        let clients = commands::Command::augment_subcommands(Words::new(""));
        let options = Global::augment_args(Words::new(""));
        let options: Vec<_> = options
            .get_arguments()
            .map(|option| option.clone().global(true))
            .collect();
        clients.get_subcommands().fold(Self::command(), |words, client| {
            words.mut_subcommand(client.get_name(), |client| client.args(&options))
        })
    }
}

/// Prints the completions of a shell.
pub(crate) fn completions(shell: Shell) {
    clap_complete::generate(shell, &mut Cli::words(), "watchbell", &mut std::io::stdout());
}

/// Writes a manual page for each command.
pub(crate) fn manual(directory: &Path) -> std::io::Result<()> {
    clap_mangen::generate_to(Cli::words(), directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(std::iter::once("watchbell").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::words().debug_assert();
    }

    #[test]
    fn every_command_has_help() {
        fn walk(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} does not say what it does");
                for argument in sub.get_arguments() {
                    assert!(
                        argument.get_help().is_some(),
                        "{path}: {} has no help",
                        argument.get_id()
                    );
                }
                walk(sub, &path);
            }
        }
        walk(&Cli::words(), "watchbell");
    }

    #[test]
    fn global_options_go_anywhere() {
        for line in ["--json --team acme rules list", "rules list --team acme --json"] {
            let global = parse(line).unwrap().global;
            assert!(global.json && global.team.as_deref() == Some("acme"));
            assert_eq!((global.server, global.context), (None, None));
        }
        let last = parse("--team acme rules list --team other").unwrap().global;
        assert_eq!(last.team.as_deref(), Some("other"));
        for server in ["serve --json", "serve --key wbk_x"] {
            let error = parse(server).map(|cli| format!("{cli:?}")).expect_err(server);
            assert_eq!(error.kind(), ErrorKind::UnknownArgument);
        }
    }

    #[test]
    fn good_lines_parse() {
        for line in [
            #[cfg(feature = "demo")]
            "demo --no-color --keep",
            "emit --type finding.created --severity high --data {}",
            "emit -f events.jsonl",
            "explain --type finding.created --severity moderate --at 2026-11-21T03:00:00Z",
            "channels create slack --name alerts --url https://hooks.slack.com/x --quiet 22:00-07:00 --storm 20/1m",
            "channels create webhook --name siem --url @url.txt --events finding.* --events scan.failed --header A:b",
            "channels create email --name ops --to a@b.example --smtp-host mail.example --smtp-security tls",
            "channels create in-app --name inbox",
            "channels update siem --no-quiet --pause",
            "channels rotate-secret siem --overlap 2h",
            "rules create --type audit.delivered --send #appsec",
            "rules create --severity critical,high --category security-alert --silence slack,teams",
            "rules move noisy 1",
            "mentions create --type audit.failed --slack-user U123",
            "silence --type scan.* --for 2h --why patches --channel #security --kind email --mode drop",
            "silences list --expired",
            "keys create --name ci --scope emit --scope config.read --expires 90d",
            "deliveries list --state failed --channel siem --since 2h",
            "deliveries recover siem --since 1d",
            "deliveries recover --since 1d --type finding.* --severity critical --dry-run",
            "deliveries replay dlv_1",
            "deliveries cancel dlv_1",
            "deliveries cancel --since 1d --replays --channel siem --dry-run",
            "deliveries replay --since 1d --channel siem --state delivered --per-second 10 --yes",
            "reroute --since 7d --type finding.* --channel siem --dry-run",
            "preferences set ada@example.com findings=critical,high marketing=off",
            "inbox list --member ada@example.com",
            "catalog create billing.invoice.paid --severity low --alert critical,high",
            "digest preview",
            "apply -f team.yaml --dry-run",
            "teams create --name Acme --plan enterprise --time-zone Europe/Berlin",
            "status",
            "tail --channel siem",
            "context add staging --server https://alerts.example.com --team acme --key @key.txt",
            "context use staging",
            "--context staging status",
            "migrate-store --from sqlite://data --to postgres://watchbell@db/watchbell --schema alerts",
            "listen --listen 127.0.0.1:9000 --secret @secret.txt --forward http://localhost:3000/hook --json",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn a_team_is_made_while_it_is_already_chosen() {
        for (line, needs_team) in [
            ("teams create --name Acme --team Acme", false),
            ("teams list --team Acme", false),
            ("teams show Acme", false),
            ("teams delete Acme", false),
            ("teams show", true),
            ("teams update --name Acme", true),
            ("cells list --team Acme", false),
            ("cells move Acme --to eu", false),
            ("rules list", true),
            ("status", true),
        ] {
            let Command::Client(command) = parse(line).unwrap().command else {
                panic!("{line}")
            };
            assert_eq!(command.needs_team(), needs_team, "{line}");
        }
    }

    #[test]
    fn bad_lines_are_usage_errors() {
        for (line, kind) in [
            ("emit", ErrorKind::MissingRequiredArgument),
            ("emit --type a.b --severity urgent", ErrorKind::ValueValidation),
            ("explain", ErrorKind::MissingRequiredArgument),
            ("explain --type a.b --event evt_1", ErrorKind::ArgumentConflict),
            ("explain --type a.b --then", ErrorKind::ArgumentConflict),
            ("deliveries list --limit 0", ErrorKind::ValueValidation),
            ("alerts list --state lost", ErrorKind::ValueValidation),
            ("emit --type a.b -f events.jsonl", ErrorKind::ArgumentConflict),
            ("rules create --type a.b", ErrorKind::MissingRequiredArgument),
            (
                "rules create --type a.b --send x --silence",
                ErrorKind::ArgumentConflict,
            ),
            (
                "channels create slack --name x",
                ErrorKind::MissingRequiredArgument,
            ),
            (
                "channels create slack --name x --url y --storm lots",
                ErrorKind::ValueValidation,
            ),
            ("deliveries replay", ErrorKind::MissingRequiredArgument),
            ("deliveries replay dlv_1 --since 1d", ErrorKind::ArgumentConflict),
            ("deliveries cancel", ErrorKind::MissingRequiredArgument),
            ("deliveries cancel dlv_1 --replays", ErrorKind::ArgumentConflict),
            (
                "deliveries replay dlv_1 --kind slack",
                ErrorKind::ArgumentConflict,
            ),
            (
                "deliveries recover siem --since 1d --channel x",
                ErrorKind::ArgumentConflict,
            ),
            ("reroute --type finding.*", ErrorKind::MissingRequiredArgument),
            ("nonsense", ErrorKind::InvalidSubcommand),
        ] {
            let error = parse(line).map(|cli| format!("{cli:?}")).expect_err(line);
            assert_eq!(error.kind(), kind, "{line}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn every_command_is_completed_and_has_a_manual_page() {
        let mut bash = Vec::new();
        clap_complete::generate(Shell::Bash, &mut Cli::words(), "watchbell", &mut bash);
        let bash = String::from_utf8(bash).unwrap();
        assert!(bash.contains("channels"), "{bash}");
        let directory = tempfile::tempdir().unwrap();
        manual(directory.path()).unwrap();
        for page in ["watchbell.1", "watchbell-serve.1", "watchbell-channels-create.1"] {
            assert!(directory.path().join(page).exists(), "{page}");
        }
    }
}
