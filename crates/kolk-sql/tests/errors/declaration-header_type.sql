CREATE STREAM v (trace STRING HEADER('trace')) WITH (kafka_topic='v', value_format='JSON');
