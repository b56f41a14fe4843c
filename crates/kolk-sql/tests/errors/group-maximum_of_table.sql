SET 'table_aggregates' = 'reversible';
CREATE TABLE users (id BIGINT PRIMARY KEY, name STRING, city STRING, age INT)
  WITH (kafka_topic='users', value_format='JSON');
CREATE TABLE t AS SELECT city, MAX(age) AS oldest, LATEST_BY_OFFSET(name) AS last FROM users GROUP BY city;
