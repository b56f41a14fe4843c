CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP, page STRING)
  WITH (kafka_topic='visits', value_format='JSON');
CREATE STREAM visits_ordered WITH (delivery='bin_packed', bin_key='visit_id', bin_order_by='event_time', bin_rows=1000)
AS SELECT visit_id, event_time, UCASE(page) AS page FROM visits WHERE page IS NOT NULL;
