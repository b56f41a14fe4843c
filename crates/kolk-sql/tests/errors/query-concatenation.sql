CREATE STREAM visits (n INT, page STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT page + n AS x FROM visits;
