CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP, page STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS
  SELECT visit_id, pge
  FROM visits;
