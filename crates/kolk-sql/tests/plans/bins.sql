CREATE STREAM visits (visit_id STRING KEY, event_time TIMESTAMP, page STRING)
  WITH (kafka_topic='visits', value_format='JSON', timestamp='event_time', watermark_delay='10 minutes');
CREATE STREAM visits_ordered WITH (kafka_topic='visits-ordered', delivery='bin_packed',
  bin_key='visit_id', bin_order_by='event_time', bin_interval='20 seconds', bin_header='delivery_batch')
AS SELECT * FROM visits;
