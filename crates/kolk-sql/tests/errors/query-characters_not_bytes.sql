CREATE STREAM visits (pagé STRING, ünï INT) WITH (kafka_topic='v', value_format='JSON'); CREATE STREAM w AS SELECT pagé, nope FROM visits;
