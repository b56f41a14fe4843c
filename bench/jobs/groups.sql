-- Events per user, for all time, exactly once: what is remembered grows with the users.
CREATE STREAM events (user_id STRING KEY, event_time BIGINT)
  WITH (kafka_topic = 'events', key_format = 'KAFKA', value_format = 'JSON',
        timestamp = 'event_time', watermark_delay = '10 seconds');

CREATE TABLE result WITH (kafka_topic = 'result') AS
  SELECT user_id, COUNT(*) AS events FROM events GROUP BY user_id EMIT CHANGES;
