CREATE STREAM visits (visit_id STRING KEY, event_time TIMESTAMP) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w WITH (delivery='bin_packed', bin_key='visit_id', bin_order_by='UPPER(event_time)') AS SELECT * FROM visits;
