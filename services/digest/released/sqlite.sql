CREATE TABLE IF NOT EXISTS "digest_runs" ( "id" uuid_text NOT NULL PRIMARY KEY, "team_id" uuid_text NOT NULL, "sequence" integer NOT NULL, "previous_start" timestamp_with_timezone_text NOT NULL, "period_start" timestamp_with_timezone_text NOT NULL, "period_end" timestamp_with_timezone_text NOT NULL, "state" varchar NOT NULL, "recipients" text NOT NULL, "message" text NOT NULL, "lease_until" integer NOT NULL, "create_time" timestamp_with_timezone_text NOT NULL );
CREATE UNIQUE INDEX digest_runs_by_period ON digest_runs (team_id, period_start);
CREATE UNIQUE INDEX digest_runs_by_sequence ON digest_runs (team_id, sequence);
CREATE INDEX digest_runs_pending ON digest_runs (lease_until) WHERE state = 'PENDING';
INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0001_tables', 0);
