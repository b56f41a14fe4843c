CREATE STREAM v WITH (kafka_topic='v', value_format=JSON);
