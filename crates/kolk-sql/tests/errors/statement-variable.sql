CREATE STREAM v (a INT) WITH (kafka_topic=${topic}, value_format='JSON');
DEFINE topic = 'v';
