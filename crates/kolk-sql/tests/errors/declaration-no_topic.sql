CREATE STREAM v (a INT) WITH (value_format='JSON');
