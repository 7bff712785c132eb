"""The loop in which a model calls tools: a pure course of steps, and the driver that asks, calls and waits around it.

Nothing here knows the gateway or the session: who asks, who remembers and who approves is handed in.
"""
