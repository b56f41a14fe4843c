CREATE STREAM v (name VARCHAR(20)) WITH (kafka_topic='v', value_format='JSON');
