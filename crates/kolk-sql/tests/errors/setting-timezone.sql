SET 'timezone' = 'Europe/Pari';
