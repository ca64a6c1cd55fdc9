"""One declaration per Lambda function over entry.py."""
