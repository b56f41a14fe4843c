CREATE STREAM visits (page STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT REPLACE(page, 'x') AS p FROM visits;
