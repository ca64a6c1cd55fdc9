"""MySQL and MariaDB over the wire: logins by PyMySQL, loaded only when somebody logs in."""
