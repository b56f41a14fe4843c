CREATE STREAM v WITH (kafka_topic='v');
CREATE STREAM w WITH (delivery='batch') AS SELECT * FROM v;
