SET ‘dialect’ = 'kolk';
