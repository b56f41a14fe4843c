-- Orders → two tables of PostgreSQL: every order as a row (append), and what each customer has spent (a row for each, which the next
-- one takes the place of). Rows and positions in the input are one transaction there, so each effect is there exactly once.

CREATE STREAM orders (customer STRING KEY, item STRING, cents BIGINT, at TIMESTAMP)
  WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 2, timestamp = 'at');

CREATE STREAM order_log WITH (
    connector = 'postgresql', host = '127.0.0.1', port = 5433, database = 'postgres', table = 'order_log',
    mode = 'append', create_table = TRUE) AS
  SELECT customer, item, cents, at FROM orders EMIT CHANGES;

CREATE TABLE spent WITH (
    connector = 'postgresql', host = '127.0.0.1', port = 5433, database = 'postgres', table = 'spent',
    create_table = TRUE) AS
  SELECT customer, COUNT(*) AS orders, SUM(cents) AS cents FROM orders GROUP BY customer EMIT CHANGES;
