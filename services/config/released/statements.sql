DELETE FROM "api_keys" WHERE "api_keys"."id" = $1 AND "api_keys"."team_id" = $2;

DELETE FROM "changes" WHERE "changes"."cursor" <= $1;

DELETE FROM "channels" WHERE "channels"."id" = $1 AND "channels"."team_id" = $2;

DELETE FROM "event_types" WHERE "event_types"."team_id" = $1 AND "event_types"."name" = $2;

DELETE FROM "members" WHERE "members"."id" = $1 AND "members"."team_id" = $2;

DELETE FROM "mention_rules" WHERE "mention_rules"."id" = $1 AND "mention_rules"."team_id" = $2;

DELETE FROM "owner_notices" WHERE "owner_notices"."create_time" < $1;

DELETE FROM "preferences" WHERE "preferences"."team_id" = $1 AND "preferences"."member_id" = $2 AND "preferences"."topic" = $3;

DELETE FROM "rules" WHERE "rules"."id" = $1 AND "rules"."team_id" = $2;

DELETE FROM "slack_states" WHERE "slack_states"."expire_time" < $1;

DELETE FROM "teams" WHERE "teams"."id" = $1;

INSERT INTO "api_keys" ("id", "team_id", "display_name", "scopes", "key_sha256", "create_time", "expire_time") VALUES ($1, $2, $3, $4, $5, $6, $7);

INSERT INTO "changes" ("cursor", "team_id", "revision", "create_time") VALUES ($1, $2, $3, $4);

INSERT INTO "channels" ("id", "team_id", "kind", "display_name", "paused", "is_default", "spec", "secrets", "rotation_end", "unhealthy", "health_message", "health_epoch", "health_time", "recover_parked", "version", "create_time", "update_time") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);

INSERT INTO "event_types" ("team_id", "name", "spec", "version") VALUES ($1, $2, $3, $4);

INSERT INTO "members" ("id", "team_id", "email", "email_key", "display_name", "role", "slack_user_id", "permissions", "version", "create_time", "update_time") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

INSERT INTO "mention_rules" ("id", "team_id", "spec", "version", "create_time", "update_time") VALUES ($1, $2, $3, $4, $5, $6);

INSERT INTO "owner_notices" ("id", "team_id", "event", "told", "create_time") VALUES ($1, $2, $3, $4, $5);

INSERT INTO "preferences" ("member_id", "topic", "team_id", "setting", "severities", "before") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT ("member_id", "topic") DO UPDATE SET "setting" = "excluded"."setting", "severities" = "excluded"."severities", "before" = "excluded"."before";

INSERT INTO "rules" ("id", "team_id", "position", "spec", "version", "create_time", "update_time") VALUES ($1, $2, $3, $4, $5, $6, $7);

INSERT INTO "slack_states" ("nonce", "team_id", "expire_time") VALUES ($1, $2, $3);

INSERT INTO "team_settings" ("team_id", "compliance_recipients", "digest", "digest_version") VALUES ($1, $2, $3, $4) ON CONFLICT ("team_id") DO UPDATE SET "compliance_recipients" = "excluded"."compliance_recipients", "digest" = "excluded"."digest", "digest_version" = "excluded"."digest_version";

INSERT INTO "teams" ("id", "display_name", "plan", "time_zone", "revision", "version", "create_time", "update_time") VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

SELECT "api_keys"."id", "api_keys"."team_id", "api_keys"."display_name", "api_keys"."scopes", "api_keys"."key_sha256", "api_keys"."create_time", "api_keys"."expire_time" FROM "api_keys" LIMIT $1;

SELECT "api_keys"."id", "api_keys"."team_id", "api_keys"."display_name", "api_keys"."scopes", "api_keys"."key_sha256", "api_keys"."create_time", "api_keys"."expire_time" FROM "api_keys" WHERE "api_keys"."key_sha256" = $1 LIMIT $2;

SELECT "api_keys"."id", "api_keys"."team_id", "api_keys"."display_name", "api_keys"."scopes", "api_keys"."key_sha256", "api_keys"."create_time", "api_keys"."expire_time" FROM "api_keys" WHERE "api_keys"."team_id" = $1 AND "api_keys"."id" = $2 LIMIT $3;

SELECT "api_keys"."id", "api_keys"."team_id", "api_keys"."display_name", "api_keys"."scopes", "api_keys"."key_sha256", "api_keys"."create_time", "api_keys"."expire_time" FROM "api_keys" WHERE "api_keys"."team_id" = $1 ORDER BY "api_keys"."id" ASC LIMIT $2;

SELECT "api_keys"."id", "api_keys"."team_id", "api_keys"."display_name", "api_keys"."scopes", "api_keys"."key_sha256", "api_keys"."create_time", "api_keys"."expire_time" FROM "api_keys" WHERE "api_keys"."team_id" IS NOT NULL AND "api_keys"."expire_time" > $1 AND "api_keys"."expire_time" <= $2;

SELECT "api_keys"."id", "api_keys"."team_id", "api_keys"."display_name", "api_keys"."scopes", "api_keys"."key_sha256", "api_keys"."create_time", "api_keys"."expire_time" FROM "api_keys" WHERE "api_keys"."team_id" IS NULL AND "api_keys"."id" = $1 LIMIT $2;

SELECT "api_keys"."id", "api_keys"."team_id", "api_keys"."display_name", "api_keys"."scopes", "api_keys"."key_sha256", "api_keys"."create_time", "api_keys"."expire_time" FROM "api_keys" WHERE "api_keys"."team_id" IS NULL ORDER BY "api_keys"."id" ASC LIMIT $1;

SELECT "changes"."cursor" FROM "changes" WHERE "changes"."create_time" < $1 AND "changes"."cursor" < $2 ORDER BY "changes"."cursor" DESC LIMIT $3;

SELECT "changes"."cursor" FROM "changes" WHERE "changes"."create_time" < $1 ORDER BY "changes"."cursor" DESC LIMIT $2;

SELECT "changes"."cursor", "changes"."team_id", "changes"."revision", "changes"."create_time" FROM "changes" WHERE "changes"."cursor" > $1 ORDER BY "changes"."cursor" ASC LIMIT $2;

SELECT "channels"."id", "channels"."team_id", "channels"."kind", "channels"."display_name", "channels"."paused", "channels"."is_default", "channels"."spec", "channels"."secrets", "channels"."rotation_end", "channels"."unhealthy", "channels"."health_message", "channels"."health_epoch", "channels"."health_time", "channels"."recover_parked", "channels"."version", "channels"."create_time", "channels"."update_time" FROM "channels" WHERE "channels"."rotation_end" > $1 AND "channels"."rotation_end" <= $2;

SELECT "channels"."id", "channels"."team_id", "channels"."kind", "channels"."display_name", "channels"."paused", "channels"."is_default", "channels"."spec", "channels"."secrets", "channels"."rotation_end", "channels"."unhealthy", "channels"."health_message", "channels"."health_epoch", "channels"."health_time", "channels"."recover_parked", "channels"."version", "channels"."create_time", "channels"."update_time" FROM "channels" WHERE "channels"."team_id" = $1 AND "channels"."id" = $2 ORDER BY "channels"."id" ASC LIMIT $3;

SELECT "channels"."id", "channels"."team_id", "channels"."kind", "channels"."display_name", "channels"."paused", "channels"."is_default", "channels"."spec", "channels"."secrets", "channels"."rotation_end", "channels"."unhealthy", "channels"."health_message", "channels"."health_epoch", "channels"."health_time", "channels"."recover_parked", "channels"."version", "channels"."create_time", "channels"."update_time" FROM "channels" WHERE "channels"."team_id" = $1 AND "channels"."kind" = $2 AND "channels"."id" > $3 ORDER BY "channels"."id" ASC LIMIT $4;

SELECT "channels"."id", "channels"."team_id", "channels"."kind", "channels"."display_name", "channels"."paused", "channels"."is_default", "channels"."spec", "channels"."secrets", "channels"."rotation_end", "channels"."unhealthy", "channels"."health_message", "channels"."health_epoch", "channels"."health_time", "channels"."recover_parked", "channels"."version", "channels"."create_time", "channels"."update_time" FROM "channels" WHERE "channels"."team_id" = $1 AND "channels"."kind" = $2 AND "channels"."is_default" = $3 ORDER BY "channels"."id" ASC LIMIT $4;

SELECT "channels"."id", "channels"."team_id", "channels"."kind", "channels"."display_name", "channels"."paused", "channels"."is_default", "channels"."spec", "channels"."secrets", "channels"."rotation_end", "channels"."unhealthy", "channels"."health_message", "channels"."health_epoch", "channels"."health_time", "channels"."recover_parked", "channels"."version", "channels"."create_time", "channels"."update_time" FROM "channels" WHERE "channels"."team_id" = $1 AND "channels"."kind" = $2 ORDER BY "channels"."id" ASC LIMIT $3;

SELECT "channels"."id", "channels"."team_id", "channels"."kind", "channels"."display_name", "channels"."paused", "channels"."is_default", "channels"."spec", "channels"."secrets", "channels"."rotation_end", "channels"."unhealthy", "channels"."health_message", "channels"."health_epoch", "channels"."health_time", "channels"."recover_parked", "channels"."version", "channels"."create_time", "channels"."update_time" FROM "channels" WHERE "channels"."team_id" = $1 ORDER BY "channels"."id" ASC;

SELECT "channels"."id", "channels"."team_id", "channels"."kind", "channels"."display_name", "channels"."paused", "channels"."is_default", "channels"."spec", "channels"."secrets", "channels"."rotation_end", "channels"."unhealthy", "channels"."health_message", "channels"."health_epoch", "channels"."health_time", "channels"."recover_parked", "channels"."version", "channels"."create_time", "channels"."update_time" FROM "channels" WHERE "channels"."team_id" = $1 ORDER BY "channels"."id" ASC LIMIT $2;

SELECT "channels"."id", "channels"."team_id", "channels"."secrets" FROM "channels" WHERE "channels"."id" > $1 ORDER BY "channels"."id" ASC LIMIT $2;

SELECT "channels"."version" FROM "channels" WHERE "channels"."team_id" = $1 AND "channels"."id" = $2 ORDER BY "channels"."id" ASC LIMIT $3;

SELECT "event_types"."team_id", "event_types"."name", "event_types"."spec", "event_types"."version" FROM "event_types" WHERE "event_types"."team_id" = $1 AND "event_types"."name" = $2 ORDER BY "event_types"."name" ASC LIMIT $3;

SELECT "event_types"."team_id", "event_types"."name", "event_types"."spec", "event_types"."version" FROM "event_types" WHERE "event_types"."team_id" = $1 ORDER BY "event_types"."name" ASC;

SELECT "feed"."id", "feed"."head", "feed"."pruned" FROM "feed" WHERE "feed"."id" = $1 LIMIT $2;

SELECT "members"."id", "members"."team_id", "members"."email", "members"."email_key", "members"."display_name", "members"."role", "members"."slack_user_id", "members"."permissions", "members"."version", "members"."create_time", "members"."update_time" FROM "members" WHERE "members"."id" = $1 AND "members"."team_id" = $2 LIMIT $3;

SELECT "members"."id", "members"."team_id", "members"."email", "members"."email_key", "members"."display_name", "members"."role", "members"."slack_user_id", "members"."permissions", "members"."version", "members"."create_time", "members"."update_time" FROM "members" WHERE "members"."team_id" = $1 AND "members"."id" > $2 ORDER BY "members"."id" ASC LIMIT $3;

SELECT "members"."id", "members"."team_id", "members"."email", "members"."email_key", "members"."display_name", "members"."role", "members"."slack_user_id", "members"."permissions", "members"."version", "members"."create_time", "members"."update_time" FROM "members" WHERE "members"."team_id" = $1 ORDER BY "members"."id" ASC;

SELECT "members"."id", "members"."team_id", "members"."email", "members"."email_key", "members"."display_name", "members"."role", "members"."slack_user_id", "members"."permissions", "members"."version", "members"."create_time", "members"."update_time" FROM "members" WHERE "members"."team_id" = $1 ORDER BY "members"."id" ASC LIMIT $2;

SELECT "mention_rules"."id", "mention_rules"."team_id", "mention_rules"."spec", "mention_rules"."version", "mention_rules"."create_time", "mention_rules"."update_time" FROM "mention_rules" WHERE "mention_rules"."team_id" = $1 AND "mention_rules"."id" = $2 ORDER BY "mention_rules"."id" ASC LIMIT $3;

SELECT "mention_rules"."id", "mention_rules"."team_id", "mention_rules"."spec", "mention_rules"."version", "mention_rules"."create_time", "mention_rules"."update_time" FROM "mention_rules" WHERE "mention_rules"."team_id" = $1 ORDER BY "mention_rules"."id" ASC;

SELECT "mention_rules"."id", "mention_rules"."team_id", "mention_rules"."spec", "mention_rules"."version", "mention_rules"."create_time", "mention_rules"."update_time" FROM "mention_rules" WHERE "mention_rules"."team_id" = $1 ORDER BY "mention_rules"."id" ASC LIMIT $2;

SELECT "owner_notices"."id" FROM "owner_notices" WHERE "owner_notices"."id" IN ($1);

SELECT "owner_notices"."id", "owner_notices"."team_id", "owner_notices"."event", "owner_notices"."told", "owner_notices"."create_time" FROM "owner_notices" WHERE "owner_notices"."told" = $1 ORDER BY "owner_notices"."create_time" ASC, "owner_notices"."id" ASC LIMIT $2;

SELECT "preferences"."member_id", "preferences"."topic", "preferences"."team_id", "preferences"."setting", "preferences"."severities", "preferences"."before" FROM "preferences" WHERE "preferences"."team_id" = $1 AND "preferences"."member_id" = $2 ORDER BY "preferences"."member_id" ASC, "preferences"."topic" ASC;

SELECT "preferences"."member_id", "preferences"."topic", "preferences"."team_id", "preferences"."setting", "preferences"."severities", "preferences"."before" FROM "preferences" WHERE "preferences"."team_id" = $1 ORDER BY "preferences"."member_id" ASC, "preferences"."topic" ASC;

SELECT "rules"."id", "rules"."team_id", "rules"."position", "rules"."spec", "rules"."version", "rules"."create_time", "rules"."update_time" FROM "rules" WHERE "rules"."team_id" = $1 AND "rules"."id" = $2 ORDER BY "rules"."position" ASC LIMIT $3;

SELECT "rules"."id", "rules"."team_id", "rules"."position", "rules"."spec", "rules"."version", "rules"."create_time", "rules"."update_time" FROM "rules" WHERE "rules"."team_id" = $1 ORDER BY "rules"."position" ASC;

SELECT "rules"."id", "rules"."team_id", "rules"."position", "rules"."spec", "rules"."version", "rules"."create_time", "rules"."update_time" FROM "rules" WHERE "rules"."team_id" = $1 ORDER BY "rules"."position" ASC LIMIT $2;

SELECT "slack_states"."nonce", "slack_states"."team_id", "slack_states"."expire_time" FROM "slack_states" WHERE "slack_states"."nonce" = $1 AND "slack_states"."team_id" = $2 LIMIT $3;

SELECT "team_settings"."team_id", "team_settings"."compliance_recipients", "team_settings"."digest", "team_settings"."digest_version" FROM "team_settings" WHERE "team_settings"."team_id" = $1 LIMIT $2;

SELECT "teams"."id", "teams"."display_name", "teams"."plan", "teams"."time_zone", "teams"."revision", "teams"."version", "teams"."create_time", "teams"."update_time" FROM "teams" ORDER BY "teams"."id" ASC LIMIT $1;

SELECT "teams"."id", "teams"."display_name", "teams"."plan", "teams"."time_zone", "teams"."revision", "teams"."version", "teams"."create_time", "teams"."update_time" FROM "teams" WHERE "teams"."id" = $1 LIMIT $2;

SELECT "teams"."id", "teams"."display_name", "teams"."plan", "teams"."time_zone", "teams"."revision", "teams"."version", "teams"."create_time", "teams"."update_time" FROM "teams" WHERE "teams"."id" > $1 ORDER BY "teams"."id" ASC LIMIT $2;

SELECT "teams"."revision" FROM "teams" WHERE "teams"."id" = $1 LIMIT $2;

SELECT COUNT(*) AS num_items FROM (SELECT "api_keys"."id", "api_keys"."team_id", "api_keys"."display_name", "api_keys"."scopes", "api_keys"."key_sha256", "api_keys"."create_time", "api_keys"."expire_time" FROM "api_keys" WHERE "api_keys"."team_id" = $1) AS "sub_query";

SELECT COUNT(*) AS num_items FROM (SELECT "channels"."id", "channels"."team_id", "channels"."kind", "channels"."display_name", "channels"."paused", "channels"."is_default", "channels"."spec", "channels"."secrets", "channels"."rotation_end", "channels"."unhealthy", "channels"."health_message", "channels"."health_epoch", "channels"."health_time", "channels"."recover_parked", "channels"."version", "channels"."create_time", "channels"."update_time" FROM "channels" WHERE "channels"."team_id" = $1) AS "sub_query";

SELECT COUNT(*) AS num_items FROM (SELECT "members"."id", "members"."team_id", "members"."email", "members"."email_key", "members"."display_name", "members"."role", "members"."slack_user_id", "members"."permissions", "members"."version", "members"."create_time", "members"."update_time" FROM "members" WHERE "members"."team_id" = $1) AS "sub_query";

SELECT COUNT(*) AS num_items FROM (SELECT "mention_rules"."id", "mention_rules"."team_id", "mention_rules"."spec", "mention_rules"."version", "mention_rules"."create_time", "mention_rules"."update_time" FROM "mention_rules" WHERE "mention_rules"."team_id" = $1) AS "sub_query";

UPDATE "channels" SET "display_name" = $1, "paused" = $2, "spec" = $3, "secrets" = $4, "rotation_end" = $5, "version" = $6, "update_time" = $7 WHERE "channels"."id" = $8 RETURNING "id", "team_id", "kind", "display_name", "paused", "is_default", "spec", "secrets", "rotation_end", "unhealthy", "health_message", "health_epoch", "health_time", "recover_parked", "version", "create_time", "update_time";

UPDATE "channels" SET "is_default" = $1, "version" = "version" + $2 WHERE "channels"."team_id" = $3 AND "channels"."kind" = $4 AND "channels"."is_default" = $5;

UPDATE "channels" SET "is_default" = $1, "version" = $2 WHERE "channels"."id" = $3 RETURNING "id", "team_id", "kind", "display_name", "paused", "is_default", "spec", "secrets", "rotation_end", "unhealthy", "health_message", "health_epoch", "health_time", "recover_parked", "version", "create_time", "update_time";

UPDATE "channels" SET "secrets" = $1 WHERE "channels"."id" = $2 AND "channels"."team_id" = $3 AND "channels"."secrets" = $4;

UPDATE "channels" SET "unhealthy" = $1, "health_message" = $2, "health_epoch" = $3, "health_time" = $4, "recover_parked" = $5, "version" = $6, "update_time" = $7 WHERE "channels"."id" = $8 RETURNING "id", "team_id", "kind", "display_name", "paused", "is_default", "spec", "secrets", "rotation_end", "unhealthy", "health_message", "health_epoch", "health_time", "recover_parked", "version", "create_time", "update_time";

UPDATE "event_types" SET "spec" = $1, "version" = $2 WHERE "event_types"."team_id" = $3 AND "event_types"."name" = $4 RETURNING "team_id", "name", "spec", "version";

UPDATE "feed" SET "head" = "head" + $1 WHERE "feed"."id" = $2;

UPDATE "feed" SET "head" = "head" WHERE "feed"."id" = $1;

UPDATE "feed" SET "pruned" = $1 WHERE "feed"."id" = $2 AND "feed"."pruned" < $3;

UPDATE "members" SET "team_id" = $1, "email" = $2, "email_key" = $3, "display_name" = $4, "role" = $5, "slack_user_id" = $6, "permissions" = $7, "version" = $8, "create_time" = $9, "update_time" = $10 WHERE "members"."id" = $11 RETURNING "id", "team_id", "email", "email_key", "display_name", "role", "slack_user_id", "permissions", "version", "create_time", "update_time";

UPDATE "mention_rules" SET "team_id" = $1, "spec" = $2, "version" = $3, "create_time" = $4, "update_time" = $5 WHERE "mention_rules"."id" = $6 RETURNING "id", "team_id", "spec", "version", "create_time", "update_time";

UPDATE "owner_notices" SET "told" = $1 WHERE "owner_notices"."id" = $2 AND "owner_notices"."team_id" = $3;

UPDATE "rules" SET "position" = $1 WHERE "rules"."id" = $2 RETURNING "id", "team_id", "position", "spec", "version", "create_time", "update_time";

UPDATE "rules" SET "team_id" = $1, "position" = $2, "spec" = $3, "version" = $4, "create_time" = $5, "update_time" = $6 WHERE "rules"."id" = $7 RETURNING "id", "team_id", "position", "spec", "version", "create_time", "update_time";

UPDATE "teams" SET "display_name" = $1, "plan" = $2, "time_zone" = $3, "version" = $4, "update_time" = $5 WHERE "teams"."id" = $6 RETURNING "id", "display_name", "plan", "time_zone", "revision", "version", "create_time", "update_time";

UPDATE "teams" SET "revision" = "revision" + $1 WHERE "teams"."id" = $2;

