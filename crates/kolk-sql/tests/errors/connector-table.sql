CREATE STREAM visits (id STRING, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE TABLE kept WITH (connector = 'shards', table = 't', delivery = 'individual') AS SELECT page, COUNT(*) AS n FROM visits GROUP BY page EMIT CHANGES;
