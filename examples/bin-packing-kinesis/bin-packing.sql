-- Deliver visits to Amazon Kinesis in bins. A call of PutRecords may be taken in part; no call holds a visit twice, what was refused
-- is sent again by itself, and a bin is sent when the one before it is stored in full.

CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP)
  WITH (kafka_topic = 'visits', value_format = 'JSON', key = 'visit_id', partitions = 2);

CREATE STREAM visits_ordered
  WITH (connector = 'kinesis', stream = 'visits-ordered', region = 'us-east-1',
        -- A server of one's own; for AWS leave it out.
        endpoint = 'http://127.0.0.1:4567',
        delivery = 'bin_packed',
        bin_key = 'visit_id', bin_order_by = 'event_time', bin_interval = '20 seconds', bin_header = 'delivery_batch')
  AS SELECT * FROM visits;
