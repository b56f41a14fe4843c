-- Deliver visits in bins, for stores that may take only a part of a request: no bin holds a visit twice, and a bin is
-- sent when the one before it is acknowledged in full.

CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP)
  WITH (kafka_topic = 'visits', value_format = 'JSON', key = 'visit_id', partitions = 2);

CREATE STREAM visits_ordered
  WITH (kafka_topic = 'visits-ordered', delivery = 'bin_packed',
        bin_key = 'visit_id', bin_order_by = 'event_time', bin_interval = '20 seconds', bin_header = 'delivery_batch')
  AS SELECT * FROM visits;
