CREATE STREAM v (from STRING) WITH (kafka_topic='v', value_format='JSON');
