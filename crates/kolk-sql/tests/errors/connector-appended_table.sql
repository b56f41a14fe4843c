CREATE STREAM visits (id STRING, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE TABLE kept WITH (connector = 'ledger', table = 't', mode = 'add') AS
  SELECT page, COUNT(*) AS n FROM visits GROUP BY page EMIT CHANGES;
