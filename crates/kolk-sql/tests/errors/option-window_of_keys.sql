CREATE STREAM v (k INT KEY, a INT) WITH (kafka_topic='v', value_format='JSON', window_size='1 hour');
CREATE STREAM w (k INT KEY, a INT) WITH (kafka_topic='v', value_format='JSON', window_type='session', window_size='1 hour');
CREATE STREAM x (k INT KEY, a INT) WITH (kafka_topic='v', value_format='JSON', window_type='tumbling');
