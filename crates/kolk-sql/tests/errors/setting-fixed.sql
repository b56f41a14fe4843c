SET 'ksql.functions.substring.legacy.args' = 'false';
SET 'use.exact.numeric.comparison' = 'true';
