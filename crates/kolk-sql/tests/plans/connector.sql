CREATE STREAM visits (id STRING, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', timestamp = 'at');
CREATE STREAM kept WITH (connector = 'tables', table = 't', password = '${env:SECRET}', ttl = 3) AS
  SELECT id, UCASE(page) AS page FROM visits PARTITION BY id EMIT CHANGES;
CREATE STREAM packed WITH (connector = 'shards', table = 't', delivery = 'bin_packed', bin_key = 'id', bin_order_by = 'at') AS
  SELECT * FROM visits EMIT CHANGES;
CREATE TABLE pages WITH (connector = 'tables', table = 'pages') AS
  SELECT page, COUNT(*) AS n FROM visits GROUP BY page EMIT CHANGES;
