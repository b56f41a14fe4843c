CREATE TABLE users (id BIGINT PRIMARY KEY, city STRING) WITH (kafka_topic='users', value_format='JSON');
CREATE TABLE t AS SELECT city, COUNT(*) AS n FROM users WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY city;
