SET 'dialect' = 'ksqldb';
CREATE TABLE users (id BIGINT PRIMARY KEY, name STRING, city STRING, age INT)
  WITH (kafka_topic='users', value_format='JSON');
CREATE TABLE adults AS SELECT * FROM users WHERE age >= 18;
CREATE TABLE names AS SELECT id AS user_id, UCASE(name), AS_VALUE(id) AS also FROM users;
CREATE TABLE per_city AS SELECT city, COUNT(*), AVG(age) AS age FROM users GROUP BY city;
CREATE TABLE per_group WITH (key_format='JSON') AS SELECT age / 10, city, COUNT(name) AS n FROM users GROUP BY age / 10, city;
