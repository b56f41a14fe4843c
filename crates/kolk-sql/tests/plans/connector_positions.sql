CREATE STREAM visits (id STRING KEY, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE STREAM replaced WITH (connector = 'ledger', table = 't') AS SELECT id, page FROM visits EMIT CHANGES;
CREATE STREAM again WITH (connector = 'ledger', table = 't', delivery = 'idempotent') AS SELECT id, page FROM visits EMIT CHANGES;
CREATE STREAM added WITH (connector = 'ledger', table = 't', mode = 'add') AS SELECT id, page FROM visits EMIT CHANGES;
-- Who asks for no more than each row once or more gets it.
CREATE STREAM repeated WITH (connector = 'ledger', table = 't', mode = 'add', delivery = 'batched') AS
  SELECT id, page FROM visits EMIT CHANGES;
CREATE STREAM at_least_once WITH (connector = 'ledger', table = 't', mode = 'add', processing = 'at_least_once') AS
  SELECT id, page FROM visits EMIT CHANGES;
CREATE TABLE counted WITH (connector = 'ledger', table = 't') AS SELECT page, COUNT(*) AS n FROM visits GROUP BY page EMIT CHANGES;
-- Each count comes once: no row has to take the place of another.
CREATE TABLE finals WITH (connector = 'ledger', table = 't', mode = 'add') AS
  SELECT page, COUNT(*) AS n FROM visits WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY page EMIT FINAL;
