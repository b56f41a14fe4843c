CREATE STREAM v WITH (kafka_topik='v');
