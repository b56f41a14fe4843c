CREATE STREAM visits (page STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT CASE WHEN page = 'home' THEN 1 ELSE 'none' END AS x FROM visits;
