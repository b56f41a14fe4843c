CREATE TABLE t (id INT, name STRING) WITH (kafka_topic='t', value_format='JSON');
