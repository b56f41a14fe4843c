CREATE STREAM v WITH (kafka_topic='v');
CREATE STREAM w WITH (delivery='batched', delivery_pause='1 second') AS SELECT * FROM v;
