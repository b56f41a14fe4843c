CREATE STREAM v WITH (kafka_topic='v');
CREATE STREAM w WITH (delivery='exactly_once', processing='at_least_once') AS SELECT * FROM v;
