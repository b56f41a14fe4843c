CREATE STREAM visits (id STRING, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE STREAM kept WITH (connector = 'ledger', table = 't', mode = 'insert') AS SELECT id, page FROM visits EMIT CHANGES;
