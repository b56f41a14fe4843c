CREATE STREAM v (m MAP<STRING, INT>) WITH (kafka_topic='v', value_format='JSON');
CREATE TABLE t AS SELECT COUNT(*) AS n FROM v GROUP BY m;
