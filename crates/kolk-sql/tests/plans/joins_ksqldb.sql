SET 'dialect' = 'ksqldb';
CREATE STREAM orders (id BIGINT KEY, item STRING, qty INT) WITH (kafka_topic='orders', value_format='JSON');
CREATE STREAM parcels (id BIGINT KEY, item STRING, weight DOUBLE) WITH (kafka_topic='parcels', value_format='JSON');
CREATE TABLE items (item STRING PRIMARY KEY, price DOUBLE) WITH (kafka_topic='items', value_format='JSON');
-- Without GRACE at once, and rows are kept for a day.
CREATE STREAM sent AS SELECT * FROM orders o LEFT JOIN parcels p WITHIN 10 MINUTES ON o.id = p.id;
CREATE STREAM sent_once AS
  SELECT o.item, p.id, p.ROWTIME FROM orders o LEFT JOIN parcels p WITHIN 10 MINUTES GRACE PERIOD 1 MINUTE ON p.id = o.id;
CREATE STREAM everything AS
  SELECT ROWKEY AS k, o.qty, p.weight FROM orders o FULL JOIN parcels p WITHIN 1 HOUR ON o.id = p.id;
CREATE STREAM computed AS
  SELECT ROWKEY AS k, o.id, p.id FROM orders o JOIN parcels p WITHIN 1 HOUR ON o.id + 1 = p.id * 2;
CREATE STREAM priced AS
  SELECT i.item, o.id, qty * price AS total FROM orders o JOIN parcels p WITHIN 1 HOUR ON o.id = p.id
  JOIN items i ON o.item = i.item;
