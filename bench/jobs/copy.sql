-- Each record as it is, in order, exactly once.
CREATE STREAM visits WITH (kafka_topic = 'visits', value_format = 'JSON');

CREATE STREAM result WITH (kafka_topic = 'result') AS SELECT * FROM visits;
