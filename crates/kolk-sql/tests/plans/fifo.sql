-- The three delivery modes of S0, and exactly once, over one topic whose columns nobody needs to know.
CREATE STREAM visits WITH (kafka_topic='visits', value_format='JSON');
CREATE STREAM individual WITH (kafka_topic='visits-individual-send', delivery='individual', delivery_pause='1 second')
  AS SELECT * FROM visits;
CREATE STREAM batched WITH (kafka_topic='visits-batched', delivery='batched') AS SELECT * FROM visits;
CREATE STREAM idempotent WITH (kafka_topic='visits-idempotent', delivery='idempotent') AS SELECT * FROM visits;
CREATE STREAM exactly_once WITH (kafka_topic='visits-exactly-once', partitions=4) AS SELECT * FROM visits EMIT CHANGES;
