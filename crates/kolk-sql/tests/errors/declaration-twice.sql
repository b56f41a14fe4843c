CREATE STREAM v WITH (kafka_topic='v');
CREATE STREAM V WITH (kafka_topic='w');
