CREATE STREAM v (a ARRAY<INT>) WITH (kafka_topic='v', value_format='DELIMITED');
CREATE STREAM w (k STRUCT<m MAP<STRING, INT>> KEY, a INT) WITH (kafka_topic='v', format='JSON');
CREATE STREAM x (a INT) WITH (kafka_topic='v', format='NONE');
CREATE STREAM y (a DECIMAL(4, 2)) WITH (kafka_topic='v', value_format='KAFKA');
