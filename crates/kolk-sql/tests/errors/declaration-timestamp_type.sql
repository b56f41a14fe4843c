CREATE STREAM v (flag BOOLEAN) WITH (kafka_topic='v', value_format='JSON', timestamp='flag');
