CREATE STREAM v (id INT, page STRING) WITH (kafka_topic='v', value_format='JSON', key='id');
CREATE STREAM w (id INT, page STRING) WITH (kafka_topic='v', value_format='JSON', key='pag');
