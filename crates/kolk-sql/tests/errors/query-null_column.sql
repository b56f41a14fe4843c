CREATE STREAM visits (a STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT NULL AS x FROM visits;
