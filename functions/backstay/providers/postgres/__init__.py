"""PostgreSQL over the wire: logins by pg8000, loaded only when somebody logs in."""
