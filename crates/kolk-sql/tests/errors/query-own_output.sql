CREATE STREAM visits WITH (kafka_topic='v');
CREATE STREAM w WITH (kafka_topic='v') AS SELECT * FROM visits;
