"""MiniStack with fidelity patches, in one process of the lab's own environment (`.lab/venv`).

MiniStack's private names are patched, so its version is pinned and asserted; a bump means reading each patch again:
`cloudformation` (properties that a stack would drop), `functions` (environment, asynchronous invocation), `events`
(buses, rules, schedules), `durable` (executions on the runner), `auth` (IAM questions), `record` (who called what).
"""
