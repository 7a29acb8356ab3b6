
CREATE TABLE digest_runs (
    id uuid NOT NULL,
    team_id uuid NOT NULL,
    sequence bigint NOT NULL,
    previous_start timestamp with time zone NOT NULL,
    period_start timestamp with time zone NOT NULL,
    period_end timestamp with time zone NOT NULL,
    state character varying NOT NULL,
    recipients text NOT NULL,
    message text NOT NULL,
    lease_until bigint NOT NULL,
    create_time timestamp with time zone NOT NULL
);

ALTER TABLE ONLY digest_runs
    ADD CONSTRAINT digest_runs_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX digest_runs_by_period ON digest_runs USING btree (team_id, period_start);

CREATE UNIQUE INDEX digest_runs_by_sequence ON digest_runs USING btree (team_id, sequence);

CREATE INDEX digest_runs_pending ON digest_runs USING btree (lease_until) WHERE ((state)::text = 'PENDING'::text);

INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0001_tables', 0);
