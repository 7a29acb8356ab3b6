
CREATE TABLE api_keys (
    id uuid NOT NULL,
    team_id uuid,
    display_name character varying NOT NULL,
    scopes character varying NOT NULL,
    key_sha256 bytea NOT NULL,
    create_time timestamp with time zone NOT NULL,
    expire_time timestamp with time zone
);

CREATE TABLE changes (
    cursor bigint NOT NULL,
    team_id uuid NOT NULL,
    revision bigint NOT NULL,
    create_time timestamp with time zone NOT NULL
);

CREATE TABLE channels (
    id uuid NOT NULL,
    team_id uuid NOT NULL,
    kind character varying NOT NULL,
    display_name character varying NOT NULL,
    paused boolean NOT NULL,
    is_default boolean NOT NULL,
    spec bytea NOT NULL,
    secrets bytea NOT NULL,
    rotation_end timestamp with time zone,
    unhealthy boolean NOT NULL,
    health_message text NOT NULL,
    health_epoch bigint NOT NULL,
    health_time timestamp with time zone,
    recover_parked boolean NOT NULL,
    version bigint NOT NULL,
    create_time timestamp with time zone NOT NULL,
    update_time timestamp with time zone NOT NULL
);

CREATE TABLE event_types (
    team_id uuid NOT NULL,
    name character varying NOT NULL,
    spec bytea NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE feed (
    id integer NOT NULL,
    head bigint NOT NULL,
    pruned bigint NOT NULL
);

CREATE TABLE members (
    id uuid NOT NULL,
    team_id uuid NOT NULL,
    email character varying NOT NULL,
    email_key character varying NOT NULL,
    display_name character varying NOT NULL,
    role character varying NOT NULL,
    slack_user_id character varying NOT NULL,
    permissions character varying NOT NULL,
    version bigint NOT NULL,
    create_time timestamp with time zone NOT NULL,
    update_time timestamp with time zone NOT NULL
);

CREATE TABLE mention_rules (
    id uuid NOT NULL,
    team_id uuid NOT NULL,
    spec bytea NOT NULL,
    version bigint NOT NULL,
    create_time timestamp with time zone NOT NULL,
    update_time timestamp with time zone NOT NULL
);

CREATE TABLE owner_notices (
    id character varying NOT NULL,
    team_id uuid NOT NULL,
    event bytea NOT NULL,
    told boolean NOT NULL,
    create_time timestamp with time zone NOT NULL
);

CREATE TABLE preferences (
    member_id uuid NOT NULL,
    topic character varying NOT NULL,
    team_id uuid NOT NULL,
    setting integer NOT NULL,
    severities character varying NOT NULL,
    before bytea
);

CREATE TABLE rules (
    id uuid NOT NULL,
    team_id uuid NOT NULL,
    "position" integer NOT NULL,
    spec bytea NOT NULL,
    version bigint NOT NULL,
    create_time timestamp with time zone NOT NULL,
    update_time timestamp with time zone NOT NULL
);

CREATE TABLE slack_states (
    nonce uuid NOT NULL,
    team_id uuid NOT NULL,
    expire_time timestamp with time zone NOT NULL
);

CREATE TABLE team_settings (
    team_id uuid NOT NULL,
    compliance_recipients text NOT NULL,
    digest bytea NOT NULL,
    digest_version bigint NOT NULL
);

CREATE TABLE teams (
    id uuid NOT NULL,
    display_name character varying NOT NULL,
    plan character varying NOT NULL,
    time_zone character varying NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    create_time timestamp with time zone NOT NULL,
    update_time timestamp with time zone NOT NULL
);

ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (cursor);

ALTER TABLE ONLY channels
    ADD CONSTRAINT channels_pkey PRIMARY KEY (id);

ALTER TABLE ONLY event_types
    ADD CONSTRAINT event_types_pkey PRIMARY KEY (team_id, name);

ALTER TABLE ONLY feed
    ADD CONSTRAINT feed_pkey PRIMARY KEY (id);

ALTER TABLE ONLY members
    ADD CONSTRAINT members_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mention_rules
    ADD CONSTRAINT mention_rules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY owner_notices
    ADD CONSTRAINT owner_notices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (member_id, topic);

ALTER TABLE ONLY rules
    ADD CONSTRAINT rules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY slack_states
    ADD CONSTRAINT slack_states_pkey PRIMARY KEY (nonce);

ALTER TABLE ONLY team_settings
    ADD CONSTRAINT team_settings_pkey PRIMARY KEY (team_id);

ALTER TABLE ONLY teams
    ADD CONSTRAINT teams_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX api_keys_by_hash ON api_keys USING btree (key_sha256);

CREATE INDEX api_keys_by_team ON api_keys USING btree (team_id, id);

CREATE INDEX api_keys_expiring ON api_keys USING btree (expire_time) WHERE (expire_time IS NOT NULL);

CREATE UNIQUE INDEX channels_by_name ON channels USING btree (team_id, kind, display_name);

CREATE INDEX channels_by_team ON channels USING btree (team_id, id);

CREATE UNIQUE INDEX channels_default ON channels USING btree (team_id, kind) WHERE is_default;

CREATE INDEX channels_rotating ON channels USING btree (rotation_end) WHERE (rotation_end IS NOT NULL);

CREATE UNIQUE INDEX members_by_email ON members USING btree (team_id, email_key);

CREATE INDEX members_by_team ON members USING btree (team_id, id);

CREATE INDEX mention_rules_by_team ON mention_rules USING btree (team_id, id);

CREATE INDEX owner_notices_untold ON owner_notices USING btree (create_time) WHERE (NOT told);

CREATE INDEX preferences_by_team ON preferences USING btree (team_id);

CREATE INDEX rules_by_position ON rules USING btree (team_id, "position");

ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY channels
    ADD CONSTRAINT channels_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY event_types
    ADD CONSTRAINT event_types_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY members
    ADD CONSTRAINT members_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY mention_rules
    ADD CONSTRAINT mention_rules_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY owner_notices
    ADD CONSTRAINT owner_notices_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY preferences
    ADD CONSTRAINT preferences_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id) ON DELETE CASCADE;

ALTER TABLE ONLY rules
    ADD CONSTRAINT rules_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY slack_states
    ADD CONSTRAINT slack_states_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY team_settings
    ADD CONSTRAINT team_settings_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0001_tables', 0);
INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0002_installs', 0);
