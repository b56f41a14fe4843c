CREATE STREAM counts (page STRING KEY, n BIGINT)
  WITH (kafka_topic='counts', value_format='JSON', window_type='TUMBLING', window_size='1 minute');
CREATE STREAM started AS SELECT page, n, WINDOWSTART AS began FROM counts;
CREATE STREAM sessions (page STRING KEY, n BIGINT) WITH (kafka_topic='sessions', value_format='JSON', window_type='SESSION');
CREATE STREAM in_json WITH (key_format='JSON') AS SELECT n FROM sessions;
