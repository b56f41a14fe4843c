INSERT INTO visits;
