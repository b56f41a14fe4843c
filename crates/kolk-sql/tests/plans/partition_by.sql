CREATE STREAM visits (visit_id STRING KEY, event_time TIMESTAMP, page STRING, amount DOUBLE, tags ARRAY<STRING>)
  WITH (kafka_topic='visits', value_format='JSON', timestamp='event_time', watermark_delay='10 seconds');
CREATE STREAM by_page AS SELECT * FROM visits PARTITION BY page;
CREATE STREAM by_two AS SELECT page, amount FROM visits PARTITION BY page, UCASE(visit_id);
CREATE STREAM same AS SELECT page FROM visits PARTITION BY visit_id;
CREATE STREAM no_key AS SELECT page FROM visits PARTITION BY NULL;
CREATE TABLE pages AS SELECT page, COUNT(*) AS n FROM by_page GROUP BY page;
SET 'dialect' = 'ksqldb';
CREATE STREAM source (id INT KEY, name STRING, address STRUCT<town STRING>) WITH (kafka_topic='source', value_format='JSON');
CREATE STREAM by_name AS SELECT * FROM source PARTITION BY name;
CREATE STREAM by_town AS SELECT * FROM source PARTITION BY address->town;
CREATE STREAM by_sign AS SELECT name, SIGN(id) FROM source PARTITION BY SIGN(id);
