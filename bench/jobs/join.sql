-- Every event with the clicks of its user within two minutes after it, exactly once.
CREATE STREAM events (user_id STRING KEY, event_time BIGINT, event_id BIGINT)
  WITH (kafka_topic = 'events', key_format = 'KAFKA', value_format = 'JSON',
        timestamp = 'event_time', watermark_delay = '10 seconds');

CREATE STREAM clicks (user_id STRING KEY, event_time BIGINT, event_id BIGINT)
  WITH (kafka_topic = 'clicks', key_format = 'KAFKA', value_format = 'JSON',
        timestamp = 'event_time', watermark_delay = '10 seconds');

CREATE STREAM result WITH (kafka_topic = 'result') AS
  SELECT e.user_id, e.event_id, c.event_id AS click_id
  FROM events e LEFT JOIN clicks c WITHIN (0 SECONDS, 2 MINUTES) ON e.user_id = c.user_id EMIT CHANGES;
