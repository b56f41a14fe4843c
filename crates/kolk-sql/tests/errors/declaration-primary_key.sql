CREATE STREAM v (id INT PRIMARY KEY) WITH (kafka_topic='v', value_format='JSON');
