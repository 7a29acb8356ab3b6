CREATE TABLE events (
    team_id BLOB NOT NULL,
    id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    category SMALLINT NOT NULL,
    source TEXT NOT NULL,
    occurred_at BIGINT NOT NULL,
    accepted_at BIGINT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL,
    test BOOLEAN NOT NULL,
    routes TEXT NOT NULL,
    traceparent TEXT,
    email TEXT,
    PRIMARY KEY (team_id, id)
);
CREATE INDEX events_by_time ON events (team_id, occurred_at, id);
CREATE INDEX events_by_acceptance ON events (accepted_at);
CREATE TABLE deliveries (
    id BLOB NOT NULL PRIMARY KEY,
    team_id BLOB NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    kind SMALLINT NOT NULL,
    channel_id BLOB,
    lane_id BLOB NOT NULL,
    route TEXT NOT NULL,
    state SMALLINT NOT NULL,
    state_message TEXT NOT NULL,
    parked_for SMALLINT,
    attempt_count INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    first_attempt_at BIGINT,
    due_at BIGINT,
    lease_owner BLOB,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    replay_of BLOB,
    test BOOLEAN NOT NULL,
    title TEXT NOT NULL
, folded_into BLOB);
CREATE INDEX deliveries_due ON deliveries (lane_id, due_at, id) WHERE lease_owner IS NULL AND state IN (1, 2);
CREATE INDEX deliveries_leased ON deliveries (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX deliveries_parked ON deliveries (lane_id, id) WHERE state = 3;
CREATE INDEX deliveries_of_team ON deliveries (team_id, id);
CREATE INDEX deliveries_of_channel ON deliveries (team_id, channel_id, id);
CREATE INDEX deliveries_of_event ON deliveries (team_id, event_id);
CREATE TABLE attempts (
    id BLOB NOT NULL,
    team_id BLOB NOT NULL,
    delivery_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    outcome SMALLINT NOT NULL,
    status_code INTEGER NOT NULL,
    error TEXT NOT NULL,
    error_code TEXT NOT NULL,
    request_headers TEXT NOT NULL,
    response_body TEXT NOT NULL,
    ambiguous BOOLEAN NOT NULL,
    PRIMARY KEY (delivery_id, number, id)
) WITHOUT ROWID;
CREATE TABLE notifications (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    team_id BLOB NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    severity SMALLINT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    source TEXT NOT NULL,
    subject TEXT NOT NULL,
    test BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX notifications_of_team ON notifications (team_id, cursor);
CREATE TABLE notification_marks (
    team_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    cursor BIGINT NOT NULL,
    read_at BIGINT,
    archived_at BIGINT,
    PRIMARY KEY (team_id, member_id, cursor)
);
CREATE INDEX notification_marks_by_cursor ON notification_marks (cursor);
CREATE TABLE inbox_members (
    team_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    read_through BIGINT NOT NULL,
    PRIMARY KEY (team_id, member_id)
);
CREATE TABLE replicas (
    id BLOB NOT NULL PRIMARY KEY,
    heartbeat_at BIGINT NOT NULL
);
CREATE TABLE channel_health (
    channel_id BLOB NOT NULL PRIMARY KEY,
    team_id BLOB NOT NULL,
    unhealthy BOOLEAN NOT NULL,
    epoch BIGINT NOT NULL,
    since BIGINT,
    message TEXT NOT NULL,
    reported BOOLEAN NOT NULL,
    told BOOLEAN NOT NULL,
    last_success_at BIGINT,
    last_error TEXT NOT NULL,
    last_error_at BIGINT
);
CREATE INDEX channel_health_of_team ON channel_health (team_id);
CREATE INDEX channel_health_unhealthy ON channel_health (channel_id) WHERE unhealthy;
CREATE INDEX deliveries_gathering ON deliveries (lane_id, state, due_at, id)
                WHERE lease_owner IS NULL AND due_at IS NOT NULL AND state IN (2, 4);
CREATE INDEX deliveries_of_summary ON deliveries (folded_into) WHERE folded_into IS NOT NULL;
CREATE INDEX deliveries_told ON deliveries (folded_into)
                WHERE folded_into IS NOT NULL AND ended_at IS NULL;
INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0001_tables', 0);
INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0002_summaries', 0);
