-- Enrich visits with the ad that was displayed on their page within two minutes, whichever comes first.

SET 'timezone' = 'Europe/Paris';

CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP, page STRING)
  WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 2,
        timestamp = 'event_time', watermark_delay = '10 minutes');

CREATE STREAM ads (page STRING, display_time TIMESTAMP, campaign_name STRING)
  WITH (kafka_topic = 'ads', value_format = 'JSON', partitions = 2,
        timestamp = 'display_time', watermark_delay = '10 minutes');

-- A visit without an ad goes out alone, once, when no ad can come any more.
CREATE STREAM visits_enriched WITH (kafka_topic = 'visits-enriched', value_format = 'JSON') AS
  SELECT v.visit_id, v.event_time, v.page AS visit_page, a.page, a.display_time, a.campaign_name
  FROM visits v LEFT JOIN ads a WITHIN (0 SECONDS, 2 MINUTES) ON v.page = a.page EMIT CHANGES;
