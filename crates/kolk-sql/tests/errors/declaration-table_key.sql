CREATE TABLE users (id STRING KEY, name STRING) WITH (kafka_topic='users', value_format='JSON');
