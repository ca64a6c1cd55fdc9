"""The embedded cloud: MiniStack with fidelity patches, a durable runner, the RDS emulator, and who ends them all.

`lab.Lab` is the way in. Nothing here is imported by the product.
"""
