CREATE STREAM v (a INT, b INT) WITH (kafka_topic='v', value_format='JSON', wrap_single_value=TRUE);
CREATE STREAM w (a INT) WITH (kafka_topic='v', value_format='KAFKA', wrap_single_value=TRUE);
