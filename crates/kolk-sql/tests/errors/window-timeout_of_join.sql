CREATE STREAM visits (page STRING, user STRING) WITH (kafka_topic='visits', value_format='JSON');
CREATE STREAM ads (page STRING) WITH (kafka_topic='ads', value_format='JSON');
CREATE TABLE t AS SELECT v.user, COUNT(*) AS n FROM visits v JOIN ads a WITHIN 1 HOUR ON v.page = a.page
  WINDOW TIMEOUT (50 SECONDS) GROUP BY v.user;
