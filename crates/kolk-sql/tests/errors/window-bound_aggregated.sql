CREATE STREAM visits (page STRING) WITH (kafka_topic='visits', value_format='JSON');
CREATE TABLE t AS SELECT page, MIN(WINDOWSTART + 1) AS n FROM visits WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY page;
