CREATE STREAM v (a INT, b INT) WITH (kafka_topic='v', value_format='KAFKA');
