-- Visits of a user → sessions in a table of Cassandra or ScyllaDB. The store cannot take part in Kafka's transactions: a crash may write
-- a session twice. Its id is always the same, so the second write takes the place of the first, and the effect is once.

CREATE STREAM visits (user_id BIGINT, page STRING, event_time TIMESTAMP)
  WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 2,
        timestamp = 'event_time', watermark_delay = '10 seconds');

CREATE TABLE sessions WITH (
    connector = 'cassandra', contact_points = '127.0.0.1:9042', keyspace = 'ndc_porto', table = 'sessions',
    written_at = 'ingestion_time') AS
  SELECT user_id, session_id, COLLECT_LIST(page) AS pages
  FROM visits WINDOW TIMEOUT (50 SECONDS)
  GROUP BY user_id EMIT FINAL;
