CREATE STREAM visits (n INT) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT * FROM visits WHERE n = NULL;
