CREATE TABLE users (id BIGINT PRIMARY KEY, name STRING, city STRING, age INT)
  WITH (kafka_topic='users', value_format='JSON');
CREATE TABLE adults AS SELECT * FROM users WHERE age >= 18;
CREATE TABLE names AS SELECT UCASE(name) AS name FROM users;
CREATE TABLE per_city AS SELECT city, COUNT(*) AS n, AVG(age) AS age FROM users GROUP BY city;
CREATE TABLE big AS SELECT city FROM per_city WHERE n > 100;
