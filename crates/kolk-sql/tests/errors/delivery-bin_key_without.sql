CREATE STREAM v (id INT KEY) WITH (kafka_topic='v');
CREATE STREAM w WITH (bin_key='id') AS SELECT * FROM v;
