CREATE STREAM visits (id STRING, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE STREAM kept WITH (connector = 'shards', table = 't', delivery = 'batched') AS SELECT id, page FROM visits EMIT CHANGES;
