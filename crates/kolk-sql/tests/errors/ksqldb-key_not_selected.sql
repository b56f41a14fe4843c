SET 'dialect' = 'ksqldb';
CREATE STREAM visits (id INT KEY, page STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT page FROM visits;
