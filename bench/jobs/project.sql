-- Three fields of the visits that are not private, exactly once.
CREATE STREAM visits (visit_id STRING, event_time STRING, page STRING, keep_private BOOLEAN)
  WITH (kafka_topic = 'visits', value_format = 'JSON');

CREATE STREAM result WITH (kafka_topic = 'result')
  AS SELECT visit_id, event_time, page FROM visits WHERE NOT keep_private;
