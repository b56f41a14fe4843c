CREATE STREAM visits (id STRING, at TIMESTAMP, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', key = 'id');
CREATE STREAM whole WITH (connector = 'log', table = 't', delivery = 'bin_packed', bin_key = 'id', bin_order_by = 'at',
  bin_header = 'bin') AS SELECT * FROM visits EMIT CHANGES;
CREATE STREAM part WITH (connector = 'log', table = 't', delivery = 'batched') AS SELECT at FROM visits EMIT CHANGES;
CREATE STREAM by_page WITH (connector = 'log', table = 't', delivery = 'bin_packed', bin_key = 'page', bin_order_by = 'at') AS
  SELECT * FROM visits EMIT CHANGES;
