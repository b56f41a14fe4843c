CREATE STREAM v WITH (kafka_topic='v', watermark_delay=10);
