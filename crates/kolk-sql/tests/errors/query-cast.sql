CREATE STREAM visits (flag BOOLEAN) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT CAST(flag AS INT) AS x FROM visits;
