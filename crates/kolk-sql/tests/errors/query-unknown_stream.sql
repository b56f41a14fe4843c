CREATE STREAM visits WITH (kafka_topic='v');
CREATE STREAM w AS SELECT * FROM visit;
