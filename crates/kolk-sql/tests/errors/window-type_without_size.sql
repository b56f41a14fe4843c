CREATE STREAM v (a STRING KEY) WITH (kafka_topic='v', value_format='JSON', window_type='HOPPING');
