CREATE STREAM visits (a ARRAY<INT>) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT a[0] AS b FROM visits;
