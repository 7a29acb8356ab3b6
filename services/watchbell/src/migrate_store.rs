//! `migrate-store`: moves the databases of an all-in-one server from SQLite to PostgreSQL, while it is stopped. Which tables
//! there are is the business of the services, and how rows are copied that of the store.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use watchbell_model::secret::Secret;
use watchbell_store::{CopiedTable, StoreCopy, copy_to_postgres};

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::serve::{DEFAULT_DATA_DIR, DEFAULT_SCHEMA, schema_of, sqlite_file};
use crate::session::Out;
use crate::text::Table;

/// What to move, and where.
#[derive(Debug, Args)]
pub(crate) struct MigrateStoreArgs {
    /// The data directory of the stopped server, also as sqlite:DIR
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    from: String,
    /// postgres://user:password@host/database, or @FILE that has it
    #[arg(long, value_name = "URL")]
    to: Secret,
    /// What the PostgreSQL schemas of the services begin with
    #[arg(long, value_name = "NAME", default_value = DEFAULT_SCHEMA)]
    schema: String,
}

/// Copies all rows, and says how many there were.
pub(crate) async fn run(args: MigrateStoreArgs) -> Outcome {
    let directory = directory(&args.from);
    let url = input::secret(args.to.expose())?;
    let store = |service| (sqlite_file(&directory, service), schema_of(&args.schema, service));
    let (config, dispatcher, digest) = (store("config"), store("dispatcher"), store("digest"));
    let stores = [
        StoreCopy::new::<watchbell_config::Migrator>(config.0, config.1),
        StoreCopy::new::<watchbell_dispatcher::Migrator>(dispatcher.0, dispatcher.1),
        StoreCopy::new::<watchbell_digest::Migrator>(digest.0, digest.1),
    ];
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} {pos} rows  {msg}  {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let copied = copy_to_postgres(&stores, url.expose(), |table, rows| {
        bar.set_message(table.to_owned());
        bar.inc(rows);
    });
    let copied = copied.await;
    bar.finish_and_clear();
    let copied = copied.map_err(|error| Failure::message(error.to_string()))?;
    report(&copied, &directory, &args.schema)
}

fn report(copied: &[CopiedTable], directory: &Path, schema: &str) -> Outcome {
    let out = Out::new(false);
    let mut table = Table::new(&["SCHEMA", "TABLE", "ROWS"]).keep(&[0, 1, 2]);
    for CopiedTable {
        schema,
        table: name,
        rows,
    } in copied
    {
        table.row([schema.clone(), name.clone(), rows.to_string()]);
    }
    let schema = match schema {
        DEFAULT_SCHEMA => String::new(),
        other => format!(" --schema {other}"),
    };
    out.print(&format!(
        "{}\nAll rows are there. The keys stay in {directory}; start the server on both:\n  \
         watchbell serve --data-dir {directory} --database postgres://…{schema}\n",
        table.render(out.style, out.width, ""),
        directory = directory.display(),
    ))
}

/// The directory that `sqlite:DIR`, `sqlite://DIR` or `DIR` names.
fn directory(from: &str) -> PathBuf {
    let path = from.strip_prefix("sqlite:").unwrap_or(from);
    PathBuf::from(path.strip_prefix("//").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_may_be_written_as_a_url() {
        for from in ["sqlite:///var/lib/w", "sqlite:/var/lib/w", "/var/lib/w"] {
            assert_eq!(directory(from), PathBuf::from("/var/lib/w"), "{from}");
        }
        assert_eq!(directory("sqlite://data"), PathBuf::from("data"));
    }
}
