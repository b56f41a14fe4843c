CREATE TABLE users (id BIGINT PRIMARY KEY, name STRING, city STRING, age INT)
  WITH (kafka_topic='users', value_format='JSON');
CREATE STREAM s AS SELECT * FROM users;
