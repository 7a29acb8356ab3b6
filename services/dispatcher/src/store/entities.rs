//! The rows, as SeaORM sees them. Batches are written by hand (see `batch`); everything else goes by these.

/// Accepted events.
pub(crate) mod events {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "events")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) team_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: String,
        pub(crate) event_type: String,
        pub(crate) severity: i16,
        pub(crate) category: i16,
        pub(crate) source: String,
        pub(crate) occurred_at: i64,
        pub(crate) accepted_at: i64,
        pub(crate) title: String,
        pub(crate) url: String,
        pub(crate) subject: String,
        pub(crate) data: String,
        pub(crate) test: bool,
        pub(crate) routes: String,
        pub(crate) traceparent: Option<String>,
        pub(crate) email: Option<String>,
        pub(crate) alert_key: Option<String>,
        pub(crate) alert_action: Option<i16>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Routes being carried out.
pub(crate) mod deliveries {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deliveries")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) team_id: Uuid,
        pub(crate) event_id: String,
        pub(crate) event_type: String,
        pub(crate) severity: i16,
        pub(crate) kind: i16,
        pub(crate) channel_id: Option<Uuid>,
        pub(crate) lane_id: Uuid,
        pub(crate) route: String,
        pub(crate) state: i16,
        pub(crate) state_message: String,
        pub(crate) parked_for: Option<i16>,
        pub(crate) attempt_count: i32,
        pub(crate) tries: i32,
        pub(crate) first_attempt_at: Option<i64>,
        pub(crate) due_at: Option<i64>,
        pub(crate) lease_owner: Option<Uuid>,
        pub(crate) created_at: i64,
        pub(crate) ended_at: Option<i64>,
        pub(crate) replay_of: Option<Uuid>,
        pub(crate) test: bool,
        pub(crate) title: String,
        /// The delivery of the summary that it belongs to.
        pub(crate) folded_into: Option<Uuid>,
        /// The silence that held it last, until it is sent by itself.
        pub(crate) held_by: Option<Uuid>,
        /// The event's alert as it was when the event was accepted, as JSON.
        pub(crate) alert: Option<String>,
        /// What comes together in its lane with this one.
        pub(crate) group_key: Option<Uuid>,
        /// The first delivery of its group.
        pub(crate) gathered_with: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Attempts of deliveries.
pub(crate) mod attempts {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "attempts")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) team_id: Uuid,
        pub(crate) delivery_id: Uuid,
        pub(crate) number: i32,
        pub(crate) started_at: i64,
        pub(crate) latency_us: i64,
        pub(crate) outcome: i16,
        pub(crate) status_code: i32,
        pub(crate) error: String,
        pub(crate) error_code: String,
        pub(crate) request_headers: String,
        pub(crate) response_body: String,
        pub(crate) ambiguous: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Health of channels.
pub(crate) mod channel_health {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "channel_health")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) channel_id: Uuid,
        pub(crate) team_id: Uuid,
        pub(crate) unhealthy: bool,
        pub(crate) epoch: i64,
        pub(crate) since: Option<i64>,
        pub(crate) message: String,
        pub(crate) reported: bool,
        pub(crate) told: bool,
        pub(crate) last_success_at: Option<i64>,
        pub(crate) last_error: String,
        pub(crate) last_error_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
