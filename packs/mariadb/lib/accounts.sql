-- root is who is root in the container, and nobody else has all privileges.
FLUSH PRIVILEGES;
ALTER USER root@localhost IDENTIFIED VIA unix_socket;
DROP USER mysql@localhost;
-- Named after the container of the build.
DELETE FROM mysql.proxies_priv WHERE host <> 'localhost';
