CREATE STREAM visits (id STRING KEY, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE STREAM kept WITH (connector = 'ledger', table = 't', mode = 'ADD', delivery = 'idempotent') AS
  SELECT id, page FROM visits EMIT CHANGES;
