CREATE STREAM visits (id STRING, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE STREAM kept WITH (connector = 'log', table = 't') AS SELECT id, page FROM visits EMIT CHANGES;
