-- Deliver visits in order, in four ways. Each statement is a query of its own: a slow one delays no other.

CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP)
  WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 2);

-- One record at a time: the next is sent when the last is acknowledged, and a pause is over.
CREATE STREAM visits_individual
  WITH (kafka_topic = 'visits-individual-send', delivery = 'individual', delivery_pause = '10 milliseconds')
  AS SELECT * FROM visits;

-- Batches, one request on its way for each connection.
CREATE STREAM visits_batched
  WITH (kafka_topic = 'visits-batched', delivery = 'batched')
  AS SELECT * FROM visits;

-- Batches with sequence numbers, up to five requests on their way: a repeated request makes no duplicate.
CREATE STREAM visits_idempotent
  WITH (kafka_topic = 'visits-idempotent', delivery = 'idempotent')
  AS SELECT * FROM visits;

-- The default: all of it plus a transaction with the input offsets.
CREATE STREAM visits_exactly_once
  WITH (kafka_topic = 'visits-exactly-once')
  AS SELECT * FROM visits;
