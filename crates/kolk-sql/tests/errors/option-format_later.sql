CREATE STREAM v (a INT) WITH (kafka_topic='v', value_format='AVRO');
