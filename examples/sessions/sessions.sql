-- Visits of a user → sessions. A session waits 50 seconds from the watermark that each of its visits met; when no visit has come until
-- then it closes, and goes out once. Its id is a hash of the user and of the first visit's place in its topic: reading everything again
-- gives the same sessions with the same ids.

CREATE STREAM visits (user_id BIGINT, page STRING, event_time TIMESTAMP)
  WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 2,
        timestamp = 'event_time', watermark_delay = '10 seconds');

CREATE TABLE sessions WITH (kafka_topic = 'sessions', value_format = 'JSON') AS
  SELECT user_id, session_id, COLLECT_LIST(page) AS pages
  FROM visits WINDOW TIMEOUT (50 SECONDS)
  GROUP BY user_id EMIT FINAL;
