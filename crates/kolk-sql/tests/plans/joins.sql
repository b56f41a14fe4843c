CREATE STREAM orders (id INT, customer BIGINT KEY, shop STRUCT<city STRING>, at TIMESTAMP)
  WITH (kafka_topic='orders', value_format='JSON', timestamp='at');
CREATE STREAM payments (order_id BIGINT, amount DOUBLE) WITH (kafka_topic='payments', value_format='JSON');
CREATE TABLE customers (id BIGINT PRIMARY KEY, name STRING, town STRING)
  WITH (kafka_topic='customers', value_format='JSON');
CREATE TABLE addresses (id BIGINT PRIMARY KEY, street STRING)
  WITH (kafka_topic='addresses', value_format='JSON');
CREATE TABLE towns (name STRING PRIMARY KEY, country STRING) WITH (kafka_topic='towns', value_format='JSON');

-- Types are brought together, what is computed becomes a column, and late rows go to a topic.
CREATE STREAM paid WITH (late='paid-late') AS
  SELECT o.id, p.amount, o.ROWTIME AS ordered_at
  FROM orders o JOIN payments p WITHIN 1 HOUR GRACE PERIOD 5 MINUTES ON p.order_id = o.id;
CREATE STREAM by_city AS
  SELECT * FROM orders JOIN towns ON orders.shop->city = name;
-- From left to right: two tables, of which the second goes by the key of the first join.
CREATE STREAM addressed AS
  SELECT o.id, c.name, a.street
  FROM orders o LEFT JOIN customers c ON o.customer = c.id LEFT JOIN addresses a ON o.customer = a.id;
CREATE TABLE households AS
  SELECT c.name, a.street FROM customers c FULL OUTER JOIN addresses a ON c.id = a.id;
CREATE TABLE placed AS
  SELECT c.name, t.country FROM customers c LEFT JOIN towns t ON c.town = t.name;
-- With itself, and in groups.
CREATE STREAM twice AS
  SELECT one.id AS first, two.id AS second
  FROM orders one JOIN orders two WITHIN (0 SECONDS, 1 MINUTE) ON one.customer = two.customer
  WHERE one.id <> two.id;
CREATE TABLE sales AS
  SELECT name, COUNT(*) AS orders FROM orders o JOIN customers c ON o.customer = c.id GROUP BY name;
