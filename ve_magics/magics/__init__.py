"""The notebook face: arguments, display, the portal to the event loop, and one module a magic family."""
