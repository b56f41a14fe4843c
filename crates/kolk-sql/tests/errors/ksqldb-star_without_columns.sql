SET 'dialect' = 'ksqldb';
CREATE STREAM visits WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT * FROM visits;
