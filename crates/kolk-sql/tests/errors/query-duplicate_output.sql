CREATE STREAM visits (a STRING, b STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT a, b AS A FROM visits;
