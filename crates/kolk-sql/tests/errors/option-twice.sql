CREATE STREAM v WITH (kafka_topic='v', KAFKA_TOPIC='w');
