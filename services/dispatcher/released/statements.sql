DELETE FROM attempts WHERE delivery_id > $1 AND delivery_id <= $2 AND NOT EXISTS
    (SELECT 1 FROM deliveries d WHERE d.id = attempts.delivery_id AND d.id > $1 AND d.id <= $2);

DELETE FROM deliveries WHERE id > $1 AND id <= $2 AND state IN (4, 5, 6, 7) AND lease_owner IS NULL AND ended_at IS NOT NULL;

DELETE FROM events WHERE accepted_at > $1 AND accepted_at <= $2 AND NOT EXISTS
    (SELECT 1 FROM deliveries d WHERE d.team_id = events.team_id AND d.event_id = events.id);

DELETE FROM notification_marks WHERE cursor IN (SELECT cursor FROM (SELECT cursor, created_at FROM notifications ORDER BY cursor LIMIT $2) AS first
    WHERE created_at < $1);

DELETE FROM notifications WHERE cursor IN (SELECT cursor FROM (SELECT cursor, created_at FROM notifications ORDER BY cursor LIMIT $2) AS first
    WHERE created_at < $1);

DELETE FROM replicas WHERE heartbeat_at < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - $1 AND id <> $2;

DELETE FROM replicas WHERE id = $1;

INSERT INTO attempts (id, team_id, delivery_id, number, started_at, latency_us, outcome, status_code, error, error_code, request_headers, response_body, ambiguous) SELECT * FROM (SELECT id, team_id, delivery_id, number, started_at, latency_us, outcome, status_code, error, error_code, request_headers, response_body, ambiguous FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::bigint[], $6::bigint[], $7::smallint[], $8::integer[], $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[]) AS u(id, team_id, delivery_id, number, started_at, latency_us, outcome, status_code, error, error_code, request_headers, response_body, ambiguous)) AS b WHERE true ON CONFLICT DO NOTHING;

INSERT INTO channel_health
    (channel_id, team_id, unhealthy, epoch, since, message, reported, told, last_error)
    SELECT channel_id, team_id, true, epoch, since, message, false, false, message FROM (SELECT channel_id, team_id, epoch, since, message FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[]) AS u(channel_id, team_id, epoch, since, message)) AS b WHERE true
    ON CONFLICT (channel_id) DO UPDATE SET unhealthy = true, epoch = excluded.epoch, since = excluded.since,
    message = excluded.message, reported = false, told = false
    WHERE channel_health.epoch < excluded.epoch
    OR (channel_health.epoch = excluded.epoch AND NOT channel_health.unhealthy);

INSERT INTO channel_health (channel_id, team_id, unhealthy, epoch, message, reported, told,
    last_success_at, last_error, last_error_at)
    SELECT channel_id, team_id, false, 0, '', false, false, last_success_at, last_error, last_error_at
    FROM (SELECT channel_id, team_id, NULLIF(last_success_at, '-9223372036854775808'::bigint) AS last_success_at, last_error, NULLIF(last_error_at, '-9223372036854775808'::bigint) AS last_error_at FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[]) AS u(channel_id, team_id, last_success_at, last_error, last_error_at)) AS b WHERE true
    ON CONFLICT (channel_id) DO UPDATE SET
    last_success_at = GREATEST(COALESCE(channel_health.last_success_at, excluded.last_success_at),
    COALESCE(excluded.last_success_at, channel_health.last_success_at)),
    last_error = CASE WHEN excluded.last_error_at IS NULL THEN channel_health.last_error
    ELSE excluded.last_error END,
    last_error_at = COALESCE(excluded.last_error_at, channel_health.last_error_at);

INSERT INTO deliveries (state_message, attempt_count, tries, id, team_id, event_id, event_type, severity, kind, channel_id, lane_id, route, state, due_at, lease_owner, created_at, ended_at, replay_of, test, title)
    SELECT '', 0, 0, b.* FROM (SELECT id, team_id, event_id, event_type, severity, kind, NULLIF(channel_id, '00000000-0000-0000-0000-000000000000'::uuid) AS channel_id, lane_id, route, state, NULLIF(due_at, '-9223372036854775808'::bigint) AS due_at, NULLIF(lease_owner, '00000000-0000-0000-0000-000000000000'::uuid) AS lease_owner, created_at, NULLIF(ended_at, '-9223372036854775808'::bigint) AS ended_at, NULLIF(replay_of, '00000000-0000-0000-0000-000000000000'::uuid) AS replay_of, test, title FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::smallint[], $7::uuid[], $8::uuid[], $9::text[], $10::smallint[], $11::bigint[], $12::uuid[], $13::bigint[], $14::bigint[], $15::uuid[], $16::boolean[], $17::text[]) AS u(id, team_id, event_id, event_type, severity, kind, channel_id, lane_id, route, state, due_at, lease_owner, created_at, ended_at, replay_of, test, title)) AS b;

INSERT INTO events (team_id, id, event_type, severity, category, source, occurred_at, accepted_at, title, url, subject, data, test, routes, traceparent, email) SELECT * FROM (SELECT team_id, id, event_type, severity, category, source, occurred_at, accepted_at, title, url, subject, data, test, routes, NULLIF(traceparent, '') AS traceparent, NULLIF(email, '') AS email FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::smallint[], $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[], $14::text[], $15::text[], $16::text[]) AS u(team_id, id, event_type, severity, category, source, occurred_at, accepted_at, title, url, subject, data, test, routes, traceparent, email)) AS b ON CONFLICT DO NOTHING;

INSERT INTO inbox_members (team_id, member_id, read_through) VALUES ($1, $2, $3)
    ON CONFLICT (team_id, member_id) DO UPDATE SET read_through = excluded.read_through
    WHERE inbox_members.read_through < excluded.read_through;

INSERT INTO notification_marks (team_id, member_id, cursor, archived_at)
    SELECT n.team_id, $3, n.cursor, $4 FROM (SELECT id FROM UNNEST($1::uuid[]) AS u(id)) AS b JOIN notifications n ON n.id = b.id
    WHERE n.team_id = $2
    ON CONFLICT (team_id, member_id, cursor)
    DO UPDATE SET archived_at = COALESCE(notification_marks.archived_at, excluded.archived_at);

INSERT INTO notification_marks (team_id, member_id, cursor, read_at)
    SELECT n.team_id, $3, n.cursor, $4 FROM (SELECT id FROM UNNEST($1::uuid[]) AS u(id)) AS b JOIN notifications n ON n.id = b.id
    WHERE n.team_id = $2
    ON CONFLICT (team_id, member_id, cursor)
    DO UPDATE SET read_at = COALESCE(notification_marks.read_at, excluded.read_at);

INSERT INTO notifications (id, team_id, event_id, event_type, severity, title, url, source, subject, test, created_at) SELECT * FROM (SELECT id, team_id, event_id, event_type, severity, title, url, source, subject, test, created_at FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[], $11::bigint[]) AS u(id, team_id, event_id, event_type, severity, title, url, source, subject, test, created_at)) AS b;

INSERT INTO replicas (id, heartbeat_at) VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

SELECT "attempts"."id", "attempts"."team_id", "attempts"."delivery_id", "attempts"."number", "attempts"."started_at", "attempts"."latency_us", "attempts"."outcome", "attempts"."status_code", "attempts"."error", "attempts"."error_code", "attempts"."request_headers", "attempts"."response_body", "attempts"."ambiguous" FROM "attempts" WHERE "attempts"."delivery_id" = $1 AND "attempts"."team_id" = $2 ORDER BY "attempts"."number" ASC, "attempts"."started_at" ASC;

SELECT "channel_health"."channel_id", "channel_health"."team_id", "channel_health"."unhealthy", "channel_health"."epoch", "channel_health"."since", "channel_health"."message", "channel_health"."reported", "channel_health"."told", "channel_health"."last_success_at", "channel_health"."last_error", "channel_health"."last_error_at" FROM "channel_health" WHERE "channel_health"."channel_id" = $1 AND "channel_health"."team_id" = $2 LIMIT $3;

SELECT "channel_health"."channel_id", "channel_health"."team_id", "channel_health"."unhealthy", "channel_health"."epoch", "channel_health"."since", "channel_health"."message", "channel_health"."reported", "channel_health"."told", "channel_health"."last_success_at", "channel_health"."last_error", "channel_health"."last_error_at" FROM "channel_health" WHERE "channel_health"."unhealthy" = $1;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."id" = $1 AND "deliveries"."team_id" = $2 LIMIT $3;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."channel_id" = $2 AND "deliveries"."state" IN ($3) ORDER BY "deliveries"."id" DESC LIMIT $4;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."channel_id" = $2 ORDER BY "deliveries"."id" DESC LIMIT $3;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."event_id" = $2 ORDER BY "deliveries"."id" DESC LIMIT $3;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."event_type" = $2 AND "deliveries"."kind" = $3 ORDER BY "deliveries"."id" DESC LIMIT $4;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."event_type" = $2 ORDER BY "deliveries"."id" DESC LIMIT $3;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."id" < $2 AND "deliveries"."created_at" < $3 ORDER BY "deliveries"."id" DESC LIMIT $4;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."id" < $2 ORDER BY "deliveries"."id" DESC LIMIT $3;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."kind" = $2 ORDER BY "deliveries"."id" DESC LIMIT $3;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND "deliveries"."state" IN ($2) ORDER BY "deliveries"."id" DESC LIMIT $3;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 AND ("deliveries"."id" >= $2 AND "deliveries"."created_at" >= $3) ORDER BY "deliveries"."id" DESC LIMIT $4;

SELECT "deliveries"."id", "deliveries"."team_id", "deliveries"."event_id", "deliveries"."event_type", "deliveries"."severity", "deliveries"."kind", "deliveries"."channel_id", "deliveries"."lane_id", "deliveries"."route", "deliveries"."state", "deliveries"."state_message", "deliveries"."parked_for", "deliveries"."attempt_count", "deliveries"."tries", "deliveries"."first_attempt_at", "deliveries"."due_at", "deliveries"."lease_owner", "deliveries"."created_at", "deliveries"."ended_at", "deliveries"."replay_of", "deliveries"."test", "deliveries"."title", "deliveries"."folded_into" FROM "deliveries" WHERE "deliveries"."team_id" = $1 ORDER BY "deliveries"."id" DESC LIMIT $2;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND "event_type" = $2 AND "events"."event_type" <> $3 AND "events"."test" = $4 ORDER BY "events"."occurred_at" DESC, "events"."id" DESC LIMIT $5;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND "event_type" LIKE $2 ESCAPE E'\\' AND "events"."event_type" <> $3 AND "events"."test" = $4 ORDER BY "events"."occurred_at" DESC, "events"."id" DESC LIMIT $5;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND "events"."event_type" <> $2 AND "events"."occurred_at" <= $3 AND "events"."test" = $4 ORDER BY "events"."occurred_at" DESC, "events"."id" DESC LIMIT $5;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND "events"."event_type" <> $2 AND "events"."severity" IN ($3) AND "events"."test" = $4 ORDER BY "events"."occurred_at" DESC, "events"."id" DESC LIMIT $5;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND "events"."event_type" <> $2 AND "events"."test" = $3 ORDER BY "events"."occurred_at" DESC, "events"."id" DESC LIMIT $4;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND "events"."id" = $2 LIMIT $3;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND ("event_type" = $2 OR "event_type" = $3 OR "event_type" = $4 OR "event_type" = $5 OR "event_type" = $6 OR "event_type" = $7 OR "event_type" = $8) AND "events"."event_type" <> $9 AND "events"."occurred_at" >= $10 AND "events"."occurred_at" <= $11 AND "events"."test" = $12 ORDER BY "events"."occurred_at" DESC, "events"."id" DESC LIMIT $13;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND ("event_type" = $2 OR "event_type" = $3) AND "events"."event_type" <> $4 AND "events"."test" = $5 ORDER BY "events"."occurred_at" DESC, "events"."id" DESC LIMIT $6;

SELECT "events"."team_id", "events"."id", "events"."event_type", "events"."severity", "events"."category", "events"."source", "events"."occurred_at", "events"."accepted_at", "events"."title", "events"."url", "events"."subject", "events"."data", "events"."test", "events"."routes", "events"."traceparent", "events"."email" FROM "events" WHERE "events"."team_id" = $1 AND ("events"."occurred_at" < $2 OR ("events"."occurred_at" = $3 AND "events"."id" < $4)) AND "events"."event_type" <> $5 AND "events"."occurred_at" <= $6 AND "events"."test" = $7 ORDER BY "events"."occurred_at" DESC, "events"."id" DESC LIMIT $8;

SELECT COUNT(*) AS n FROM deliveries WHERE lease_owner IS NOT NULL;

SELECT COUNT(*) AS unread FROM notifications n LEFT JOIN notification_marks k
    ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
    WHERE n.team_id = $1 AND n.cursor > $3 AND k.read_at IS NULL AND k.archived_at IS NULL;

SELECT a.started_at FROM (
    SELECT id FROM deliveries WHERE team_id = $1 AND channel_id = $2 AND id >= $3 AND attempt_count > 0
    ORDER BY id DESC LIMIT 1000
    ) AS d JOIN attempts a ON a.delivery_id = d.id
    WHERE a.started_at > $4 ORDER BY a.started_at DESC LIMIT $5;

SELECT accepted_at AS last FROM events WHERE accepted_at > $1 AND accepted_at < $2
    ORDER BY accepted_at LIMIT 1 OFFSET $3;

SELECT b.id AS id FROM (SELECT id, owner, state, state_message, NULLIF(parked_for, '-32768'::smallint) AS parked_for, attempt_count, tries, NULLIF(first_attempt_at, '-9223372036854775808'::bigint) AS first_attempt_at, NULLIF(due_at, '-9223372036854775808'::bigint) AS due_at, NULLIF(ended_at, '-9223372036854775808'::bigint) AS ended_at FROM UNNEST($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::smallint[], $6::integer[], $7::integer[], $8::bigint[], $9::bigint[], $10::bigint[]) AS u(id, owner, state, state_message, parked_for, attempt_count, tries, first_attempt_at, due_at, ended_at)) AS b WHERE NOT EXISTS (SELECT 1 FROM deliveries d
    WHERE d.id = b.id AND d.lease_owner IS NULL AND d.state = b.state AND d.state_message = b.state_message
    AND d.attempt_count = b.attempt_count AND d.tries = b.tries
    AND COALESCE(d.first_attempt_at, 0) = COALESCE(b.first_attempt_at, 0)
    AND COALESCE(d.due_at, 0) = COALESCE(b.due_at, 0)
    AND COALESCE(d.ended_at, 0) = COALESCE(b.ended_at, 0));

SELECT b.team_id AS team_id, b.id AS id FROM (SELECT team_id, id, event_type, severity, category, source, occurred_at, accepted_at, title, url, subject, data, test, routes, NULLIF(traceparent, '') AS traceparent, NULLIF(email, '') AS email FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::smallint[], $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[], $14::text[], $15::text[], $16::text[]) AS u(team_id, id, event_type, severity, category, source, occurred_at, accepted_at, title, url, subject, data, test, routes, traceparent, email)) AS b
    LEFT JOIN events e ON e.team_id = b.team_id AND e.id = b.id
    WHERE e.xmin IS DISTINCT FROM pg_current_xact_id()::xid;

SELECT created_at FROM notifications WHERE team_id = $1 ORDER BY cursor DESC LIMIT 1;

SELECT cursor, id FROM notifications WHERE team_id = $1 ORDER BY cursor DESC LIMIT 1;

SELECT d.*, e.url AS event_url, e.subject AS event_subject, e.occurred_at AS event_occurred_at
    FROM deliveries d LEFT JOIN events e ON e.team_id = d.team_id AND e.id = d.event_id
    WHERE d.lane_id = $1 AND d.team_id = $2 AND d.lease_owner IS NULL AND d.due_at IS NOT NULL
    AND d.state IN (2, 4) AND d.state = $3 AND d.due_at <= $4
    AND NOT d.test AND d.replay_of IS NULL AND d.event_type <> $5
    ORDER BY d.created_at, d.id LIMIT $6 FOR UPDATE OF d;

SELECT delivery_id AS last FROM attempts WHERE delivery_id > $1 AND delivery_id < $2
    ORDER BY delivery_id LIMIT 1 OFFSET $3;

SELECT due_at FROM deliveries WHERE lease_owner IS NULL AND due_at IS NOT NULL AND state IN (2, 4)
    AND lane_id = $1 AND state = 4 AND due_at > $2 ORDER BY due_at LIMIT 1;

SELECT e.* FROM (SELECT team_id, id FROM UNNEST($1::uuid[], $2::text[]) AS u(team_id, id)) AS b JOIN events e ON e.team_id = b.team_id AND e.id = b.id;

SELECT e.team_id, e.id, e.routes FROM (SELECT team_id, id FROM UNNEST($1::uuid[], $2::text[]) AS u(team_id, id)) AS b
    JOIN events e ON e.team_id = b.team_id AND e.id = b.id;

SELECT id AS last FROM deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET $3;

SELECT id FROM deliveries WHERE lease_owner = $1;

SELECT id FROM notifications WHERE team_id = $1 AND cursor = $2;

SELECT n.cursor, n.id, n.team_id, n.event_id, n.event_type, n.severity, n.title, n.url, n.source,
    n.subject, n.test, n.created_at, (n.cursor <= $3 OR k.read_at IS NOT NULL) AS read,
    (k.archived_at IS NOT NULL) AS archived
    FROM notifications n LEFT JOIN notification_marks k
    ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
    WHERE n.team_id = $1 AND n.cursor < $4 AND k.archived_at IS NULL ORDER BY n.cursor DESC LIMIT $5;

SELECT n.cursor, n.id, n.team_id, n.event_id, n.event_type, n.severity, n.title, n.url, n.source,
    n.subject, n.test, n.created_at, (n.cursor <= $3 OR k.read_at IS NOT NULL) AS read,
    (k.archived_at IS NOT NULL) AS archived
    FROM notifications n LEFT JOIN notification_marks k
    ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
    WHERE n.team_id = $1 AND n.cursor < $4 AND n.cursor > $3 AND k.read_at IS NULL AND k.archived_at IS NULL ORDER BY n.cursor DESC LIMIT $5;

SELECT n.cursor, n.id, n.team_id, n.event_id, n.event_type, n.severity, n.title, n.url, n.source,
    n.subject, n.test, n.created_at, (n.cursor <= $3 OR k.read_at IS NOT NULL) AS read,
    (k.archived_at IS NOT NULL) AS archived
    FROM notifications n LEFT JOIN notification_marks k
    ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
    WHERE n.team_id = $1 AND n.cursor < $4 ORDER BY n.cursor DESC LIMIT $5;

SELECT n.cursor, n.id, n.team_id, n.event_id, n.event_type, n.severity, n.title, n.url, n.source,
    n.subject, n.test, n.created_at, (n.cursor <= $3 OR k.read_at IS NOT NULL) AS read,
    (k.archived_at IS NOT NULL) AS archived
    FROM notifications n LEFT JOIN notification_marks k
    ON k.team_id = n.team_id AND k.member_id = $2 AND k.cursor = n.cursor
    WHERE n.team_id = $1 AND n.cursor > $4 ORDER BY n.cursor LIMIT $5;

SELECT read_through FROM inbox_members WHERE team_id = $1 AND member_id = $2;

SELECT s.* FROM (SELECT DISTINCT folded_into FROM deliveries
    WHERE folded_into IS NOT NULL AND ended_at IS NULL) AS told
    JOIN deliveries s ON s.id = told.folded_into WHERE s.ended_at IS NOT NULL LIMIT 100;

UPDATE attempts SET response_body = '', request_headers = '[]'
    WHERE delivery_id > $1 AND delivery_id <= $2 AND started_at < $3
    AND (response_body <> '' OR request_headers <> '[]');

UPDATE channel_health SET reported = reported OR $1, told = told OR $2
    WHERE channel_id = $3 AND team_id = $4 AND epoch = $5;

UPDATE channel_health SET unhealthy = false, epoch = $1, message = '', since = NULL
    WHERE channel_id = $2 AND team_id = $3 AND epoch < $1;

UPDATE deliveries SET due_at = $1 WHERE id = $2 AND team_id = $3;

UPDATE deliveries SET lease_owner = $3 WHERE id IN (
    SELECT taken.id FROM (SELECT lane_id, room FROM UNNEST($1::uuid[], $2::bigint[]) AS u(lane_id, room)) AS wanted CROSS JOIN LATERAL (
    SELECT due.id, sum(due.places) OVER (ORDER BY due.due_at, due.id) - due.places AS before FROM (
    SELECT d.id, d.due_at, 1 + coalesce((SELECT octet_length(e.data) + coalesce(octet_length(e.email), 0)
    FROM events e WHERE e.team_id = d.team_id AND e.id = d.event_id), 0) / 4096 AS places FROM deliveries d
    WHERE d.lane_id = wanted.lane_id AND d.lease_owner IS NULL AND d.state IN (1, 2)
    AND d.due_at <= $4
    ORDER BY d.due_at, d.id LIMIT wanted.room FOR UPDATE OF d SKIP LOCKED
    ) AS due
    ) AS taken WHERE taken.before < wanted.room
    ) RETURNING *;

UPDATE deliveries SET lease_owner = NULL
    WHERE lease_owner = $2 AND id IN (SELECT id FROM (SELECT id FROM UNNEST($1::uuid[]) AS u(id)) AS b);

UPDATE deliveries SET lease_owner = NULL WHERE lease_owner = $1 AND id IN
    (SELECT id FROM deliveries WHERE lease_owner = $1 LIMIT $2);

UPDATE deliveries SET state = $1, due_at = $2, state_message = $3
    WHERE lease_owner IS NULL AND id IN (SELECT id FROM deliveries
    WHERE lane_id = $4 AND team_id = $5 AND lease_owner IS NULL AND due_at IS NOT NULL
    AND state IN (2, 4) AND state = 2 AND due_at > $6 AND severity = $7 AND due_at <> $2
    ORDER BY due_at, id LIMIT 1000);

UPDATE deliveries SET state = $1, state_message = $2, ended_at = $3
    WHERE folded_into IS NOT NULL AND folded_into = $4 AND team_id = $5 RETURNING *;

UPDATE deliveries SET state = 1, state_message = '' WHERE id = $1 AND team_id = $2;

UPDATE deliveries SET state = 1, state_message = '', parked_for = NULL, due_at = $1,
    tries = 0, first_attempt_at = NULL
    WHERE id IN (SELECT id FROM deliveries
    WHERE state = 3 AND lane_id = $2 AND team_id = $3 AND parked_for = $4 ORDER BY id LIMIT $5);

UPDATE deliveries SET state = 1, state_message = '', parked_for = NULL, tries = 0,
    first_attempt_at = NULL, ended_at = NULL, due_at = $1
    WHERE id IN (SELECT id FROM deliveries
    WHERE team_id = $2 AND channel_id = $3 AND id >= $4 AND created_at >= $5 AND state IN (3, 6)
    AND NOT test AND lease_owner IS NULL AND folded_into IS NULL
    ORDER BY id LIMIT 1000);

UPDATE deliveries SET state = 4, ended_at = NULL,
    state_message = 'folded into a summary that is tried again'
    WHERE team_id = $1 AND state = 6 AND folded_into IS NOT NULL AND folded_into IN
    (SELECT s.id FROM deliveries s WHERE s.team_id = $1 AND s.channel_id = $2 AND s.event_type = $3
    AND s.ended_at IS NULL);

UPDATE deliveries SET state = 4, state_message = $2, due_at = NULL, folded_into = $3
    WHERE team_id = $4 AND id IN (SELECT id FROM (SELECT id FROM UNNEST($1::uuid[]) AS u(id)) AS b) RETURNING *;

UPDATE deliveries SET state = 6, state_message = $3, ended_at = $4, due_at = NULL,
    lease_owner = NULL
    WHERE lease_owner = $2 AND id IN (SELECT id FROM (SELECT id FROM UNNEST($1::uuid[]) AS u(id)) AS b);

UPDATE deliveries SET state = 7, state_message = $1, parked_for = NULL, due_at = NULL, ended_at = $2,
    lease_owner = NULL
    WHERE id = $3 AND team_id = $4 AND (state IN (1, 2, 3) OR (state = 4 AND due_at IS NOT NULL))
    AND (lease_owner IS NULL OR lease_owner = $5);

UPDATE deliveries SET state = 7, state_message = $1, parked_for = NULL, ended_at = $2
    WHERE id IN (SELECT id FROM deliveries WHERE state = 3 AND lane_id = $3 AND team_id = $4
    ORDER BY id LIMIT $5);

UPDATE deliveries SET state = b.state, state_message = b.state_message, parked_for = b.parked_for,
    attempt_count = b.attempt_count, tries = b.tries, first_attempt_at = b.first_attempt_at,
    due_at = b.due_at, ended_at = b.ended_at, lease_owner = NULL
    FROM (SELECT id, owner, state, state_message, NULLIF(parked_for, '-32768'::smallint) AS parked_for, attempt_count, tries, NULLIF(first_attempt_at, '-9223372036854775808'::bigint) AS first_attempt_at, NULLIF(due_at, '-9223372036854775808'::bigint) AS due_at, NULLIF(ended_at, '-9223372036854775808'::bigint) AS ended_at FROM UNNEST($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::smallint[], $6::integer[], $7::integer[], $8::bigint[], $9::bigint[], $10::bigint[]) AS u(id, owner, state, state_message, parked_for, attempt_count, tries, first_attempt_at, due_at, ended_at)) AS b WHERE deliveries.id = b.id AND deliveries.lease_owner = b.owner;

UPDATE replicas SET heartbeat_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint WHERE id = $1;

WITH RECURSIVE channel(id) AS (
    SELECT * FROM (SELECT channel_id FROM deliveries WHERE team_id = $1 AND channel_id IS NOT NULL
    ORDER BY channel_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.channel_id FROM deliveries d WHERE d.team_id = $1 AND d.channel_id > channel.id
    ORDER BY d.channel_id LIMIT 1)
    FROM channel WHERE channel.id IS NOT NULL
    ), lane(id, channel_id) AS (
    SELECT id, id FROM channel WHERE id IS NOT NULL
    UNION ALL
    SELECT * FROM (SELECT team_id, NULLIF(team_id, team_id) FROM deliveries WHERE team_id = $1 LIMIT 1) AS people
    ), waiting(lane_id, created_at) AS (
    SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id
    WHERE d.lease_owner IS NULL AND d.state IN (1, 2)
    UNION ALL
    SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id WHERE d.state = 3
    UNION ALL
    SELECT d.lane_id, d.created_at FROM lane JOIN deliveries d ON d.lane_id = lane.id
    WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.state = 4
    )
    SELECT lane.channel_id AS channel_id,
    COALESCE((SELECT d.kind FROM deliveries d WHERE d.team_id = $1 AND d.channel_id = lane.channel_id LIMIT 1),
    CAST(3 AS SMALLINT)) AS kind,
    h.last_success_at, h.last_error, h.last_error_at,
    (SELECT MIN(w.created_at) FROM waiting w WHERE w.lane_id = lane.id) AS oldest_waiting_at,
    (SELECT COUNT(*) FROM waiting w WHERE w.lane_id = lane.id) AS waiting
    FROM lane LEFT JOIN channel_health h ON h.channel_id = lane.id AND h.team_id = $1;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) ORDER BY d.lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    ), counted(kind, waiting) AS (
    SELECT (SELECT d.kind FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.lane_id = lane.id LIMIT 1),
    (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.lane_id = lane.id AND d.state = 2
    LIMIT 100000) AS bounded)
    FROM lane WHERE lane.id IS NOT NULL
    )
    SELECT kind, CAST(SUM(waiting) AS BIGINT) AS waiting FROM counted GROUP BY kind;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) ORDER BY d.lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    ), counted(kind, waiting) AS (
    SELECT (SELECT d.kind FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.lane_id = lane.id LIMIT 1),
    (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.lane_id = lane.id AND d.state = 4
    LIMIT 100000) AS bounded)
    FROM lane WHERE lane.id IS NOT NULL
    )
    SELECT kind, CAST(SUM(waiting) AS BIGINT) AS waiting FROM counted GROUP BY kind;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) ORDER BY d.lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    ), waiting(id, due_at, stamp) AS (
    SELECT d.id, d.due_at,
    COALESCE((SELECT MAX(a.started_at) FROM attempts a WHERE a.delivery_id = d.id), d.created_at)
    FROM lane JOIN deliveries d ON d.lane_id = lane.id AND d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.state = 4 AND d.due_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ), late(id, stamp) AS (SELECT id, stamp FROM waiting WHERE due_at >= stamp) SELECT id FROM late WHERE stamp > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $1 LIMIT 1;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.state IN (1, 2) ORDER BY d.lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    ), counted(kind, waiting) AS (
    SELECT (SELECT d.kind FROM deliveries d WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id = lane.id LIMIT 1),
    (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id = lane.id 
    LIMIT 100000) AS bounded)
    FROM lane WHERE lane.id IS NOT NULL
    )
    SELECT kind, CAST(SUM(waiting) AS BIGINT) AS waiting FROM counted GROUP BY kind;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.state IN (1, 2) ORDER BY d.lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    ), waiting(id, due_at, stamp) AS (
    SELECT d.id, d.due_at,
    COALESCE((SELECT MAX(a.started_at) FROM attempts a WHERE a.delivery_id = d.id), d.created_at)
    FROM lane JOIN deliveries d ON d.lane_id = lane.id AND d.lease_owner IS NULL AND d.state IN (1, 2) AND d.state = 1 AND d.due_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ), late(id, stamp) AS (SELECT id, stamp FROM waiting WHERE due_at >= stamp) SELECT id FROM late WHERE stamp > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $1 LIMIT 1;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.state IN (1, 2) ORDER BY d.lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    ), waiting(id, due_at, stamp) AS (
    SELECT d.id, d.due_at,
    COALESCE((SELECT MAX(a.started_at) FROM attempts a WHERE a.delivery_id = d.id), d.created_at)
    FROM lane JOIN deliveries d ON d.lane_id = lane.id AND d.lease_owner IS NULL AND d.state IN (1, 2) AND d.state = 1 AND d.due_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ), late(id, stamp) AS (SELECT id, stamp FROM waiting WHERE due_at >= stamp) UPDATE deliveries SET due_at = CASE
    WHEN deliveries.due_at - late.stamp + (extract(epoch FROM clock_timestamp()) * 1000000)::bigint < late.stamp THEN deliveries.due_at - late.stamp + (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ELSE late.stamp - 1 END
    FROM late WHERE deliveries.id = late.id AND late.stamp > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $1
    AND deliveries.due_at >= late.stamp AND deliveries.lease_owner IS NULL;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE d.state = 3 ORDER BY d.lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d WHERE d.state = 3 AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    ), counted(kind, waiting) AS (
    SELECT (SELECT d.kind FROM deliveries d WHERE d.state = 3 AND d.lane_id = lane.id LIMIT 1),
    (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.state = 3 AND d.lane_id = lane.id 
    LIMIT 100000) AS bounded)
    FROM lane WHERE lane.id IS NOT NULL
    )
    SELECT kind, CAST(SUM(waiting) AS BIGINT) AS waiting FROM counted GROUP BY kind;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT lane_id FROM deliveries
    WHERE lease_owner IS NULL AND due_at IS NOT NULL AND state IN (2, 4) ORDER BY lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d
    WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4) AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    )
    SELECT lane.id AS lane_id,
    (SELECT d.team_id FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL
    AND d.state IN (2, 4) AND d.lane_id = lane.id LIMIT 1) AS team_id,
    (SELECT d.due_at FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL
    AND d.state IN (2, 4) AND d.lane_id = lane.id AND d.state = 2 ORDER BY d.due_at LIMIT 1) AS held_due,
    (SELECT d.due_at FROM deliveries d WHERE d.lease_owner IS NULL AND d.due_at IS NOT NULL
    AND d.state IN (2, 4) AND d.lane_id = lane.id AND d.state = 4 ORDER BY d.due_at LIMIT 1) AS folded_due
    FROM lane WHERE lane.id IS NOT NULL;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT lane_id FROM deliveries
    WHERE lease_owner IS NULL AND state IN (1, 2) ORDER BY lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d
    WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id > lane.id ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    )
    SELECT lane.id AS lane_id, (SELECT d.due_at FROM deliveries d
    WHERE d.lease_owner IS NULL AND d.state IN (1, 2) AND d.lane_id = lane.id ORDER BY d.due_at LIMIT 1) AS due_at
    FROM lane WHERE lane.id IS NOT NULL;

WITH RECURSIVE lane(id) AS (
    SELECT * FROM (SELECT lane_id FROM deliveries WHERE state = 3 ORDER BY lane_id LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lane_id FROM deliveries d WHERE d.state = 3 AND d.lane_id > lane.id
    ORDER BY d.lane_id LIMIT 1)
    FROM lane WHERE lane.id IS NOT NULL
    )
    SELECT lane.id AS lane_id, (SELECT d.team_id FROM deliveries d WHERE d.state = 3 AND d.lane_id = lane.id LIMIT 1)
    AS team_id
    FROM lane WHERE lane.id IS NOT NULL;

WITH RECURSIVE owner(id) AS (
    SELECT * FROM (SELECT lease_owner FROM deliveries WHERE lease_owner IS NOT NULL
    ORDER BY lease_owner LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT d.lease_owner FROM deliveries d WHERE d.lease_owner IS NOT NULL AND d.lease_owner > owner.id
    ORDER BY d.lease_owner LIMIT 1)
    FROM owner WHERE owner.id IS NOT NULL
    )
    SELECT id FROM owner WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.id = owner.id);

