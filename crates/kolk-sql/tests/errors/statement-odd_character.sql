CREATE STREAM v# WITH (kafka_topic='v');
