"""The packaged policy document."""
