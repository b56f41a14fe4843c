CREATE STREAM visits (a INT) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT a + 9223372036854775808 AS b FROM visits;
