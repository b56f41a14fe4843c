SET 'dialect' = 'ksqldb';
CREATE TABLE users (id BIGINT PRIMARY KEY, name STRING, city STRING, age INT)
  WITH (kafka_topic='users', value_format='JSON');
CREATE TABLE t AS SELECT name FROM users;
