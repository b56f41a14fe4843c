SET 'dialekt' = 'kolk';
