"""One module per Lambda function. What they share is a process that makes many values once and keeps them."""

import gc

# A run makes one frozen value after the other and hardly a cycle. By default Python looks through all of them, again
# and again as they become more: half of an audit's processor time. Cycles are found all the same, later.
gc.set_threshold(50_000, 50, 50)
