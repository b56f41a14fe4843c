CREATE STREAM v (id INT KEY) WITH (kafka_topic='v');
CREATE STREAM w WITH (delivery='bin_packed', bin_key='id') AS SELECT * FROM v;
