CREATE SOURCE STREAM v (a STRING) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w (a STRING) WITH (kafka_topic='w', value_format='JSON');
INSERT INTO v SELECT * FROM w;
