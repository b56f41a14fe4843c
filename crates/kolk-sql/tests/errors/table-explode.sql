CREATE TABLE t (id INT PRIMARY KEY, tags ARRAY<STRING>) WITH (kafka_topic='t', value_format='JSON');
CREATE TABLE u AS SELECT id, EXPLODE(tags) AS tag FROM t;
