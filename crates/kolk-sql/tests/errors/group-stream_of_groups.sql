CREATE STREAM visits (visit_id STRING KEY, event_time TIMESTAMP, page STRING, amount DOUBLE, tags ARRAY<STRING>)
  WITH (kafka_topic='visits', value_format='JSON', timestamp='event_time', watermark_delay='10 seconds');
CREATE STREAM t AS SELECT page, COUNT(*) AS n FROM visits GROUP BY page;
