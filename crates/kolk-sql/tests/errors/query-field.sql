CREATE STREAM visits (user STRUCT<ip STRING, login STRING>) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT user->logn FROM visits;
