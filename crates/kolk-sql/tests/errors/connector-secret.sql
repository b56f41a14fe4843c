CREATE STREAM visits (id STRING, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE STREAM kept WITH (connector = 'tables', password = 'hunter2', tabel = 't') AS SELECT id, page FROM visits EMIT CHANGES;
