CREATE STREAM visits (n INT, at TIMESTAMP) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT n + at AS later FROM visits;
