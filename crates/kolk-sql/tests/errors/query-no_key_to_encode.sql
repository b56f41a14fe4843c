CREATE STREAM visits (a INT) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w WITH (key_format='JSON') AS SELECT a FROM visits;
