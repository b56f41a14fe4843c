-- The dynamic joiner: visits wait up to two minutes for the ad that was shown on their page.
CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP, page STRING)
  WITH (kafka_topic='visits', value_format='JSON', timestamp='event_time', watermark_delay='10 minutes');
CREATE STREAM ads (page STRING, display_time TIMESTAMP, campaign_name STRING)
  WITH (kafka_topic='ads', value_format='JSON', timestamp='display_time', watermark_delay='10 minutes');
CREATE STREAM visits_enriched WITH (kafka_topic='visits-enriched', value_format='JSON') AS
  SELECT v.visit_id, v.event_time, v.page AS visit_page, a.page, a.display_time, a.campaign_name
  FROM visits v LEFT JOIN ads a WITHIN (0 SECONDS, 2 MINUTES) ON v.page = a.page EMIT CHANGES;
