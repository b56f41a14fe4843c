/* a comment
SET 'dialect' = 'kolk';
