//! Check whether commits that PostgreSQL has acknowledged survive a fail-over. With asynchronous standbys the last
//! commits are lost silently.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};

use crate::{Backend, Store};

/// Why a commit that was acknowledged may be lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Risk {
    /// PostgreSQL does not wait for its own disk.
    #[error(
        "PostgreSQL acknowledges commits before they are on disk (synchronous_commit is off): a crash loses them"
    )]
    Unwritten,
    /// It waits for no standby.
    #[error(
        "PostgreSQL has {standbys} standbys and waits for none of them ({setting}): a fail-over loses acknowledged commits"
    )]
    Unreplicated {
        /// How many there are.
        standbys: i64,
        /// The responsible setting.
        setting: &'static str,
    },
}

// === impl Store ===

impl Store {
    /// Why an acknowledged commit may be lost; `None` when no risk is known. SQLite writes to one disk,
    /// synchronously. Replication below PostgreSQL, as in some clouds, is not visible.
    ///
    /// # Errors
    /// The database's.
    pub async fn risk(&self) -> Result<Option<Risk>, DbErr> {
        if self.backend() == Backend::Sqlite {
            return Ok(None);
        }
        // Without the role `pg_monitor` states are NULL, but there is a row for each standby.
        let asked = Statement::from_string(
            DbBackend::Postgres,
            "SELECT (SELECT count(*) FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup') AS standbys,
                current_setting('synchronous_standby_names') AS names, current_setting('synchronous_commit') AS level",
        );
        let Some(row) = self.reader().query_one_raw(asked).await? else {
            return Ok(None);
        };
        let (names, level): (String, String) = (row.try_get("", "names")?, row.try_get("", "level")?);
        Ok(judge(row.try_get("", "standbys")?, &names, &level))
    }
}

fn judge(standbys: i64, names: &str, level: &str) -> Option<Risk> {
    let setting = match (level, names.trim()) {
        ("off", _) => return Some(Risk::Unwritten),
        ("local", _) => "synchronous_commit is local",
        (_, "") => "synchronous_standby_names is empty",
        _ => return None,
    };
    (standbys > 0).then_some(Risk::Unreplicated { standbys, setting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standbys_that_nobody_waits_for_are_a_risk() {
        let unreplicated = |setting| Some(Risk::Unreplicated { standbys: 2, setting });
        for (standbys, names, level, risk) in [
            (0, "", "on", None),
            (0, "", "local", None),
            (2, "ANY 1 (*)", "on", None),
            (2, "ANY 1 (*)", "remote_write", None),
            (2, " ", "on", unreplicated("synchronous_standby_names is empty")),
            (
                2,
                "ANY 1 (*)",
                "local",
                unreplicated("synchronous_commit is local"),
            ),
            (0, "", "off", Some(Risk::Unwritten)),
        ] {
            assert_eq!(
                judge(standbys, names, level),
                risk,
                "{standbys} {names:?} {level}"
            );
        }
    }
}
