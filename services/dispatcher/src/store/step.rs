//! Steps of this replica into the database. The simulation decides when a step is taken, and whether its answer
//! arrives.

use std::borrow::Cow;

use sea_orm::DbErr;

/// Kind of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DbStep {
    Begin,
    Commit,
    /// A statement of its own, by the writer.
    Write,
    Read,
}

#[cfg(not(test))]
pub(super) async fn step<T>(_: DbStep, taken: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    taken.await
}

#[cfg(test)]
pub(super) async fn step<T>(step: DbStep, taken: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    crate::simulation::step(step, taken).await
}

/// The database's clock, where a test owns it.
#[cfg(not(test))]
pub(super) fn now() -> Option<Cow<'static, str>> {
    None
}

#[cfg(test)]
pub(super) fn now() -> Option<Cow<'static, str>> {
    crate::simulation::database_now()
}
