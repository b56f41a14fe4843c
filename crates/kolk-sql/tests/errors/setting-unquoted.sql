SET dialect = 'kolk';
