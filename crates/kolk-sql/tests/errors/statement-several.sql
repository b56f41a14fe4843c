SET 'dialect' = ;
CREATE STREAM v (a LONG) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w AS SELECT nope FROM v;
SELCT 1;
