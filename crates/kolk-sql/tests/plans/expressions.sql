SET 'timezone' = 'Europe/Paris';
CREATE STREAM visits (visit_id STRING KEY, event_time TIMESTAMP, page STRING, amount DECIMAL(10, 2), n INT,
  context STRUCT<referral STRING, user STRUCT<ip STRING, login STRING>>, tags ARRAY<STRING>, counts MAP<STRING, BIGINT>)
  WITH (kafka_topic='visits', value_format='JSON', on_bad_record='dead_letter');
CREATE STREAM rich WITH (retention_ms=86400000, delivery='idempotent', timestamp='event_time') AS
  SELECT visit_id, event_time, context->user->ip, amount * 1.2 AS gross, n / 2 + 1 AS half, tags[1] AS first_tag,
    CASE page WHEN 'home' THEN 'start' ELSE LCASE(page) END AS kind, COALESCE(counts['seen'], 0) AS seen,
    CAST(n AS STRING) || '!' AS loud, ROWPARTITION AS from_partition
  FROM visits v
  WHERE v.page LIKE 'cat%' AND n NOT IN (1, 2) AND event_time BETWEEN '2024-01-01' AND '2024-12-31T23:59:59Z'
    OR context->referral IS NULL;
