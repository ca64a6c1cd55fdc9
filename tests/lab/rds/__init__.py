"""The lab's Amazon RDS: the strict query API over real PostgreSQL servers (`python -m tests.lab.rds`)."""
