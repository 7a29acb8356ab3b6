//! The tables. What is searched, ordered, or written on its own has a column. The nested rest of a resource is one
//! `spec`: its message in protobuf, so that a field added to a contract needs no migration. Secrets are never part
//! of a `spec`. A row's `version` counts its changes and is its etag.

/// Writes the entity of a table, which has no relations that queries use, by the columns of its primary key and the
/// others.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $name:ident = $table:literal by [$( $(#[$key_doc:meta])* $key:ident: $key_type:ty ),+ $(,)?] {
            $( $(#[$column_doc:meta])* $column:ident: $type:ty, )*
        }
    ) => {
        $(#[$doc])*
        pub(crate) mod $name {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub(crate) struct Model {
                $(
                    $(#[$key_doc])*
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub(crate) $key: $key_type,
                )+
                $( $(#[$column_doc])* pub(crate) $column: $type, )*
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub(crate) enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

table! {
    /// Tenants.
    team = "teams" by [id: Uuid] {
        display_name: String,
        plan: String,
        time_zone: String,
        /// The name of the cell that it lives in.
        cell: String,
        /// Counts every change of anything in the team; the snapshot's.
        revision: i64,
        version: i64,
        create_time: DateTimeUtc,
        update_time: DateTimeUtc,
    }
}

table! {
    /// Cells; none while there is but one.
    cell = "cells" by [name: String] {
        database_id: Uuid,
        /// Addresses of its Dispatchers, separated by line feeds.
        addresses: String,
        create_time: DateTimeUtc,
    }
}

table! {
    /// Moves of teams to other cells.
    cell_move = "cell_moves" by [id: Uuid] {
        team_id: Uuid,
        from_cell: String,
        to_cell: String,
        /// The number of `CellMoveState`.
        state: i32,
        copied_rows: i64,
        message: String,
        /// 1 as long as the move has not ended: there is one at a time.
        under_way: Option<i32>,
        /// The replica that drives it, until when.
        driver: Option<Uuid>,
        driver_time: Option<DateTimeUtc>,
        create_time: DateTimeUtc,
        end_time: Option<DateTimeUtc>,
    }
}

table! {
    /// Settings of a team as a whole. A row is made when something is first set.
    team_settings = "team_settings" by [team_id: Uuid] {
        /// Addresses separated by line feeds, which no address holds.
        compliance_recipients: String,
        /// `DigestSettings`.
        digest: Vec<u8>,
        digest_version: i64,
    }
}

table! {
    /// Users of a team.
    member = "members" by [id: Uuid] {
        team_id: Uuid,
        email: String,
        /// The address in lower case: unique in the team.
        email_key: String,
        display_name: String,
        role: String,
        slack_user_id: String,
        permissions: String,
        version: i64,
        create_time: DateTimeUtc,
        update_time: DateTimeUtc,
    }
}

table! {
    /// Members' preferences; defaults have no row.
    preference = "preferences" by [member_id: Uuid, topic: String] {
        team_id: Uuid,
        /// The number of `PreferenceSetting`.
        setting: i32,
        severities: String,
        /// The preference before an email's link changed it: a `Preference`, empty for the default.
        before: Option<Vec<u8>>,
        /// The link that changed it, if the last change was by a link.
        link_id: Option<String>,
        /// The time of the link's change.
        link_time: Option<DateTimeUtc>,
    }
}

table! {
    /// Addresses that left a list of recipients by the link of an email, kept for as long as that can be undone.
    departure = "departures" by [
        team_id: Uuid,
        /// `chn_…`, or `digest`.
        list: String,
        /// The address in lower case.
        address_key: String,
    ] {
        /// The version of the list's row as links left it: with any other change it is another one.
        version: i64,
        leave_time: DateTimeUtc,
    }
}

table! {
    /// Keys to call with. Only their hashes are kept.
    api_key = "api_keys" by [id: Uuid] {
        /// None for a platform key.
        team_id: Option<Uuid>,
        display_name: String,
        scopes: String,
        key_sha256: Vec<u8>,
        create_time: DateTimeUtc,
        expire_time: Option<DateTimeUtc>,
        /// `ConfigActor` of its maker.
        creator: Option<Vec<u8>>,
        last_use_time: Option<DateTimeUtc>,
    }
}

table! {
    /// Destinations.
    channel = "channels" by [id: Uuid] {
        team_id: Uuid,
        kind: String,
        display_name: String,
        paused: bool,
        is_default: bool,
        /// `Channel` without what has a column, and without secrets.
        spec: Vec<u8>,
        /// `ChannelSecrets`, sealed.
        secrets: Vec<u8>,
        /// Until when a second, older signing secret signs.
        rotation_end: Option<DateTimeUtc>,
        /// Whether the Dispatcher says that nothing gets through.
        unhealthy: bool,
        health_message: String,
        health_epoch: i64,
        /// The time of the last change of health that the Dispatcher saw.
        health_time: Option<DateTimeUtc>,
        recover_parked: bool,
        version: i64,
        create_time: DateTimeUtc,
        update_time: DateTimeUtc,
    }
}

table! {
    /// Routing rules.
    rule = "rules" by [id: Uuid] {
        team_id: Uuid,
        /// From 1, without gaps.
        position: i32,
        /// `Rule` without what has a column.
        spec: Vec<u8>,
        version: i64,
        create_time: DateTimeUtc,
        update_time: DateTimeUtc,
    }
}

table! {
    /// Mention rules.
    mention_rule = "mention_rules" by [id: Uuid] {
        team_id: Uuid,
        /// `MentionRule` without what has a column.
        spec: Vec<u8>,
        version: i64,
        create_time: DateTimeUtc,
        update_time: DateTimeUtc,
    }
}

table! {
    /// Silences.
    silence = "silences" by [id: Uuid] {
        team_id: Uuid,
        /// `Silence` without what has a column.
        spec: Vec<u8>,
        start_time: DateTimeUtc,
        end_time: DateTimeUtc,
        create_time: DateTimeUtc,
    }
}

table! {
    /// Sessions of members that keys made.
    portal_session = "portal_sessions" by [token_sha256: Vec<u8>] {
        team_id: Uuid,
        member_id: Uuid,
        /// The key that made it.
        key_id: Uuid,
        read_only: bool,
        expire_time: DateTimeUtc,
        create_time: DateTimeUtc,
    }
}

table! {
    /// A team's own event types.
    event_type = "event_types" by [team_id: Uuid, name: String] {
        /// `EventType` without what has a column.
        spec: Vec<u8>,
        version: i64,
    }
}

table! {
    /// The change feed: which team's snapshot moved on to which revision, in the order of the commits.
    change = "changes" by [cursor: i64] {
        /// No foreign key: the end of a team is a change, too.
        team_id: Uuid,
        revision: i64,
        create_time: DateTimeUtc,
        /// Random: tells this change from the one that has its cursor after a database was restored.
        nonce: Option<Uuid>,
    }
}

table! {
    /// The one row that says where the change feed ends, and from where on it is kept.
    feed = "feed" by [id: i32] {
        /// The newest change's cursor.
        head: i64,
        /// Changes up to this cursor are deleted.
        pruned: i64,
    }
}

table! {
    /// States of installations at Slack that have been used.
    slack_state = "slack_states" by [nonce: Uuid] {
        team_id: Uuid,
        /// The expiry of the state.
        expire_time: DateTimeUtc,
    }
}

table! {
    /// Notices to Owners, and whether they were sent.
    owner_notice = "owner_notices" by [
        /// The event's id, made of what it tells: so nothing is told twice.
        id: String,
    ] {
        team_id: Uuid,
        /// `watchbell.event.v1.Event`.
        event: Vec<u8>,
        told: bool,
        create_time: DateTimeUtc,
    }
}

table! {
    /// The count of failures of an expression on a day.
    expression_failure = "expression_failures" by [
        team_id: Uuid,
        /// The id of the channel or rule, `rul_…`.
        owner: String,
        /// In UTC, `2026-11-26`.
        day: String,
    ] {
        /// The expression that failed: another one starts anew.
        expression: String,
        count: i64,
        /// Why it failed last, in words.
        error: String,
        last_time: DateTimeUtc,
        /// Whether the Owners' notice of it is noted.
        told: bool,
    }
}

table! {
    /// Recipients outside a team's domains, and whether they have confirmed that they want its emails.
    confirmation = "confirmations" by [team_id: Uuid, address_key: String] {
        address: String,
        /// The address without its tag, `ann@example.com` of `ann+1@example.com`.
        mailbox: String,
        /// In the link: an older asking's link confirms nothing.
        nonce: Uuid,
        ask_time: DateTimeUtc,
        confirm_time: Option<DateTimeUtc>,
        sent_count: i32,
        send_time: Option<DateTimeUtc>,
        /// Whether an email is still to be sent.
        due: bool,
    }
}

table! {
    /// Changes of teams' configurations that were kept.
    config_history = "config_history" by [team_id: Uuid, revision: i64] {
        change_time: DateTimeUtc,
        /// The number of `ConfigActorKind`.
        actor_kind: i32,
        actor_id: String,
        actor_name: String,
        address: String,
        method: String,
        /// The changes in words, compressed; none in the first entry of a team that is older than its history.
        changes: Option<Vec<u8>>,
        /// The entries before and after, compressed.
        difference: Option<Vec<u8>>,
    }
}

table! {
    /// Up to which revision `config.changed` has told of a team's changes.
    told_change = "told_changes" by [team_id: Uuid] {
        revision: i64,
        /// There is more to tell.
        pending: bool,
        /// Not before.
        next_time: DateTimeUtc,
    }
}
