INSERT INTO "digest_runs" ("id", "team_id", "sequence", "previous_start", "period_start", "period_end", "state", "recipients", "message", "lease_until", "create_time") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

SELECT "digest_runs"."id", "digest_runs"."team_id", "digest_runs"."sequence", "digest_runs"."previous_start", "digest_runs"."period_start", "digest_runs"."period_end", "digest_runs"."state", "digest_runs"."recipients", "digest_runs"."message", "digest_runs"."lease_until", "digest_runs"."create_time" FROM "digest_runs" WHERE "digest_runs"."state" = $1 AND "digest_runs"."lease_until" <= $2 ORDER BY "digest_runs"."id" ASC LIMIT $3;

SELECT "digest_runs"."id", "digest_runs"."team_id", "digest_runs"."sequence", "digest_runs"."previous_start", "digest_runs"."period_start", "digest_runs"."period_end", "digest_runs"."state", "digest_runs"."recipients", "digest_runs"."message", "digest_runs"."lease_until", "digest_runs"."create_time" FROM "digest_runs" WHERE "digest_runs"."team_id" = $1 AND "digest_runs"."id" = $2 LIMIT $3;

SELECT "digest_runs"."id", "digest_runs"."team_id", "digest_runs"."sequence", "digest_runs"."previous_start", "digest_runs"."period_start", "digest_runs"."period_end", "digest_runs"."state", "digest_runs"."recipients", "digest_runs"."message", "digest_runs"."lease_until", "digest_runs"."create_time" FROM "digest_runs" WHERE "digest_runs"."team_id" = $1 AND "digest_runs"."sequence" < $2 ORDER BY "digest_runs"."sequence" DESC LIMIT $3;

SELECT "digest_runs"."id", "digest_runs"."team_id", "digest_runs"."sequence", "digest_runs"."previous_start", "digest_runs"."period_start", "digest_runs"."period_end", "digest_runs"."state", "digest_runs"."recipients", "digest_runs"."message", "digest_runs"."lease_until", "digest_runs"."create_time" FROM "digest_runs" WHERE "digest_runs"."team_id" = $1 ORDER BY "digest_runs"."sequence" DESC LIMIT $2;

UPDATE "digest_runs" SET "state" = $1, "recipients" = $2, "message" = $3, "lease_until" = $4 WHERE "digest_runs"."team_id" = $5 AND "digest_runs"."id" = $6 AND "digest_runs"."state" = $7 AND "digest_runs"."lease_until" = $8;

