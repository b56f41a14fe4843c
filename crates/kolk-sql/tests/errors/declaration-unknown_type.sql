CREATE STREAM v (a INT, b TEXT) WITH (kafka_topic='v', value_format='JSON');
