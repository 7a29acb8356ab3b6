//! The one table.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "digest_runs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) team_id: Uuid,
    pub(crate) sequence: i64,
    pub(crate) previous_start: DateTimeUtc,
    pub(crate) period_start: DateTimeUtc,
    pub(crate) period_end: DateTimeUtc,
    pub(crate) state: String,
    /// Addresses, one a line: no address holds a line feed.
    pub(crate) recipients: String,
    pub(crate) message: String,
    pub(crate) lease_until: i64,
    pub(crate) create_time: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
