CREATE STREAM visits (page STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT * FROM visits v LEFT JOIN ads a WITHIN 1 MINUTE ON v.page = a.page;
