"""What flipper-client 1.3.2 does that a kill switch must not rely on, one test per quirk.

A test that fails here after an upgrade says that the quirk is mended: look at what we do about it.
"""
