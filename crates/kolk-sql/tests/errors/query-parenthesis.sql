CREATE STREAM visits (a INT) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT (a + 1 FROM visits;
