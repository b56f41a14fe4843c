CREATE STREAM a (id INT KEY, x INT, t STRING, m MAP<STRING, INT>) WITH (kafka_topic='a', value_format='JSON', partitions=2);
CREATE STREAM b (id INT KEY, y INT) WITH (kafka_topic='b', value_format='JSON', partitions=3);
CREATE STREAM w (id INT KEY, z INT) WITH (kafka_topic='w', value_format='JSON', window_type='TUMBLING', window_size='1 minute');
CREATE STREAM k (v INT) WITH (kafka_topic='k', value_format='KAFKA');
CREATE TABLE p (id INT PRIMARY KEY, q INT) WITH (kafka_topic='p', value_format='JSON');
CREATE TABLE q (id INT PRIMARY KEY, r BIGINT) WITH (kafka_topic='q', value_format='JSON');
CREATE STREAM c AS SELECT x FROM a JOIN a WITHIN 1 HOUR ON a.id = a.id;
CREATE STREAM d AS SELECT * FROM a JOIN p ON a.id = p.id;
CREATE STREAM e AS SELECT id FROM a JOIN p ON a.id = p.id;
