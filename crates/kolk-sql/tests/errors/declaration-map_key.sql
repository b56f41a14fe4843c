CREATE STREAM v (m MAP<INT, STRING>) WITH (kafka_topic='v', value_format='JSON');
