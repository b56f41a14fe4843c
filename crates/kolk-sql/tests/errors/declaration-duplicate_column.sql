CREATE STREAM v (page STRING, Page STRING) WITH (kafka_topic='v', value_format='JSON');
