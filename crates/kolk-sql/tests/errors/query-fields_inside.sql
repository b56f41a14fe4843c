CREATE STREAM v (a STRUCT<b INT>) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT * FROM v WHERE a->* = 1;
