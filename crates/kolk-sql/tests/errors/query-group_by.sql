CREATE STREAM visits (page STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT page FROM visits GROUP BY page;
