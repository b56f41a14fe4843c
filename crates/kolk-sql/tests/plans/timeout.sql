CREATE STREAM visits (user_id BIGINT, page STRING, event_time TIMESTAMP)
  WITH (kafka_topic='visits', value_format='JSON', timestamp='event_time', watermark_delay='10 seconds');
CREATE TABLE sessions WITH (kafka_topic='sessions', timestamp='ended') AS
  SELECT session_id, user_id, COLLECT_LIST(page) AS pages, WINDOWEND AS ended
  FROM visits WINDOW TIMEOUT (50 SECONDS) GROUP BY user_id;
