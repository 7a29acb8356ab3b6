
CREATE TABLE attempts (
    id uuid NOT NULL,
    team_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    number integer NOT NULL,
    started_at bigint NOT NULL,
    latency_us bigint NOT NULL,
    outcome smallint NOT NULL,
    status_code integer NOT NULL,
    error text NOT NULL,
    error_code text NOT NULL,
    request_headers text NOT NULL,
    response_body text NOT NULL,
    ambiguous boolean NOT NULL
);

CREATE TABLE channel_health (
    channel_id uuid NOT NULL,
    team_id uuid NOT NULL,
    unhealthy boolean NOT NULL,
    epoch bigint NOT NULL,
    since bigint,
    message text NOT NULL,
    reported boolean NOT NULL,
    told boolean NOT NULL,
    last_success_at bigint,
    last_error text NOT NULL,
    last_error_at bigint
);

CREATE TABLE deliveries (
    id uuid NOT NULL,
    team_id uuid NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    severity smallint NOT NULL,
    kind smallint NOT NULL,
    channel_id uuid,
    lane_id uuid NOT NULL,
    route text NOT NULL,
    state smallint NOT NULL,
    state_message text NOT NULL,
    parked_for smallint,
    attempt_count integer NOT NULL,
    tries integer NOT NULL,
    first_attempt_at bigint,
    due_at bigint,
    lease_owner uuid,
    created_at bigint NOT NULL,
    ended_at bigint,
    replay_of uuid,
    test boolean NOT NULL,
    title text NOT NULL,
    folded_into uuid
);

CREATE TABLE events (
    team_id uuid NOT NULL,
    id text NOT NULL,
    event_type text NOT NULL,
    severity smallint NOT NULL,
    category smallint NOT NULL,
    source text NOT NULL,
    occurred_at bigint NOT NULL,
    accepted_at bigint NOT NULL,
    title text NOT NULL,
    url text NOT NULL,
    subject text NOT NULL,
    data text NOT NULL,
    test boolean NOT NULL,
    routes text NOT NULL,
    traceparent text,
    email text
);

CREATE TABLE inbox_members (
    team_id uuid NOT NULL,
    member_id uuid NOT NULL,
    read_through bigint NOT NULL
);

CREATE TABLE notification_marks (
    team_id uuid NOT NULL,
    member_id uuid NOT NULL,
    cursor bigint NOT NULL,
    read_at bigint,
    archived_at bigint
);

CREATE TABLE notifications (
    cursor bigint NOT NULL,
    id uuid NOT NULL,
    team_id uuid NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    severity smallint NOT NULL,
    title text NOT NULL,
    url text NOT NULL,
    source text NOT NULL,
    subject text NOT NULL,
    test boolean NOT NULL,
    created_at bigint NOT NULL
);

CREATE SEQUENCE notifications_cursor_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE notifications_cursor_seq OWNED BY notifications.cursor;

CREATE TABLE replicas (
    id uuid NOT NULL,
    heartbeat_at bigint NOT NULL
);

ALTER TABLE ONLY notifications ALTER COLUMN cursor SET DEFAULT nextval('notifications_cursor_seq'::regclass);

ALTER TABLE ONLY attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (delivery_id, number, id);

ALTER TABLE ONLY channel_health
    ADD CONSTRAINT channel_health_pkey PRIMARY KEY (channel_id);

ALTER TABLE ONLY deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY events
    ADD CONSTRAINT events_pkey PRIMARY KEY (team_id, id);

ALTER TABLE ONLY inbox_members
    ADD CONSTRAINT inbox_members_pkey PRIMARY KEY (team_id, member_id);

ALTER TABLE ONLY notification_marks
    ADD CONSTRAINT notification_marks_pkey PRIMARY KEY (team_id, member_id, cursor);

ALTER TABLE ONLY notifications
    ADD CONSTRAINT notifications_id_key UNIQUE (id);

ALTER TABLE ONLY notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (cursor);

ALTER TABLE ONLY replicas
    ADD CONSTRAINT replicas_pkey PRIMARY KEY (id);

CREATE INDEX channel_health_of_team ON channel_health USING btree (team_id);

CREATE INDEX channel_health_unhealthy ON channel_health USING btree (channel_id) WHERE unhealthy;

CREATE INDEX deliveries_due ON deliveries USING btree (lane_id, due_at, id) WHERE ((lease_owner IS NULL) AND (state = ANY (ARRAY[1, 2])));

CREATE INDEX deliveries_gathering ON deliveries USING btree (lane_id, state, due_at, id) WHERE ((lease_owner IS NULL) AND (due_at IS NOT NULL) AND (state = ANY (ARRAY[2, 4])));

CREATE INDEX deliveries_leased ON deliveries USING btree (lease_owner) WHERE (lease_owner IS NOT NULL);

CREATE INDEX deliveries_of_channel ON deliveries USING btree (team_id, channel_id, id);

CREATE INDEX deliveries_of_event ON deliveries USING btree (team_id, event_id);

CREATE INDEX deliveries_of_summary ON deliveries USING btree (folded_into) WHERE (folded_into IS NOT NULL);

CREATE INDEX deliveries_of_team ON deliveries USING btree (team_id, id);

CREATE INDEX deliveries_parked ON deliveries USING btree (lane_id, id) WHERE (state = 3);

CREATE INDEX deliveries_told ON deliveries USING btree (folded_into) WHERE ((folded_into IS NOT NULL) AND (ended_at IS NULL));

CREATE INDEX events_by_acceptance ON events USING btree (accepted_at);

CREATE INDEX events_by_time ON events USING btree (team_id, occurred_at, id);

CREATE INDEX notification_marks_by_cursor ON notification_marks USING btree (cursor);

CREATE INDEX notifications_of_team ON notifications USING btree (team_id, cursor);

INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0001_tables', 0);
INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0002_summaries', 0);
