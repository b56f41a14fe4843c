CREATE STREAM visits WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w WITH (delivery='bin_packed', bin_key='visit_id', bin_order_by='event_time') AS SELECT * FROM visits;
