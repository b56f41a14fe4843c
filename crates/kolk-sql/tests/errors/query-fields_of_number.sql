CREATE STREAM v (a INT) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT a->* FROM v;
