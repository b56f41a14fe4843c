SET 'dialect' = 'ksqldb';
CREATE STREAM visits (id INT KEY, page STRING, `Mixed` STRING) WITH (kafka_topic='visits', value_format='JSON');
CREATE STREAM homes AS SELECT id, page, `Mixed` FROM visits WHERE page = 'home';
CREATE STREAM all_of_it WITH (format='JSON') AS SELECT * FROM homes;
