CREATE STREAM v (a DECIMAL(40, 2)) WITH (kafka_topic='v', value_format='JSON');
