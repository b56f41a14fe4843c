CREATE STREAM visits (n INT) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT SUBSTRING(n, 1) AS p FROM visits;
