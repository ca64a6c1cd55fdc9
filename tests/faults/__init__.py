"""Every recorded API call of every workflow, failing in every way."""
