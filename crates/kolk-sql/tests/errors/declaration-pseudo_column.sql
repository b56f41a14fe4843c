CREATE STREAM v (rowtime BIGINT) WITH (kafka_topic='v', value_format='JSON');
