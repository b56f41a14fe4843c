CREATE STREAM v (event_time TIMESTAMP) WITH (kafka_topic='v', value_format='JSON', timestamp='event_tim');
