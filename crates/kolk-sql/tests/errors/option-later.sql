CREATE STREAM v (a INT) WITH (kafka_topic='v', value_format='JSON', value_schema_id=1);
