CREATE TABLE t (id INT PRIMARY KEY) WITH (kafka_topic='t', value_format='JSON');
