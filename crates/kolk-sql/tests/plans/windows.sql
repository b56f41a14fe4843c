CREATE STREAM visits (visit_id STRING KEY, event_time TIMESTAMP, page STRING, amount DOUBLE, tags ARRAY<STRING>)
  WITH (kafka_topic='visits', value_format='JSON', timestamp='event_time', watermark_delay='10 seconds');
CREATE TABLE per_minute WITH (kafka_topic='per-minute', late='dead_letter') AS
  SELECT page, COUNT(*) AS n, SUM(amount) / COUNT(*) AS mean, WINDOWSTART AS began
  FROM visits WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 10 SECONDS) WHERE amount > 0
  GROUP BY page HAVING COUNT(*) > 1 EMIT FINAL;
CREATE TABLE hops AS SELECT visit_id, MAX(amount) AS most
  FROM visits WINDOW HOPPING (SIZE 10 MINUTES, ADVANCE BY 1 MINUTE, RETENTION 1 DAY) GROUP BY visit_id;
SET 'late' = 'late-visits';
CREATE TABLE pauses AS SELECT UCASE(page) AS page, COLLECT_LIST(visit_id) AS visits, WINDOWEND - WINDOWSTART AS length
  FROM visits WINDOW SESSION (5 MINUTES) GROUP BY UCASE(page);
