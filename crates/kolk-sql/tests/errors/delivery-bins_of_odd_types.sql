CREATE STREAM visits (page STRING, n ARRAY<INT>) WITH (kafka_topic='v', value_format='JSON');
CREATE STREAM w WITH (delivery='bin_packed', bin_key='n', bin_order_by='page') AS SELECT * FROM visits;
CREATE STREAM x WITH (delivery='bin_packed', bin_key='page', bin_order_by='n') AS SELECT * FROM visits;
CREATE STREAM y WITH (delivery='bin_packed', bin_key='page', bin_order_by='page', bin_interval='0 seconds') AS SELECT * FROM visits;
