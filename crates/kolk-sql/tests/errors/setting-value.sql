SET 'dialect' = 'ksqlDB';
