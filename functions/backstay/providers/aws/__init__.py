"""Amazon RDS and Aurora, S3, EventBridge, Lambda, Secrets Manager."""
