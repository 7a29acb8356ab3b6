//! The tables. What is searched, ordered, or written on its own has a column. The nested rest of a resource is one
//! `spec`: its message in protobuf, so that a field added to a contract needs no migration. Secrets are never part
//! of a `spec`. A row's `version` counts its changes and is its etag.

/// Tenants.
pub(crate) mod team {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "teams")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) display_name: String,
        pub(crate) plan: String,
        pub(crate) time_zone: String,
        /// Counts every change of anything in the team; the snapshot's.
        pub(crate) revision: i64,
        pub(crate) version: i64,
        pub(crate) create_time: DateTimeUtc,
        pub(crate) update_time: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a team sets for itself as a whole. A row is made when something is first set.
pub(crate) mod team_settings {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "team_settings")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) team_id: Uuid,
        /// Addresses separated by line feeds, which no address holds.
        pub(crate) compliance_recipients: String,
        /// `DigestSettings`.
        pub(crate) digest: Vec<u8>,
        pub(crate) digest_version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Users of a team.
pub(crate) mod member {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "members")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) team_id: Uuid,
        pub(crate) email: String,
        /// The address in lower case: unique in the team.
        pub(crate) email_key: String,
        pub(crate) display_name: String,
        pub(crate) role: String,
        pub(crate) slack_user_id: String,
        pub(crate) permissions: String,
        pub(crate) version: i64,
        pub(crate) create_time: DateTimeUtc,
        pub(crate) update_time: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What members said themselves about topics; defaults have no row.
pub(crate) mod preference {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "preferences")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) member_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) topic: String,
        pub(crate) team_id: Uuid,
        /// The number of `PreferenceSetting`.
        pub(crate) setting: i32,
        pub(crate) severities: String,
        /// What was here before an email's link changed it: a `Preference`, empty for the default.
        pub(crate) before: Option<Vec<u8>>,
        /// The link that changed it, if the last change was by a link.
        pub(crate) link_id: Option<String>,
        /// When the link did.
        pub(crate) link_time: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Addresses that left a list of recipients by the link of an email, kept for as long as that can be undone.
pub(crate) mod departure {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "departures")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) team_id: Uuid,
        /// `chn_…`, or `digest`.
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) list: String,
        /// The address in lower case.
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) address_key: String,
        /// The version of the list's row as links left it: with any other change it is another one.
        pub(crate) version: i64,
        pub(crate) leave_time: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Keys to call with. Only their hashes are kept.
pub(crate) mod api_key {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_keys")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        /// None for a platform key.
        pub(crate) team_id: Option<Uuid>,
        pub(crate) display_name: String,
        pub(crate) scopes: String,
        pub(crate) key_sha256: Vec<u8>,
        pub(crate) create_time: DateTimeUtc,
        pub(crate) expire_time: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Destinations.
pub(crate) mod channel {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "channels")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) team_id: Uuid,
        pub(crate) kind: String,
        pub(crate) display_name: String,
        pub(crate) paused: bool,
        pub(crate) is_default: bool,
        /// `Channel` without what has a column, and without secrets.
        pub(crate) spec: Vec<u8>,
        /// `ChannelSecrets`, sealed.
        pub(crate) secrets: Vec<u8>,
        /// Until when a second, older signing secret signs.
        pub(crate) rotation_end: Option<DateTimeUtc>,
        /// Whether the Dispatcher says that nothing gets through.
        pub(crate) unhealthy: bool,
        pub(crate) health_message: String,
        pub(crate) health_epoch: i64,
        /// When the Dispatcher last saw the health turn.
        pub(crate) health_time: Option<DateTimeUtc>,
        pub(crate) recover_parked: bool,
        pub(crate) version: i64,
        pub(crate) create_time: DateTimeUtc,
        pub(crate) update_time: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Routing rules.
pub(crate) mod rule {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "rules")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) team_id: Uuid,
        /// From 1, without gaps.
        pub(crate) position: i32,
        /// `Rule` without what has a column.
        pub(crate) spec: Vec<u8>,
        pub(crate) version: i64,
        pub(crate) create_time: DateTimeUtc,
        pub(crate) update_time: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Mention rules.
pub(crate) mod mention_rule {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mention_rules")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) team_id: Uuid,
        /// `MentionRule` without what has a column.
        pub(crate) spec: Vec<u8>,
        pub(crate) version: i64,
        pub(crate) create_time: DateTimeUtc,
        pub(crate) update_time: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A team's own event types.
pub(crate) mod event_type {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_types")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) team_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) name: String,
        /// `EventType` without what has a column.
        pub(crate) spec: Vec<u8>,
        pub(crate) version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The change feed: which team's snapshot moved on to which revision, in the order of the commits.
pub(crate) mod change {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "changes")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) cursor: i64,
        /// No foreign key: the end of a team is a change, too.
        pub(crate) team_id: Uuid,
        pub(crate) revision: i64,
        pub(crate) create_time: DateTimeUtc,
        /// Random: tells this change from the one that has its cursor after a database was restored.
        pub(crate) nonce: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The one row that says where the change feed ends, and from where on it is kept.
pub(crate) mod feed {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feed")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: i32,
        /// The newest change's cursor.
        pub(crate) head: i64,
        /// Changes up to this cursor are deleted.
        pub(crate) pruned: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// States of installations at Slack that have been used.
pub(crate) mod slack_state {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "slack_states")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) nonce: Uuid,
        pub(crate) team_id: Uuid,
        /// When the state would have ended by itself.
        pub(crate) expire_time: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What Owners are to be told, and whether they have been.
pub(crate) mod owner_notice {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "owner_notices")]
    pub(crate) struct Model {
        /// The event's id, made of what it tells: so nothing is told twice.
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: String,
        pub(crate) team_id: Uuid,
        /// `watchbell.event.v1.Event`.
        pub(crate) event: Vec<u8>,
        pub(crate) told: bool,
        pub(crate) create_time: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How often an expression failed on a day.
pub(crate) mod expression_failure {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "expression_failures")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) team_id: Uuid,
        /// The id of the channel or rule, `rul_…`.
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) owner: String,
        /// In UTC, `2026-11-26`.
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) day: String,
        /// The expression that failed: another one starts anew.
        pub(crate) expression: String,
        pub(crate) count: i64,
        /// Why it failed last, in words.
        pub(crate) error: String,
        pub(crate) last_time: DateTimeUtc,
        /// Whether the Owners' notice of it is noted.
        pub(crate) told: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Recipients outside a team's domains, and whether they have confirmed that they want its emails.
pub(crate) mod confirmation {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "confirmations")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) team_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) address_key: String,
        pub(crate) address: String,
        /// The address without its tag, `ann@example.com` of `ann+1@example.com`.
        pub(crate) mailbox: String,
        /// In the link: an older asking's link confirms nothing.
        pub(crate) nonce: Uuid,
        pub(crate) ask_time: DateTimeUtc,
        pub(crate) confirm_time: Option<DateTimeUtc>,
        pub(crate) sent_count: i32,
        pub(crate) send_time: Option<DateTimeUtc>,
        /// Whether an email is still to be sent.
        pub(crate) due: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
