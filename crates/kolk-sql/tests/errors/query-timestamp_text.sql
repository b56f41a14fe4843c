CREATE STREAM visits (at TIMESTAMP) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT * FROM visits WHERE at > 'yesterday';
