"""The build, on the connected side: parts are gathered and judged, papers written, one ``.tar`` made of it.

The same inputs give the same bytes. What does not belong in a bundle stops the build, by name.
"""
