CREATE STREAM v (a INT) WITH (kafka_topic='v', value_format='DELIMITED', value_delimiter='||');
CREATE STREAM w (a INT) WITH (kafka_topic='v', value_format='DELIMITED', value_delimiter=' ');
CREATE STREAM x (a INT) WITH (kafka_topic='v', value_format='JSON', value_delimiter=';');
