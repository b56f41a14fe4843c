CREATE STREAM a (m MAP<STRING, INT>, x INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (m MAP<STRING, INT>, y INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM c AS SELECT x, y FROM a JOIN b WITHIN 1 HOUR ON a.m = b.m;
